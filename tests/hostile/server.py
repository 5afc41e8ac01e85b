"""A hostile vendor: Digital Turbine's API on loopback, with bytes that no library would send."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = Callable[[socket.socket], None]

GOOD = b"Date,Country,Clicks,Spend\n2026-11-10,US,1,1.50\n2026-11-11,CA,2,2.25\n"
SECRET = "client-secret-of-a-test"


def reply(body: bytes, status: str = "200 OK", **headers: str) -> Reply:
    """A whole answer."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{named}\r\n".encode("latin-1")
    return lambda connection: connection.sendall(head + body)


def raw(*parts: bytes, times: int = 1, pause: threading.Event | None = None) -> Reply:
    """Bytes as they are: the first, then the others again and again, with a second between them if wanted."""

    def send(connection: socket.socket) -> None:
        connection.sendall(parts[0])
        for _ in range(times):
            for part in parts[1:]:
                if pause and pause.wait(1):
                    return
                connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)

    return send


class Vendor:
    """Answers token, report and file; a test replaces some of the answers. Counts the report requests."""

    def __init__(
        self, *, token: Reply | None = None, report: Reply | None = None, files: list[Reply]
    ) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._token = token or reply(json.dumps({"accessToken": "token", "expiresIn": 3600}).encode())
        self._report = report or reply(json.dumps({"signed_url": f"{self.url}/file?sig=signature"}).encode())
        self._files = iter(files)
        self._last = files[-1]
        self.submissions = 0

    def serve(self) -> None:
        """Answer until the listener is closed, each connection in a thread."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _answer_all(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while request := stream.readline():
                    length = 0
                    while (line := stream.readline().strip()) != b"":
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    stream.read(length)
                    self._reply_to(request.split()[1].decode())(connection)
            except (OSError, IndexError):
                return

    def _reply_to(self, path: str) -> Reply:
        if path.startswith("/auth/"):
            return self._token
        if path.startswith("/api/"):
            self.submissions += 1
            return self._report
        return next(self._files, self._last)


@contextmanager
def running(vendor: Vendor) -> Iterator[Vendor]:
    """Serve while the block lasts."""
    thread = threading.Thread(target=vendor.serve, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        vendor.close()
        thread.join()
