"""The command as its users run it: a process of its own, judged by what it prints."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from fork_server import Process, shared

FAST = {"poll_interval_seconds": 0.05, "poll_max_interval_seconds": 0.05, "retry_backoff_seconds": 0.05}
PATIENCE = 120.0
"""Seconds for a run, or a step of one; only a failing test waits so long."""


@dataclass
class Printed:
    """What a finished run left."""

    status: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_float=Decimal) for line in self.stdout.splitlines()]

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def everything(self) -> str:
        return self.stdout + self.stderr

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [one["record"] for one in self.messages if one["type"] == "RECORD" and one["stream"] == stream]

    def schemas(self, stream: str) -> list[dict[str, Any]]:
        return [one for one in self.messages if one["type"] == "SCHEMA" and one["stream"] == stream]

    @property
    def streams(self) -> list[str]:
        return list(dict.fromkeys(one["stream"] for one in self.messages if one["type"] == "SCHEMA"))

    @property
    def state(self) -> dict[str, Any]:
        return [one["value"] for one in self.messages if one["type"] == "STATE"][-1]

    def mark(self, stream: str) -> dict[str, Any]:
        return self.state.get("bookmarks", {}).get(stream, {})

    def bookmark(self, stream: str) -> str | None:
        return self.mark(stream).get("replication_key_value")

    def pending(self, stream: str) -> list[dict[str, Any]]:
        return self.mark(stream).get("pending_jobs", [])

    @property
    def last_words(self) -> str:
        return "\n".join(self.stderr.splitlines()[-12:])


class Running:
    """A run that is under way."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        pipes = ((process.stdout, self.lines), (process.stderr, self.errors))
        self._threads = [
            threading.Thread(target=into.extend, args=[pipe], daemon=True) for pipe, into in pipes
        ]
        for thread in self._threads:
            thread.start()

    def wait_until(self, ready: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                self.finish()  # so that it takes no other test along
                raise AssertionError("it never came:\n" + "".join(self.errors[-20:]))
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> Printed:
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> Printed:
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            for thread in self._threads:
                thread.join()
            self.process.close()
        assert self.process.returncode is not None
        return Printed(self.process.returncode, "".join(self.lines), "".join(self.errors))


class Program:
    """Runs the command with files, ledger and temporary folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
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
        self, config: Any, *options: str, state: Any = None, catalog: Any = None, **environment: str
    ) -> Running:
        arguments = self.arguments(config, *options, state=state, catalog=catalog)
        return Running(Process(shared(), arguments, {**self.environment, **environment}))

    def run(self, config: Any, *options: str, **given: Any) -> Printed:
        printed = self.start(config, *options, **given).finish()
        is_debugged = "TAP_REPORTS_LOGLEVEL" in {**self.environment, **given}
        assert is_debugged or "Traceback" not in printed.stderr, printed.stderr
        return printed

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())
