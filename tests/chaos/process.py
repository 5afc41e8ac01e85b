"""The command as a process of its own, its output read as a target would, or left unread."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import threading
import time
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fork_server import ForkServer
from pauses import PATIENCE, until

LOOK = 0.02
"""Seconds between two looks of whoever waits for something."""
PIPE_BYTES = 4096


class Process:
    """A run. Leaving its context ends it and closes all that it opened.

    Args:
        fork_server: Starts it.
        folder: Where it keeps state, temporary files and its log.
        arguments: Its command line.
        reads: Nobody reads on after so many records; 0 or None: all is read.
        days: How many days its clock is ahead.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        folder: Path,
        arguments: list[str],
        *,
        reads: int | None = None,
        days: int = 0,
    ) -> None:
        self.lines: list[str] = []
        self.rest = b""
        self._pauses = False
        self._limit = reads
        self._reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        # Opened again: whether writing waits is a property of the opened file, which the child shares.
        self._filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        self._errors = folder / f"stderr-{time.monotonic_ns()}.txt"
        own = {name: value for name, value in os.environ.items() if not name.startswith("TAP_REPORTS_")}
        with self._errors.open("wb") as errors:
            self.child = fork_server.start(
                arguments,
                {**own, "XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder)},
                stdout=writer,
                stderr=errors.fileno(),
                days=days,
            )
        os.close(writer)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close()
        self.read_on()
        self._thread.join(PATIENCE)
        os.close(self._reader)

    @property
    def stderr(self) -> str:
        return self._errors.read_text(errors="replace")

    def until(self, condition: Any, what: str) -> None:
        """Wait for a step.

        Raises:
            AssertionError: It was not reached in time, or the run ended before; with the end of its log.
        """
        until(lambda: condition() or self.child.poll() is not None, what)
        if self.child.poll() is not None:
            raise AssertionError(f"it ended before: {what}\n{self.stderr[-2000:]}")

    def read_on(self) -> None:
        """Read whatever comes from now on."""
        self._limit, self._pauses = None, False
        if self._filler >= 0:
            os.close(self._filler)
            self._filler = -1

    def stop_reading(self) -> None:
        """Read nothing more, and leave no room: whatever the command writes now waits."""
        self._pauses = True
        time.sleep(2 * LOOK)
        with contextlib.suppress(BlockingIOError):
            while os.write(self._filler, b"\n"):
                pass

    def wait(self) -> int:
        """Read on to the end. Returns the exit status."""
        status = self.child.wait(PATIENCE)
        self.read_on()
        self._thread.join(PATIENCE)
        return status

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The whole lines that came."""
        return [json.loads(line, parse_float=Decimal) for line in self.lines if line.strip()]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [one["value"] for one in self.messages if one["type"] == "STATE"]

    def _read(self) -> None:
        records = 0
        while True:
            if self._pauses or (self._limit and records >= self._limit):
                time.sleep(LOOK)
                continue
            if not select.select([self._reader], [], [], LOOK)[0]:
                continue
            data = os.read(self._reader, PIPE_BYTES)
            if not data:
                return
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                self.lines.append(line.decode())
                records += b'"RECORD"' in line[:20]
