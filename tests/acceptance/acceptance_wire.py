"""A server that says what a test tells it to, and the tap as a process of its own beside it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fork_server import Process, shared


@dataclass
class Call:
    """One request as the server received it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def one(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]


@dataclass
class Answer:
    """What the server says, after ``delay`` seconds; ``lost`` closes the connection instead."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    declared_length: int | None = None
    delay: float = 0.0


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def as_text(value: str | bytes, status: int = 200, kind: str = "text/csv", **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = value.encode() if isinstance(value, str) else value
    return Answer(status, body, {"Content-Type": kind, **named})


class Wire:
    """An HTTP server on a free loopback port that remembers every call."""

    def __init__(self, answer: Callable[[Call], Answer]) -> None:
        self.calls: list[Call] = []
        self.lock = threading.RLock()
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                call = Call(
                    self.command,
                    parts.path,
                    parse_qs(parts.query, keep_blank_values=True),
                    {name.lower(): text for name, text in self.headers.items()},
                    self.rfile.read(size),
                )
                with wire.lock:
                    wire.calls.append(call)
                    said = answer(call)
                self.say(said)

            def say(self, said: Answer) -> None:
                time.sleep(said.delay)
                if said.lost:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(said.status)
                for name, text in said.headers.items():
                    self.send_header(name, text)
                length = len(said.body) if said.declared_length is None else said.declared_length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(said.body)
                if length != len(said.body):
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def to(self, part: str, method: str | None = None) -> list[Call]:
        """Calls whose path holds ``part``."""
        with self.lock:
            return [one for one in self.calls if part in one.path and method in (None, one.method)]


@dataclass
class Ran:
    """What one run of the command printed."""

    status: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_float=Decimal) for line in self.stdout.splitlines()]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [one["record"] for one in self.messages if one["type"] == "RECORD" and one["stream"] == stream]

    def schemas(self, stream: str) -> list[dict[str, Any]]:
        return [one for one in self.messages if one["type"] == "SCHEMA" and one["stream"] == stream]

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

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def last_words(self) -> str:
        return "\n".join(self.stderr.splitlines()[-12:])


class Tap:
    """Runs the command in a folder of its own; its ledger lies there too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Process] = []
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("TAP_REPORTS_")},
            "XDG_STATE_HOME": str(folder / "state"),
            "TMPDIR": str(folder),
        }

    def write(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content, default=str))
        return str(path)

    def command(self, config: Any, *options: str, state: Any = None, catalog: Any = None) -> list[str]:
        command: list[str] = []
        if config is not None:
            command += ["--config", self.write("config.json", config)]
        if state is not None:
            command += ["--state", self.write("state.json", state)]
        if catalog is not None:
            command += ["--catalog", self.write("catalog.json", catalog)]
        return [*command, *options]

    def start(self, config: Any, *options: str, **given: Any) -> Process:
        extra = given.pop("env", {})
        process = Process(shared(), self.command(config, *options, **given), {**self.environment, **extra})
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a test that failed has left running."""
        for process in self._started:
            process.close()

    def finish(self, process: Process) -> Ran:
        stdout, stderr = process.communicate(timeout=120)
        return Ran(process.returncode, stdout, stderr)

    def run(self, config: Any, *options: str, **given: Any) -> Ran:
        ran = self.finish(self.start(config, *options, **given))
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    def left_behind(self) -> list[str]:
        known = {"config.json", "state.json", "catalog.json", "state"}
        return [path.name for path in self.folder.iterdir() if path.name not in known]


def selected(catalog: dict[str, Any], stream: str, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The catalog with one stream selected, some of its columns not."""
    for entry in catalog["streams"]:
        for one in entry["metadata"]:
            if one["breadcrumb"] == []:
                one["metadata"]["selected"] = entry["tap_stream_id"] == stream
            elif one["breadcrumb"][-1] in without:
                one["metadata"]["selected"] = False
    return catalog


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
