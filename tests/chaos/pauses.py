"""Stops a run at a step from outside: the sandbox delays a call, or another transaction locks the ledger."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from command import MAX_SECONDS

from tap_reports.clock import SystemClock
from tap_reports.ledger.ledger import Ledger
from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.server import Handler


class Gate:
    """Holds back calls to the sandbox, from the nth of a kind on: before they are handled, or the answers."""

    def __init__(self, vendor: str, kind: str, nth: int, *, answer: bool) -> None:
        self._vendor, self._kind, self._nth, self._answer = vendor, kind, nth, answer
        self._seen = 0
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self.reached = threading.Event()
        self.dropped = False
        self._is_up = True

    def open(self, *, drop: bool = False) -> None:
        """Let the calls go on; or forget them, as if they had never arrived."""
        self.dropped = drop
        self._opened.set()

    def take_down(self) -> None:
        """Hold nothing back any more."""
        self._is_up = False

    def passed(self, vendor: str, kind: str, *, answer: bool) -> bool:
        """Wait if this is the call; returns False if it is to be forgotten."""
        if not self._is_up or (vendor, kind, answer) != (self._vendor, self._kind, self._answer):
            return True
        with self._lock:
            self._seen += 1
            if self._seen < self._nth:
                return True
        self.reached.set()
        self._opened.wait(MAX_SECONDS)
        return not self.dropped


def install_gate(sandbox: Sandbox, gate: Gate) -> None:
    """Have a sandbox's calls pass a gate."""

    class Gated(Handler):
        def _answer(self, route: Any, request: Any) -> Any:
            kind = route.kind_of(request) if route.kind_of else route.kind
            if not gate.passed(route.vendor, kind, answer=False):
                return None
            answer = super()._answer(route, request)
            gate.passed(route.vendor, kind, answer=True)
            return answer

    for origin in sandbox._origins:
        origin.RequestHandlerClass = Gated


@contextlib.contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Hold the ledger's database, so that nobody else can write it; reading it goes on."""
    Ledger.open(str(ledger), clock=SystemClock()).close()  # its tables are there
    connection = sqlite3.connect(ledger, isolation_level=None, timeout=MAX_SECONDS)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def waits_for_a_lock(pid: int) -> bool:
    """Return whether a thread of a process sleeps, as SQLite does until a database can be written."""
    with contextlib.suppress(OSError):  # it has ended
        return any("nanosleep" in path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/wchan"))
    return False
