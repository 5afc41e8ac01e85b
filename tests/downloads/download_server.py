"""A real server whose answers a test scripts."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(range(256)) * 4096 * 3  # 3 MiB
HALF = len(BODY) // 2
ETAG = '"v1"'
DEADLINE = 3600.0
LINK_QUERY = "?X-Signature=do-not-show"


class Clock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Server(ThreadingHTTPServer):
    """Answers each request by the next function of `script`; the last one answers all further ones."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = []
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is part of some tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(self)
        script = self.server.script
        answer = script.pop(0) if len(script) > 1 else script[0]
        answer(self)
        self.close_connection = True

    def log_message(self, *_arguments) -> None:
        """Quiet."""

    def hang_up(self) -> None:
        """Reset the connection."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def whole(body=BODY, **headers):
    return lambda handler: send(handler, 200, body, headers)


def send(handler, status, body=b"", headers=None, length=None):
    handler.send_response(status)
    named = {"Connection": "close", "Content-Length": len(body) if length is None else length}
    named |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    for name, value in named.items():
        if value is not None:
            handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def status(code, body=b"", **headers):
    return lambda handler: send(handler, code, body, headers)


def cut(upto=HALF, *, body=BODY, **headers):
    """The first half, then the connection ends in order."""
    return lambda handler: send(handler, 200, body[:upto], headers, length=len(body))


def reset(**headers):
    """The first half, then the connection is reset."""

    def answer(handler):
        send(handler, 200, BODY[:HALF], headers, length=len(BODY))
        handler.hang_up()

    return answer


def ranged(body=BODY, etag=ETAG, **changes):
    """A server that sends the requested range, if the file is still the same."""

    def answer(handler):
        requested = handler.headers.get("Range")
        if not requested or handler.headers.get("If-Range") != etag:
            send(handler, 200, body, {"ETag": etag})
            return
        first = int(requested.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
        send(handler, 206, body[first:], headers | changes)

    return answer


@contextlib.contextmanager
def running():
    server = Server()
    # A short poll: every test waits for the server to end.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
