"""A process that has imported the program once, and forks for each run.

Importing takes a small machine a second or two, and the tests run the command some thousand times. The fork
runs the command's own `main` in a process of its own, which can be killed like any other.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

NUMBER = struct.Struct("q")
ORDER_BYTES = 1 << 16


class Child:
    """A run of the command.

    Args:
        report: A pipe on which its process id comes, then its exit status. Closed by `close`.
    """

    def __init__(self, report: int) -> None:
        self._report = report
        self._status: int | None = None
        self.pid = self._number()

    def poll(self) -> int | None:
        """Return the exit status as `subprocess` gives it, or None while it runs."""
        if self._status is None and select.select([self._report], [], [], 0)[0]:
            self._status = self._number()
        return self._status

    def wait(self, seconds: float) -> int:
        """Wait for the end and return the exit status."""
        if self._status is None and not select.select([self._report], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired("tap-reports", seconds)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def close(self) -> None:
        """End it, whatever it does."""
        if self._report < 0:
            return
        self.send_signal(signal.SIGKILL)
        self.wait(60)
        os.close(self._report)
        self._report = -1

    def _number(self) -> int:
        data = os.read(self._report, NUMBER.size)
        if len(data) != NUMBER.size:
            raise RuntimeError("the fork server has ended")
        (number,) = NUMBER.unpack(data)
        return int(number)


class ForkServer:
    """Starts runs of the command. Safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(
        self, arguments: list[str], environment: dict[str, str], *, stdout: int, stderr: int, days: float = 0
    ) -> Child:
        """Start the command with its output to these descriptors, which stay open here, and its clock so
        many days ahead.
        """
        order = json.dumps({"arguments": arguments, "environment": environment, "days": days}).encode()
        reader, writer = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._control, [order], [stdout, stderr, writer])
        finally:
            os.close(writer)
        return Child(reader)

    def close(self) -> None:
        self._control.close()  # that ends it
        self._process.wait(60)


@functools.cache
def shared() -> ForkServer:
    """Return the fork server of this test process; it ends with it."""
    server = ForkServer()
    atexit.register(server.close)
    return server


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork a run for each order. Returns in the forked process alone, with the order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system collects the ended processes
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, ORDER_BYTES, 3)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            keep(*descriptors)
            order: dict[str, Any] = json.loads(data)
            return order
        for descriptor in descriptors:
            os.close(descriptor)


def keep(stdout: int, stderr: int, report: int) -> None:
    """Fork the run itself, and tell of it until its end. Returns in the run alone."""
    if pid := os.fork():
        os.close(stdout)
        os.close(stderr)
        os.write(report, NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        os.write(report, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.close(report)
    for given, own in ((stdout, 1), (stderr, 2)):
        os.dup2(given, own)
        os.close(given)


def set_clock_ahead(days: float) -> None:
    """Have the run take another day for today."""
    from tap_reports.clock import SystemClock

    now = SystemClock.now
    SystemClock.now = lambda self: now(self) + dt.timedelta(days=days)  # type: ignore[method-assign]


def read_modules() -> None:
    """Import all that a run may need."""
    import tap_reports

    for module in pkgutil.walk_packages(tap_reports.__path__, "tap_reports."):
        if not module.name.startswith("tap_reports.sandbox"):
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)
    for name in ("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError("a process with threads can't be forked")
    gc.freeze()


if __name__ == "__main__":
    channel = socket.socket(fileno=int(sys.argv[1]))
    read_modules()
    from tap_reports.__main__ import main

    ordered = serve(channel)
    os.environ.clear()
    os.environ.update(ordered["environment"])
    sys.argv = ["tap-reports", *ordered["arguments"]]
    if ordered["days"]:
        set_clock_ahead(ordered["days"])
    main()
