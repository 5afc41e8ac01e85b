"""A small HTTP server for the vendors' calls: reads a call within strict limits, passes it on, and answers.

It knows nothing of jobs. One thread serves all connections, one call each. Callers that are slow, send too
much or exceed the number of connections lose their connection and do not delay others.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

import h11

from tap_reports.exceptions import ConfigError

logger = logging.getLogger("tap-reports.postbacks")

MAX_HEAD, MAX_BODY = 16 * 1024, 64 * 1024
"""Bytes of a call's first line and headers, and of its body."""
MAX_CONNECTIONS = 64
MAX_SECONDS = 5.0
"""Maximum time to receive a call; Similarweb waits that long for the answer to its test call."""
REST_BYTES, REST_SECONDS = 256 * 1024, 1.0
"""What is still read and discarded after a refusal, so that the answer arrives before the connection ends."""
CHUNK = 16 * 1024

REMEDIES = {
    errno.EADDRINUSE: "is taken by another program (another run?); wait for its end or choose a free port.",
    errno.EACCES: "is not allowed for this user; choose a port of 1024 or more.",
    errno.EADDRNOTAVAIL: 'is not an address of this machine; "0.0.0.0" stands for all that it has.',
}


class Count(StrEnum):
    """What is counted. Calls are not logged one by one, because any host can send as many as it likes."""

    RECEIVED = "received"
    WOKE = "jobs polled for them"
    LATE = "for jobs no longer waited for"
    UNKNOWN_JOB = "for jobs not known"
    FORGED = "with a wrong secret"
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    TOO_MANY = "over the limit of connections"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Call:
    """A received call: path with query, and body."""

    target: str
    body: bytes = b""


class CallHandler(Protocol):
    """Handles the calls, in the listener's thread. It must not wait."""

    counts: Counter[Count]

    def is_authorized(self, target: str) -> bool:
        """Return whether a call to this path is accepted; otherwise its body is not read."""

    def handle(self, call: Call) -> None:
        """Act on a call."""


class _Refused(Exception):
    """The call is refused with this status."""

    def __init__(self, status: int, count: Count) -> None:
        super().__init__(status)
        self.status = status
        self.count = count


class Listener:
    """Listens on one address until it is closed.

    Args:
        host, port: The address; port 0 takes a free one.
        handler: Handles the calls.
        max_seconds, max_connections: See the module's constants.

    Raises:
        ConfigError: The address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: CallHandler,
        *,
        max_seconds: float = MAX_SECONDS,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._handler = handler
        self._max_seconds = max_seconds
        self._max_connections = max_connections
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._socket = _listening_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="postbacks", daemon=True)
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """Close the port and every connection."""
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._listen())
        except Exception:
            logger.exception("internal error: the vendors' calls are heard no more; jobs are polled")
        finally:
            self._started.set()

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=self._socket, limit=CHUNK)
        self._started.set()
        await self._end.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                # A connection that was just accepted can be closed only once its task has started.
                while starting := asyncio.all_tasks() - {asyncio.current_task(), *self._open}:
                    await asyncio.wait(starting)
        server.close()
        for writer in self._open.values():
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._max_connections:
            self._handler.counts[Count.TOO_MANY] += 1
            writer.write(_response(HTTPStatus.SERVICE_UNAVAILABLE))
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one call, one answer."""
        try:
            async with asyncio.timeout(self._max_seconds):
                is_read = await self._answer(reader, writer)
            if not is_read:
                await _drop_rest(reader, writer)
            writer.close()
        except TimeoutError:
            self._handler.counts[Count.TOO_SLOW] += 1
        except OSError:
            pass  # the caller has disconnected
        except Exception:
            logger.exception("internal error in a vendor's call; jobs are polled all the same")
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a call and answer it. Returns whether the call was read completely."""
        try:
            call = await self._read(reader, writer)
        except _Refused as refused:
            self._handler.counts[refused.count] += 1
            writer.write(_response(refused.status))
            return False
        if call is not None:
            self._handler.handle(call)
            writer.write(_response(HTTPStatus.NO_CONTENT))
        return True

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
        """Return the call, or None if none came. Raises _Refused as soon as it can't be accepted."""
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            request = await _next_event(http, reader, writer)
            if not isinstance(request, h11.Request):
                return None  # a connection without a call, such as a load balancer's probe
            target = request.target.decode("latin-1")
            if not self._handler.is_authorized(target):
                raise _Refused(HTTPStatus.NOT_FOUND, Count.FORGED)
            left = MAX_BODY - int(dict(request.headers).get(b"content-length", 0))
            body = bytearray()
            while left >= 0 and isinstance(event := await _next_event(http, reader, writer), h11.Data):
                body += event.data
                left = min(left, MAX_BODY - len(body))
        except h11.RemoteProtocolError as error:
            is_large = error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            count = Count.TOO_LARGE if is_large else Count.BROKEN
            raise _Refused(error.error_status_hint, count) from error
        if left < 0:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Count.TOO_LARGE)
        return Call(target, bytes(body))


async def _next_event(
    http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        if http.they_are_waiting_for_100_continue:
            proceed = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
            writer.write(http.send(proceed) or b"")
        http.receive_data(await reader.read(CHUNK))
    return event


async def _drop_rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the rest of a refused call: closing the connection with unread bytes would lose the answer."""
    left = REST_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REST_SECONDS):
            writer.write_eof()
            while left > 0 and (chunk := await reader.read(CHUNK)):
                left -= len(chunk)


def _response(status: int) -> bytes:
    length = "" if status == HTTPStatus.NO_CONTENT else "Content-Length: 0\r\n"
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{length}Connection: close\r\n\r\n".encode()


def _listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = addresses[0]
        return socket.create_server((str(address[0]), port), family=family, backlog=128)
    except OSError as error:
        other = f"can't be listened on ({error.strerror}); choose another address."
        why = REMEDIES.get(error.errno or 0, other)
        raise ConfigError([f"postbacks.listen: {host}:{port} {why}"]) from error
