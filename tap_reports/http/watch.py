"""Ends a call from another thread: when its time is over, or the run is stopping.

`requests` has time-outs between two bytes only: a server that sends one byte a second blocks it for ever. So
each call has a watch that knows its socket and shuts it down. The watch also knows whether anything of the
call was sent, which decides whether a submission may have been accepted.
"""

from __future__ import annotations

import socket
import threading
from contextvars import ContextVar
from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Watch:
    """One call.

    Args:
        is_paid: It may cost: a stopping run waits a moment for its answer.
    """

    def __init__(self, *, is_paid: bool = False) -> None:
        self.is_paid = is_paid
        self.has_connection = False
        """True once one of our connections is used for it."""
        self.is_sent = False
        self.ended: BaseException | None = None
        """Why it was ended by another thread."""
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def use(self, connected: socket.socket | None) -> None:
        """Note the socket of the call."""
        with self._lock:
            self._socket = connected
        self.raise_if_ended()

    def end(self, reason: BaseException) -> None:
        """End the call now: it raises `reason`. From any thread."""
        with self._lock:
            self.ended = self.ended or reason
            if self._socket is None:
                return
            try:
                # Not SSLSocket's own: it would forget that what still arrives is encrypted.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:  # it is closed already
                return

    def raise_if_ended(self) -> None:
        """Raise what the call was ended with. An ended connection looks like the end of a file."""
        if self.ended is not None:
            raise self.ended


current_watch: ContextVar[Watch | None] = ContextVar(
    "the watch of the call that this thread makes", default=None
)


class _Watched:
    """A connection that tells the watch of its call about its socket."""

    sock: socket.socket | None
    watch: Watch
    is_connected = False
    """True once it is connected to the vendor: its proxy and its certificate were accepted."""

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._attach_watch()
        super().putrequest(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        self._attach_watch()  # a secure connection is made before its request is put
        self.is_connected = False
        super().connect()  # type: ignore[misc]
        self.is_connected = True

    def _attach_watch(self) -> None:
        self.watch = current_watch.get() or Watch()
        self.watch.has_connection = True

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            self.watch.use(connected)
        except BaseException:
            connected.close()
            raise
        return connected

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.watch.use(self.sock)
        self.watch.is_sent = self.watch.is_sent or self.is_connected
        super().send(data)  # type: ignore[misc]

    def getresponse(self) -> Any:
        self.watch.use(self.sock)
        return super().getresponse()  # type: ignore[misc]


class _HttpConnection(_Watched, HTTPConnection):
    pass


class _HttpsConnection(_Watched, HTTPSConnection):
    pass


class _Pool:
    """Connections. A call that may cost gets a new one: the server may close a reused connection while the
    call is being sent, and then it is unknown whether it arrived.
    """

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if (watch := current_watch.get()) and watch.is_paid:
            connection.close()  # it connects when it is used
        return connection


class _HttpPool(_Pool, HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


@cache
def _with_fresh_connections(pool: type) -> type:
    return pool if issubclass(pool, _Pool) else type(pool.__name__, (_Pool, pool), {})


class WatchedAdapter(HTTPAdapter):
    """Makes connections that the current call's watch knows, except those of a SOCKS proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        pools = manager.pool_classes_by_scheme if proxy.lower().startswith("socks") else _POOLS
        manager.pool_classes_by_scheme = {
            scheme: _with_fresh_connections(pool) for scheme, pool in pools.items()
        }
        return manager


class _WatchedSession(requests.Session):
    """Reads no redirects, not even for `Response.next`: an invalid address would break the call."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def watched_session() -> requests.Session:
    """Return a session that can serve many threads."""
    session = _WatchedSession()
    adapter = WatchedAdapter(pool_connections=8, pool_maxsize=64)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
