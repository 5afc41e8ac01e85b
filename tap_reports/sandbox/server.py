"""HTTP plumbing: two loopback origins, their routes, and faults on the wire."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.http import (
    Answer,
    Refusal,
    Request,
    Route,
    answer_json,
    corrupt,
    find_route,
    instead,
    pieces,
)
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Shared

logger = logging.getLogger("tap-reports.sandbox")

CHUNK = 1 << 16
INSTEAD = {Action.STATUS, Action.HTML, Action.GARBAGE}


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call that came in. The query is left out of the path."""

    time: dt.datetime
    vendor: str
    kind: str
    method: str
    path: str
    status: int
    had_credentials: bool
    job_id: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as the control API shows it."""
        return {**asdict(self), "time": self.time.isoformat()}


class Origin(ThreadingHTTPServer):
    """One origin (host and port) with its routes; runs in threads of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, routes: list[Route], shared: Shared, calls: list[RecordedCall]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.routes = routes
        self.shared, self.calls = shared, calls
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, and remember it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong; that the other side left is not worth a line."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        logger.log(level, "Call from %s failed", client_address, exc_info=error)


class Handler(BaseHTTPRequestHandler):
    """Reads a call, has it answered, sends the answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def do_GET(self) -> None:
        """Serve any method."""
        request = self._read()
        method = "GET" if request.method == "HEAD" else request.method
        route, request.params, known = find_route(self.server.routes, method, request.path)
        if route is None:
            self._send(request, answer_json({"message": "no such path or method"}, 405 if known else 404))
        else:
            self._serve(route, request)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log a call at debug level; the query of a link is a secret even here."""
        logger.debug("%s", re.sub(r"\?\S*", "", format % args))

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        return Request(self.command, unquote(parts.path), query, self.headers, body)

    def _serve(self, route: Route, request: Request) -> None:
        shared = self.server.shared
        kind = route.kind_of(request) if route.kind_of else route.kind
        if kind != "control":
            request.fault = shared.faults.take(route.vendor, kind)
        if kind == "submit":
            shared.jobs.calls[route.vendor] += 1
        answer = self._answer(route, request)
        if kind != "control":
            what = (route.vendor, kind, request.method, request.path, answer.status if answer else 0)
            had, job_id = request.had_credentials, request.job_id
            self.server.calls.append(RecordedCall(shared.time.now(), *what, had, job_id, request.query))
        if answer is None:
            self._reset()
        else:
            self._send(request, answer)

    def _answer(self, route: Route, request: Request) -> Answer | None:
        """Return what to send; None: break the connection."""
        fault = request.fault
        if fault is not None and fault.action is Action.HANG:
            time.sleep(self.server.shared.options.real(fault.seconds))
        if request.hit_by(Action.RESET):
            return None
        if fault is not None and fault.action in INSTEAD:
            return instead(fault, self.server.shared.time.now())
        try:
            answer = route.handle(request)
        except Refusal as refusal:
            answer = refusal.answer
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            logger.warning("A call of kind %s could not be read", route.kind, exc_info=True)
            message = f"the call could not be read: {error}"
            answer = answer_json({"error": "bad_request", "message": message}, 400)
        job = self.server.shared.jobs.get(route.vendor, request.job_id)
        if job and fault is not None and route.kind == "submit":
            job.bind(fault)
        return None if request.hit_by(Action.LOST_ANSWER) else answer

    def _reset(self) -> None:
        """Break the connection so that the other side sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _send(self, request: Request, answer: Answer) -> None:
        fault = request.fault
        if request.hit_by(Action.CORRUPT_GZIP):
            answer = Answer(answer.status, corrupt(answer.content()), "application/gzip")
        first, last = self._range(request, answer)
        length = last - first
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if request.method == "HEAD" or answer.status == HTTPStatus.NOT_MODIFIED:
            return  # a body would be read as the next answer on the connection
        if fault is not None and fault.action is Action.TRUNCATED:
            last = first + int(length * fault.keep)
            self.close_connection = True
        slow = fault.seconds / 10 if fault is not None and fault.action is Action.SLOW else 0.0
        size = max(1, -(-length // 10)) if slow else CHUNK
        for piece in pieces(answer, first, last, size):
            self.wfile.write(piece)
            if slow:
                time.sleep(self.server.shared.options.real(slow))

    def _range(self, request: Request, answer: Answer) -> tuple[int, int]:
        """Return the first byte to send and the one after the last; a range turns 200 into 206 or 416."""
        size = answer.size
        if not isinstance(answer.body, Path) or self.server.shared.options.has(Switch.NO_RANGE):
            return 0, size
        answer.headers["Accept-Ranges"] = "bytes"
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        tag = answer.headers.get("ETag")
        if not match or request.headers.get("If-Range", tag) != tag:
            return 0, size
        first, last = int(match[1]), min(size, int(match[2] or size) + 1)
        if first >= size:
            answer.status, answer.body = 416, b""
            answer.headers["Content-Range"] = f"bytes */{size}"
            return 0, 0
        answer.status = 206
        answer.headers["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
        return first, last
