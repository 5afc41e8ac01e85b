"""A vendor's API as a table of recorded answers, over HTTP."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or "null")


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class RecordedServer:
    """Answers `METHOD /path` with what was recorded for it, call by call; the last answer again and again.

    Args:
        answers: By call. Each is JSON, text, bytes, a status, or a whole `Answer`; `{url}` in JSON, text and
            headers is the server's.
    """

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self.answers = answers
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.recorded = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def calls_to(self, call: str) -> list[Call]:
        """Return the calls of a `METHOD /path`."""
        return [one for one in self.calls if f"{one.method} {one.path}" == call]

    def bodies(self, call: str) -> list[Any]:
        """Return what came with each call of a `METHOD /path`."""
        return [one.json for one in self.calls_to(call)]

    def answer(self, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            answers = self.answers.get(f"{call.method} {call.path}", [404])
            content = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(content, Answer):
            headers = {name: text.replace("{url}", self.url) for name, text in content.headers.items()}
            return Answer(content.status, content.body, headers)
        if isinstance(content, int):
            return Answer(content)
        if isinstance(content, bytes):
            return Answer(body=content)
        text = content if isinstance(content, str) else json.dumps(content)
        return Answer(body=text.replace("{url}", self.url).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recorded: RecordedServer

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        answer = self.server.recorded.answer(Call(self.command, parts.path, query, headers, body))
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, *_: Any) -> None:
        """Stay silent."""
