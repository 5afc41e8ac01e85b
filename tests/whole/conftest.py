"""The tap as its users run it: a process of its own, against the sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fork_server import ForkServer

from tap_reports.sandbox import Sandbox

TODAY = "2026-03-20"
PATIENCE = 120.0
"""Seconds for a run, or a step of one; only a failing test waits so long."""


@dataclass
class Result:
    """What a run printed."""

    status: int
    stderr: str
    messages: list[dict[str, Any]] = field(repr=False)

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

    def bookmark(self, stream: str) -> str | None:
        return self.state["bookmarks"][stream].get("replication_key_value")


class Running:
    """A run that is under way."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process = process
        self._errors = errors

    @property
    def stderr(self) -> str:
        """What it has logged so far."""
        return self._errors.read_text(errors="replace")

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something that happens while it runs."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"it has ended:\n{self.stderr[-3000:]}"
            assert time.monotonic() < end, f"it never came:\n{self.stderr[-3000:]}"
            time.sleep(0.01)

    def wait(self) -> tuple[int, str]:
        """Read on to the end. Returns the exit status and what was printed."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out


class Program:
    """Runs the command in a folder of its own."""

    def __init__(self, folder: Path, fork_server: ForkServer) -> None:
        self.folder = folder
        self._fork_server = fork_server
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAP_REPORTS_")},
            "XDG_STATE_HOME": str(folder / "state"),
            "TMPDIR": str(folder),
        }

    def write(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def command(self, config: Any, *options: str, state: Any = None, catalog: Any = None) -> list[str]:
        command = [sys.executable, "-m", "tap_reports"]
        if config is not None:
            command += ["--config", self.write("config.json", config)]
        if state is not None:
            command += ["--state", self.write("state.json", state)]
        if catalog is not None:
            command += ["--catalog", self.write("catalog.json", catalog)]
        return [*command, *options]

    @contextlib.contextmanager
    def start(
        self, config: Any, *options: str, stdout: Any = subprocess.PIPE, **given: Any
    ) -> Iterator[Running]:
        """Start the command; whatever happens, it is ended and its pipes are closed in the end."""
        path = self.folder / "stderr.txt"
        with (
            path.open("wb") as errors,
            subprocess.Popen(
                self.command(config, *options, **given),
                stdout=stdout,
                stderr=errors,
                env=self.environment,
                text=True,
                stdin=subprocess.DEVNULL,
            ) as process,
        ):
            try:
                yield Running(process, path)
            finally:
                process.kill()

    def text(self, config: Any, *options: str, **given: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, in a fork that need not import the program again."""
        out, errors = self.folder / "stdout.txt", self.folder / "stderr.txt"
        arguments = self.command(config, *options, **given)[3:]
        with out.open("wb") as to, errors.open("wb") as log:
            child = self._fork_server.start(
                arguments, self.environment, stdout=to.fileno(), stderr=log.fileno()
            )
        try:
            status = child.wait(PATIENCE)
        finally:
            child.close()
        return subprocess.CompletedProcess(arguments, status, out.read_text(), errors.read_text())

    def run(self, config: Any, *options: str, **given: Any) -> Result:
        done = self.text(config, *options, **given)
        messages = [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]
        return Result(done.returncode, done.stderr, messages)

    def left_behind(self) -> list[str]:
        return [path.name for path in self.folder.glob("tap-reports-*")]


@pytest.fixture(scope="session")
def fork_server():
    with ForkServer() as running:
        yield running


@pytest.fixture
def program(tmp_path, fork_server) -> Program:
    return Program(tmp_path, fork_server)


@pytest.fixture
def sandbox():
    with Sandbox(rows=40, speed=600, today=TODAY) as running:
        yield running
