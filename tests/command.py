"""Runs the command as users do, in its own process; tests look at what it prints."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from fork_server import start
from run_messages import RunMessages, parse

POLLS = {"poll_interval_seconds": 0.05, "poll_max_interval_seconds": 0.05}
FAST = {**POLLS, "retry_backoff_seconds": 0.05}
MAX_SECONDS = 120.0
"""Seconds for a run, or a step of it. Only a failing test waits this long."""
READ_INTERVAL_SECONDS = 0.02
"""Seconds between two reads of a run's output."""
PIPE_BYTES, READ_BYTES = 4096, 1 << 16


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens, as long as nobody else on this machine takes them."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


@dataclass
class Printed(RunMessages):
    """The output of a run; `status` is None while it runs."""

    status: int | None
    stdout: str
    stderr: str

    @cached_property
    def messages(self) -> list[dict[str, Any]]:  # type: ignore[override]
        return parse(self.stdout)

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def everything(self) -> str:
        return self.stdout + self.stderr


class Running:
    """A run in a forked process. Leaving its context ends it and closes its files.

    Args:
        arguments: Its command line.
        environment: Its variables.
        log: Where its standard error goes.
        reads: Reading stops after this many records, or with 0 at `stop_reading`; None: all is read.
        days: By how many days its clock is ahead.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        *,
        reads: int | None = None,
        days: float = 0,
    ) -> None:
        self.lines: list[str] = []
        self._rest = b""
        self._log = log
        self._limit, self._pauses, self._is_filled = reads, False, False
        self.reader, writer = os.pipe()
        self._filler = -1
        if reads is not None:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            # Opened again: whether writing waits is a property of the opened file, which the child shares.
            self._filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        with log.open("wb") as errors:
            self.process = start(arguments, environment, stdout=writer, stderr=errors.fileno(), days=days)
        os.close(writer)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def printed(self) -> Printed:
        """The output so far; of standard output only whole lines."""
        return Printed(self.status, "".join(f"{one}\n" for one in self.lines), self.stderr)

    @property
    def status(self) -> int | None:
        """Its exit status, as `subprocess` has it; None while it is under way."""
        return self.process.exitcode

    @property
    def stderr(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], Any], what: str = "what was waited for") -> None:
        """Wait for a step. If the run does not reach it in time, it is killed and the test fails."""
        end = time.monotonic() + MAX_SECONDS
        while not ready():
            if time.monotonic() > end or self.status is not None:
                self.close()  # so that it takes no other test along
                raise AssertionError(f"it never came: {what}\n{self.stderr[-2000:]}")
            time.sleep(0.01)

    def read_on(self) -> None:
        """Read all further output."""
        self._limit, self._pauses = None, False
        if self._filler >= 0:
            os.close(self._filler)
            self._filler = -1

    def stop_reading(self) -> None:
        """Stop reading and fill the pipe, so that the command's next write blocks."""
        self._pauses = self._is_filled = True
        time.sleep(2 * READ_INTERVAL_SECONDS)
        with contextlib.suppress(BlockingIOError):
            while os.write(self._filler, b"\n"):
                pass

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.status is None:
            os.kill(self.process.pid, number)

    def send(self, number: signal.Signals) -> Printed:
        """Send a signal and wait for its end."""
        self.send_signal(number)
        return self.finish()

    def finish(self) -> Printed:
        """Read all output and wait for its end."""
        self.read_on()
        self.process.join(MAX_SECONDS)
        status = self.status
        self.close()
        assert status is not None, f"it did not end\n{self.stderr[-2000:]}"
        return Printed(status, "\n".join([*self.lines, self._rest.decode()]), self.stderr)

    def close(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.join(MAX_SECONDS)
        self.read_on()
        self._thread.join(MAX_SECONDS)
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def _read(self) -> None:
        records = 0
        while True:
            if self._pauses or (self._limit and records >= self._limit):
                time.sleep(READ_INTERVAL_SECONDS)
                continue
            if not select.select([self.reader], [], [], READ_INTERVAL_SECONDS)[0]:
                continue
            data = os.read(self.reader, READ_BYTES if self._limit is None else PIPE_BYTES)
            if not data:
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.lines += [line.decode() for line in lines if line or not self._is_filled]
            records += sum(b'"RECORD"' in line[:20] for line in lines)


class Program:
    """Runs the command with its own files, ledger and temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.ledger = folder / "jobs.sqlite"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAP_REPORTS_")},
            "XDG_STATE_HOME": str(folder / "home"),
            "TMPDIR": str(self.temporary),
        }

    def config(self, **settings: Any) -> dict[str, Any]:
        return {**FAST, "job_ledger": str(self.ledger), **settings}

    def write(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, default=str))
        return str(path)

    def arguments(self, config: Any, *options: str, state: Any = None, catalog: Any = None) -> list[str]:
        given = {"config": config, "state": state, "catalog": catalog}
        files = ((name, self.write(f"{name}.json", one)) for name, one in given.items() if one is not None)
        return [*(part for name, path in files for part in (f"--{name}", path)), *options]

    def start(
        self,
        config: Any,
        *options: str,
        state: Any = None,
        catalog: Any = None,
        reads: int | None = None,
        days: float = 0,
        **environment: str,
    ) -> Running:
        arguments = self.arguments(config, *options, state=state, catalog=catalog)
        log = self.folder / f"stderr-{time.monotonic_ns()}.txt"
        return Running(arguments, {**self.environment, **environment}, log, reads=reads, days=days)

    def run(self, config: Any, *options: str, **given: Any) -> Printed:
        printed = self.start(config, *options, **given).finish()
        is_debugged = "TAP_REPORTS_LOGLEVEL" in {**self.environment, **given}
        assert is_debugged or "Traceback" not in printed.stderr, printed.stderr
        return printed

    def run_itself(self, config: Any, *options: str) -> Printed:
        """Run it in a new interpreter, for tests of what is installed."""
        done = subprocess.run(
            [sys.executable, "-m", "tap_reports", *self.arguments(config, *options)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
        return Printed(done.returncode, done.stdout, done.stderr)

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())
