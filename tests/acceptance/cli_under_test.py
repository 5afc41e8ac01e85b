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


@dataclass
class Printed:
    """What a finished run left."""

    status: int
    stdout: str
    stderr: str
    times: list[float]

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

    def schema(self, stream: str) -> dict[str, Any]:
        return self.schemas(stream)[0]

    @property
    def streams(self) -> list[str]:
        return list(dict.fromkeys(one["stream"] for one in self.messages if one["type"] == "SCHEMA"))

    @property
    def states(self) -> list[dict[str, Any]]:
        return [one["value"] for one in self.messages if one["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1] if self.states else {}

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
    """A run that is under way; its lines are stamped as they come."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.times: list[float] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._out, self._err)]
        for thread in self._threads:
            thread.start()

    def _out(self) -> None:
        for line in self.process.stdout:
            self.times.append(time.monotonic())
            self.lines.append(line)

    def _err(self) -> None:
        self.errors.extend(self.process.stderr)

    def wait_until(self, ready: Callable[[], Any], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                self.finish()  # so that it takes no other test along
                raise AssertionError("it never came:\n" + "".join(self.errors[-20:]))
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> Printed:
        self.process.send_signal(number)
        return self.finish()

    def finish(self, seconds: float = 90) -> Printed:
        try:
            self.process.wait(seconds)
        finally:
            self.process.kill()
            for thread in self._threads:
                thread.join()
            self.process.close()
        assert self.process.returncode is not None
        return Printed(self.process.returncode, "".join(self.lines), "".join(self.errors), self.times)


class Cli:
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

    def start(
        self, config: Any, *options: str, state: Any = None, catalog: Any = None, **environment: str
    ) -> Running:
        command: list[str] = []
        for number, one in enumerate(config if isinstance(config, list) else [config]):
            if one is not None:
                command += ["--config", self.write(f"config{number}.json", one)]
        if state is not None:
            command += ["--state", self.write("state.json", state)]
        if catalog is not None:
            command += ["--catalog", self.write("catalog.json", catalog)]
        return Running(Process(shared(), [*command, *options], {**self.environment, **environment}))

    def run(self, config: Any, *options: str, **given: Any) -> Printed:
        printed = self.start(config, *options, **given).finish()
        assert "TAP_REPORTS_LOGLEVEL" in given or "Traceback" not in printed.stderr, printed.stderr
        return printed

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())


def select(catalog: dict[str, Any], *streams: str) -> dict[str, Any]:
    """The catalog with only these streams selected."""
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return catalog
