"""The ledger's database: a SQLite file of this machine, or a PostgreSQL server shared by many.

One thread of this process works in it at a time. A PostgreSQL connection is held in a transaction and a
moment after it, so that hundreds of workers share few; a server that has none left is asked again, and one
that falls silent is left.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
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
from platformdirs import user_state_path
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.ledger import schema
from tap_reports.redaction import add_secrets, redact

logger = logging.getLogger("tap-reports.ledger")

OFF = "off"
BUSY_SECONDS = 30.0
"""How long a write waits for other processes' writes; each takes milliseconds."""
SILENT_SECONDS = 15.0
"""Beyond that, a server that says nothing is taken for gone."""
LAST_SECONDS = 1.0
"""What a transaction gets once the run is to end."""
IDLE_SECONDS = 2.0
"""How long a PostgreSQL connection is kept unused."""
CONNECT_SECONDS = 10
CONNECTION = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
FULL = ("too many clients", "too many connections", "connection slots", "starting up", "not yet accepting")
"""Words of a server that may take a connection a moment later."""
UNUSABLE = (OSError, ImportError, RuntimeError, SQLAlchemyError, sqlite3.Error, schema.NotThisLedgerError)
FAILED = (SQLAlchemyError, ValueError, TypeError)
"""What a transaction may raise; a value that makes no sense among them."""
REMEDIES = {
    ("locked", "lock timeout"): "Another process holds it; run again when that is done.",
    ("not a database", "malformed", "version is not a number"): (
        "Move the file away: a new one is made, and the state still names the jobs that are pending."
    ),
    ("readonly", "read-only", "permission denied", "unable to open"): (
        "Make the file and its folder writable, or name another file in job_ledger."
    ),
    ("another program",): "Name another file in job_ledger; this one was left as it is.",
    ("it has version",): "Upgrade tap-reports, or name another file in job_ledger.",
    ("home directory",): "Set HOME or XDG_STATE_HOME, or name a file in job_ledger.",
    ("too many clients", "connection slots"): "Raise max_connections there, or start fewer runs at once.",
    ("full", "no space"): "Free space on its disk and run again.",
    ("connect", "refused", "timeout", "resolve", "authentication", "does not exist"): (
        "Check the URL's host, port, user and database, and that the server runs."
    ),
}
"""Words of the databases' messages -> what to do; the first that fits."""


class Store:
    """A database in which one thread of this process works at a time."""

    def __init__(self, engine: sa.Engine, busy_seconds: float = BUSY_SECONDS) -> None:
        self._engine = engine
        self._is_server = engine.dialect.name == "postgresql"
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._connection: sa.Connection | None = None
        self._used_at = 0.0
        self._has_tidier = False
        self._began_at = 0.0
        self._is_cut = False
        self._is_closed = False
        self._warned = False

    @classmethod
    def open(cls, setting: str | None, *, now: dt.datetime, busy_seconds: float) -> Store:
        """Return the store of the setting `job_ledger`, as `Ledger.open` describes it.

        Raises:
            ConfigError: What the user named can't be used.
        """
        if setting == OFF:
            return cls._in_memory(now)
        store: Store | None = None
        try:
            store = cls(_engine(setting, busy_seconds), busy_seconds)
            store._prepare(now)
        except UNUSABLE as error:
            if store is not None:
                store.close()
            text = f"{_shown_place(setting)} can't be used: {_shown_error(error)}"
            if setting is not None:
                raise ConfigError([f"job_ledger: {text}. {remedy(error)}"]) from error
            logger.warning("The job ledger %s. Jobs are kept in the state only. %s", text, remedy(error))
            return cls._in_memory(now)
        return store

    @classmethod
    def _in_memory(cls, now: dt.datetime) -> Store:
        store = cls(_memory_engine())
        store._prepare(now)
        return store

    def _prepare(self, now: dt.datetime) -> None:
        with self.reading() as db:
            if schema.is_current(db, now):
                return
        with self.writing() as db:
            is_to_prune = schema.prepare(db, now)
        if is_to_prune:
            with self.writing() as db:
                schema.prune(db, now)

    def end_soon(self) -> None:
        """Give what is on its way a moment, then leave a server that does not answer. Safe in a handler."""
        if not self._ending.is_set():
            self._ending.set()
            self._cut_if_stuck()

    def _cut_if_stuck(self) -> None:
        """Leave a server that has not answered for a moment; looked after until the store is closed."""
        if self._began_at and time.monotonic() - self._began_at >= LAST_SECONDS:
            self._cut()
        if not self._is_closed and self._is_server:
            _start_timer(LAST_SECONDS / 4, self._cut_if_stuck)

    def close(self) -> None:
        """Let go of the database, within a moment."""
        self._is_closed = True
        if self._lock.acquire(timeout=LAST_SECONDS):
            try:
                self._drop()
                self._engine.dispose()
            finally:
                self._lock.release()
        else:
            self._cut()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection whose statements wait for no other process."""
        with self._connected(isolation="AUTOCOMMIT") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a transaction in which what is read stays true until it is written."""
        with self._connected(isolation="READ COMMITTED") as db:
            yield db

    @contextmanager
    def each(self) -> Iterator[sa.Connection]:
        """Yield a connection for notes, each statement a transaction by itself."""
        with self._connected(isolation="AUTOCOMMIT", is_write=True) as db:
            yield db

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Go on without a note that can't be written; that is warned about once."""
        try:
            yield
        except FAILED as error:
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            text = "The job ledger can't be written: %s. The run goes on. %s"
            logger.log(level, text, _shown_error(error), remedy(error))

    @contextmanager
    def at_stake(self) -> Iterator[None]:
        """End the stream if the database fails: without it, a job might be paid for twice.

        Raises:
            StreamError: The database failed.
        """
        try:
            yield
        except FAILED as error:
            raise StreamError(
                f"the job ledger failed ({_shown_error(error)}), so nothing may be submitted",
                remedy=remedy(error),
            ) from error

    @contextmanager
    def _connected(self, *, isolation: str, is_write: bool = False) -> Iterator[sa.Connection]:
        with self._lock:
            self._began_at = time.monotonic()
            connection = self._open()
            if self._is_server:
                connection = connection.execution_options(isolation_level=isolation)
            else:
                is_write = is_write or isolation != "AUTOCOMMIT"
                connection = connection.execution_options(tap_reports_write=is_write)
            seconds = self._busy_seconds + SILENT_SECONDS
            timer = _start_timer(seconds, self._cut) if self._is_server else None
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self._drop()
                raise
            finally:
                self._began_at = 0.0
                if timer:
                    timer.cancel()
            self._keep()

    def _open(self) -> sa.Connection:
        """Return the connection; a server that has none left is asked again for a while."""
        until, wait = time.monotonic() + 2 * self._busy_seconds, 0.1
        while self._connection is None:
            if self._is_cut:
                raise OperationalError("connect", None, TimeoutError("the server did not answer"))
            try:
                self._connection = self._engine.connect()
            except OperationalError as error:
                is_full = any(word in str(error.orig).lower() for word in FULL)
                if not is_full or time.monotonic() > until:
                    raise
                self._ending.wait(wait * random.uniform(0.5, 1.5))
                wait = min(wait * 2, 2.0)
                if self._ending.is_set():
                    raise
        return self._connection

    def _keep(self) -> None:
        """Keep a server's connection for a moment: the next transaction often follows at once."""
        self._used_at = time.monotonic()
        if self._is_server and not self._has_tidier:
            self._has_tidier = True
            _start_timer(IDLE_SECONDS, self._tidy)

    def _tidy(self) -> None:
        with self._lock:
            left = self._used_at + IDLE_SECONDS - time.monotonic()
            self._has_tidier = self._connection is not None and left > 0
            if self._has_tidier:
                _start_timer(left, self._tidy)
            else:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                connection.close()

    def _cut(self) -> None:
        """Shut the socket of a server that does not answer, so that the thread that waits for it goes on."""
        connection = self._connection
        if connection is None or not self._is_server:
            return
        self._is_cut = self._ending.is_set()
        with contextlib.suppress(OSError, SQLAlchemyError, AttributeError):
            descriptor = connection.connection.driver_connection.pgconn.socket  # type: ignore[union-attr]
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                copy.shutdown(socket.SHUT_RDWR)


def default_path() -> Path:
    """Return the ledger file in the user's state folder."""
    return user_state_path("tap-reports", appauthor=False) / "jobs.sqlite"


def remedy(error: BaseException) -> str:
    """Return what to do about a database that can't be used."""
    text = str(getattr(error, "orig", None) or error).lower()
    if isinstance(error, ImportError):
        return "Install the driver: the extra postgres of tap-reports, or psycopg[binary]."
    for words, advice in REMEDIES.items():
        if any(word in text for word in words):
            return advice
    return "Check job_ledger, or name another file there."


def _start_timer(seconds: float, action: Any) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer


def _engine(setting: str | None, busy_seconds: float) -> sa.Engine:
    """Return the engine for the setting `job_ledger`: a path, a URL, or None for the default file."""
    if setting is None or "://" not in setting:
        path = Path(setting).expanduser() if setting else default_path()
        return _sqlite(path, busy_seconds)
    url = sa.make_url(setting)
    add_secrets([url.password, *(text for text in url.normalized_query.get("password", ()))])
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database), busy_seconds) if url.database else _memory_engine()
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ArgumentError(f"{url.get_backend_name()} is not supported, only sqlite and postgresql are")
    return _postgresql(url, busy_seconds)


def _memory_engine() -> sa.Engine:
    """Return an engine that keeps nothing beyond this process."""
    engine = sa.create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    _set_up_sqlite(engine, is_file=False)
    return engine


def _sqlite(path: Path, busy_seconds: float) -> sa.Engine:
    path = path.absolute()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_other_file(path)
    # Made here and not by SQLite, so that it is at no time open to others; its side files take its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.suppress(OSError):  # somebody else's file
        path.chmod(0o600)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        hide_parameters=True,
        poolclass=NullPool,
    )
    _set_up_sqlite(engine, is_file=True)
    return engine


def _refuse_other_file(path: Path) -> None:
    """Refuse a file of another program before anything of it is changed, its mode included."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise schema.NotThisLedgerError("file is not a database, so it is another program's")
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    if names and "tap_reports_version" not in names:
        raise schema.NotThisLedgerError("it is a database of another program")


def _set_up_sqlite(engine: sa.Engine, *, is_file: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # Transactions begin where `began` says so, not where the driver guesses.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        if is_file:
            # Only for speed: where the file system or another process does not allow it, it works without.
            with contextlib.suppress(connection.OperationalError):
                connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def began(connection: sa.Connection) -> None:
        # IMMEDIATE: what is read in a writing transaction stays true until it is written.
        is_write = connection.get_execution_options().get("tap_reports_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _postgresql(url: sa.URL, busy_seconds: float) -> sa.Engine:
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    limits = {
        "lock_timeout": busy_seconds,
        "statement_timeout": busy_seconds + SILENT_SECONDS,
        "idle_in_transaction_session_timeout": busy_seconds + SILENT_SECONDS,
    }
    options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    asked = " ".join(url.normalized_query.get("options", ()))
    given = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": int(SILENT_SECONDS * 1000), **CONNECTION}
    return sa.create_engine(
        url.difference_update_query(["options"]),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            # Nothing is prepared: a pooler that hands out connections by transaction does not know it.
            "prepare_threshold": None,
            "options": f"{options} {asked}".strip(),
            **{name: value for name, value in given.items() if name not in url.query},
        },
    )


def _shown_place(setting: str | None) -> str:
    """Return where the ledger is, for messages: no password, no query."""
    if setting is None:
        try:
            return str(default_path())
        except RuntimeError:
            return "in the user's state folder"
    if "://" not in setting:
        return setting
    try:
        url = sa.make_url(setting)
    except ArgumentError:
        return "the URL"
    return url.set(query={}).render_as_string(hide_password=True)


def _shown_error(error: BaseException) -> str:
    """Return what a database says, on one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return redact(" ".join(str(cause or error).split()))[:300] or type(error).__name__
