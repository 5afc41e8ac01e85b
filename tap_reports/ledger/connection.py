"""The one connection of this process to the ledger's database, used by one thread at a time.

A PostgreSQL connection is open during a transaction and a moment after it, so that hundreds of workers share
few. If the server has no connection left or is restarting, it is tried again; if it stops answering, the
transaction is aborted.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tap_reports.clock import TIMERS
from tap_reports.ledger.database import BUSY_MESSAGES, DEAD_SERVER_SECONDS, RESTARTING_MESSAGES

RESTART_SECONDS = 20.0
"""How long a server that has answered before, and refuses connections now, is tried again."""
STOP_SECONDS = 1.0
"""How long a transaction may take once the run is stopping."""
BUSY_SERVER_SECONDS = 120.0
"""How long a server that has no connection left is tried again."""
SQLITE_WAIT_SECONDS = 0.05
"""How long SQLite waits for another process's write at a time: nothing ends its wait, not even a signal."""
IDLE_SECONDS = 0.5
"""How long a PostgreSQL connection is kept unused; not at all once the server had none left."""


class SharedConnection:
    """Opens the connection when a transaction needs it.

    Args:
        engine: The database.
        file: The database's file, for SQLite.
        busy_seconds: How long a write may wait for other processes.
    """

    def __init__(self, engine: sa.Engine, file: Path | None, busy_seconds: float) -> None:
        self._engine = engine
        self._file = file
        self._inode = file.stat().st_ino if file else 0
        self._is_server = engine.dialect.name == "postgresql"
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._connection: sa.Connection | None = None
        self._used_at = 0.0
        self._has_idle_timer = False
        self._transaction_began_at = 0.0
        self._stops_at = math.inf
        self._is_aborted = False
        self._is_closed = False
        self._has_answered = False
        self._was_busy = False
        self._failing_since: float | None = None

    @property
    def is_stopping(self) -> bool:
        """True once the run is stopping."""
        return self._stopping.is_set()

    def end_soon(self) -> None:
        """Abort a transaction that the server does not answer in a moment. Safe in a signal handler."""
        if not self._stopping.is_set():
            self._stops_at = time.monotonic() + STOP_SECONDS
            self._stopping.set()
            self._abort_if_stuck()

    def _abort_if_stuck(self) -> None:
        """Abort a transaction that the server has not answered for a moment; check again until closed."""
        if self._transaction_began_at and time.monotonic() - self._transaction_began_at >= STOP_SECONDS:
            self._abort()
        if not self._is_closed and self._is_server:
            TIMERS.start(STOP_SECONDS / 4, self._abort_if_stuck)

    def close(self) -> None:
        """Close the connection, within a moment."""
        self._is_closed = True
        if self._lock.acquire(timeout=STOP_SECONDS):
            try:
                self._disconnect()
                self._engine.dispose()
            finally:
                self._lock.release()
        else:
            self._abort()

    @contextmanager
    def transaction(
        self, *, isolation: str, is_write: bool = False, is_lasting: bool = True
    ) -> Iterator[sa.Connection]:
        """Yield the connection in a transaction.

        Args:
            isolation: Of a server's; with AUTOCOMMIT each statement is a transaction by itself.
            is_write: No other process writes between what is read and what is written (SQLite).
            is_lasting: What is written survives a power failure (SQLite, where that takes most of a
                transaction's time).
        """
        with self._lock:
            self._transaction_began_at = time.monotonic()
            connection, cancel = self._open(), None
            try:
                if self._is_server:
                    cancel = TIMERS.start(self._busy_seconds + DEAD_SERVER_SECONDS, self._abort)
                    connection = connection.execution_options(isolation_level=isolation)
                else:
                    self._begin_in_file(connection, is_write=is_write, is_lasting=is_lasting)
                with connection.begin():
                    yield connection
            except BaseException:
                self._disconnect()
                raise
            finally:
                self._transaction_began_at = 0.0
                if cancel:
                    cancel()
            self._release()

    def _open(self) -> sa.Connection:
        """Return the connection. A server that may accept one later is tried again for a while."""
        self._require_file()
        wait = 0.1
        while self._connection is None:
            if self._is_aborted:
                raise OperationalError("connect", None, TimeoutError("the server did not answer"))
            try:
                self._connection = self._engine.connect()
            except OperationalError as error:
                if not self._may_answer_soon(error):
                    raise
                self._stopping.wait(wait * random.uniform(0.5, 1.5))
                wait = min(wait * 2, 2.0)
                if self._stopping.is_set():
                    raise
        self._has_answered, self._failing_since = True, None
        return self._connection

    def _begin_in_file(self, connection: sa.Connection, *, is_write: bool, is_lasting: bool) -> None:
        """Begin a SQLite transaction; try again while another process writes. SQLAlchemy does not begin it:
        that would take one more statement.
        """
        if not is_write:
            _set(connection, "busy_timeout", int(self._busy_seconds * 1000))
            _execute(connection, "BEGIN")
            return
        _set(connection, "busy_timeout", int(SQLITE_WAIT_SECONDS * 1000))
        has_wal = connection.info.get("mode") == "wal"
        if has_wal:  # without a WAL, a power failure may damage the file
            _set(connection, "synchronous", "FULL" if is_lasting else "NORMAL")
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                # IMMEDIATE: what is read stays true until it is written.
                _execute(connection, "BEGIN IMMEDIATE")
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > min(until, self._stops_at):
                    raise
            else:
                break
        if not has_wal:  # the commit waits for readers
            _set(connection, "busy_timeout", int(self._busy_seconds * 1000))

    def _may_answer_soon(self, error: OperationalError) -> bool:
        """Return whether a server may accept a connection in a moment. Once it has failed for long enough,
        all later calls fail at once, so that a run does not wait for it again and again.
        """
        message, now, max_seconds = str(error.orig).lower(), time.monotonic(), 0.0
        if any(word in message for word in BUSY_MESSAGES):
            self._was_busy, max_seconds = True, BUSY_SERVER_SECONDS
        elif self._has_answered and any(word in message for word in RESTARTING_MESSAGES):
            max_seconds = RESTART_SECONDS
        self._failing_since = self._failing_since or now
        return now - self._failing_since < max_seconds

    def _require_file(self) -> None:
        """Refuse a file that was moved or deleted: other runs no longer see what is written to it."""
        if self._file is None:
            return
        try:
            is_there = self._file.stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            raise OperationalError("open", None, FileNotFoundError("its file was moved or deleted"))

    def _release(self) -> None:
        """Keep a server's connection open for a moment: the next transaction often follows at once."""
        self._used_at = time.monotonic()
        if self._was_busy:
            self._disconnect()
        elif self._is_server and not self._has_idle_timer:
            self._has_idle_timer = True
            TIMERS.start(IDLE_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._lock.acquire(blocking=False):  # it is in use, maybe for a long time
            TIMERS.start(IDLE_SECONDS, self._close_if_idle)
            return
        try:
            left = self._used_at + IDLE_SECONDS - time.monotonic()
            self._has_idle_timer = self._connection is not None and left > 0
            if self._has_idle_timer:
                TIMERS.start(left, self._close_if_idle)
            else:
                self._disconnect()
        finally:
            self._lock.release()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                connection.close()

    def _abort(self) -> None:
        """Shut down the socket to a server that does not answer, so that the waiting thread continues."""
        connection = self._connection
        if connection is None or not self._is_server:
            return
        self._is_aborted = self._stopping.is_set()
        with contextlib.suppress(OSError, SQLAlchemyError, AttributeError):
            descriptor = connection.connection.driver_connection.pgconn.socket  # type: ignore[union-attr]
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                copy.shutdown(socket.SHUT_RDWR)


def _set(connection: sa.Connection, name: str, value: object) -> None:
    """Set a connection's PRAGMA, unless it has this value."""
    if connection.info.get(name) != value:
        _execute(connection, f"PRAGMA {name}={value}")
        connection.info[name] = value


def _execute(connection: sa.Connection, statement: str) -> None:
    """Execute a SQLite statement directly, without SQLAlchemy."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:
        raise OperationalError(statement, None, error) from error
