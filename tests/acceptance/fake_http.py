"""A small vendor: answers from a function, and remembers each call with its time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Call:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def one(self, name: str) -> str | None:
        return self.query.get(name)


@dataclass
class Answer:
    """What goes back after ``delay`` seconds; ``drop`` closes without a word, ``cut`` ends the body after so
    many bytes.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int | None = None
    stall: threading.Event | None = None
    delay: float = 0.0


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(
        status, json.dumps(value).encode(), headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def as_text(value: str | bytes, status: int = 200, kind: str = "text/csv", **headers: str) -> Answer:
    body = value.encode() if isinstance(value, str) else value
    return Answer(status, body, kind, {name.replace("_", "-"): text for name, text in headers.items()})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        call = Call(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        fake: FakeServer = self.server.fake  # type: ignore[attr-defined]
        with fake.lock:
            fake.calls.append(call)
            answer = fake.answer(call)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        time.sleep(answer.delay)
        if answer.drop:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        self.wfile.write(body)
        self.wfile.flush()
        if answer.stall is not None:
            answer.stall.wait(20)
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _serve

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is part of some tests."""


class FakeServer:
    """Runs while the ``with`` block does; subclasses say how to answer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def answer(self, call: Call) -> Answer:
        raise AssertionError(call.path)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FileHost(FakeServer):
    """The storage that links lead to: another origin than the API."""

    def __init__(self, serve: Callable[[Call], Answer]) -> None:
        super().__init__()
        self._serve_call = serve

    def answer(self, call: Call) -> Answer:
        return self._serve_call(call)


class FakeVendor(FakeServer):
    """An API whose links lead to a host of their own; each answers one call after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.host = FileHost(self.file)

    def file(self, call: Call) -> Answer:
        raise AssertionError(call.path)

    def __enter__(self) -> Any:
        self.host.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.host.__exit__(*error)

    def to(self, part: str, method: str | None = None) -> list[Call]:
        """Calls whose path holds ``part``."""
        with self.lock:
            return [one for one in self.calls if part in one.path and method in (None, one.method)]


def ranged(call: Call, body: bytes, content_type: str = "text/csv") -> Answer:
    """The body, or the rest of it that a ``Range`` header asks for."""
    wanted = call.headers.get("range", "")
    if not wanted.startswith("bytes="):
        return Answer(200, body, content_type, {"Accept-Ranges": "bytes", "ETag": '"one"'})
    start = int(wanted[6:].split("-")[0])
    if start >= len(body):
        return Answer(416, b"", headers={"Content-Range": f"bytes */{len(body)}"})
    span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "ETag": '"one"'}
    return Answer(206, body[start:], content_type, span)
