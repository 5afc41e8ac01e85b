"""The database of the setting `job_ledger`: a SQLite file, created if it is missing, or PostgreSQL. Also what
to do about its errors.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from platformdirs import user_state_path
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from tap_reports.ledger.schema import NotThisLedgerError, lock_limits, version
from tap_reports.redaction import add_secrets, redact

DEAD_SERVER_SECONDS = 15.0
"""A server that sends nothing for this long, beyond the wait for other processes, is taken for dead."""
CONNECT_SECONDS = 10
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
MODE_MILLISECONDS = 1000
"""How long a new connection may wait for other processes to choose the file's mode."""
SQLITE = b"SQLite format 3\0"
SHOWN_TABLES = 3
OPEN_ERRORS = (OSError, ImportError, RuntimeError, SQLAlchemyError, sqlite3.Error, NotThisLedgerError)
"""What opening may raise."""
TRANSACTION_ERRORS = (SQLAlchemyError, sqlite3.Error, ValueError, TypeError)
"""What a transaction may raise, also for an invalid value, and what SQLAlchemy does not wrap."""
BUSY_MESSAGES = (
    "too many clients",
    "too many connections",
    "connection slots",
    "no more connections allowed",
    "starting up",
    "shutting down",
    "not yet accepting",
)
"""Words of a server that may accept a connection a moment later."""
RESTARTING_MESSAGES = ("refused", "closed the connection", "terminating connection", "login has been failing")
"""Words of a server that has answered before and is gone: it may be restarting."""
REMEDIES = {
    ("locked", "lock timeout"): "Another process holds it; run again when that is done.",
    ("malformed", "not a database", "version is not a number"): (
        "Move the file away: a new one is made, and the state still names the jobs that are pending."
    ),
    ("moved or deleted",): (
        "Put it back, or run again: a new one is made, and the state still names the jobs that are pending."
    ),
    ("readonly", "read-only", "permission denied", "unable to open"): (
        "Make the file and its folder writable, or name another file in job_ledger."
    ),
    ("it is a",): "Name another file in job_ledger; this one was left as it is.",
    ("it has version",): "Upgrade tap-reports, or name another file in job_ledger.",
    ("home directory",): "Set HOME or XDG_STATE_HOME, or name a file in job_ledger.",
    ("too many clients", "connection slots", "no more connections"): (
        "Raise max_connections there (of PgBouncer: max_client_conn), or start fewer runs at once."
    ),
    ("startup parameter",): "Take it out of the URL, or set ignore_startup_parameters in PgBouncer.",
    ("statement pooling",): "Set pool_mode to transaction in PgBouncer.",
    ("full", "no space"): "Free space on its disk and run again.",
    ("connect", "refused", "timeout", "resolve", "authentication", "does not exist"): (
        "Check the URL's host, port, user and database, and that the server runs."
    ),
}
"""Words of the databases' messages -> what to do; the first that fits."""


def default_path() -> Path:
    """Return the ledger file in the user's state folder."""
    return user_state_path("tap-reports", appauthor=False) / "jobs.sqlite"


def open_engine(setting: str | None, busy_seconds: float) -> tuple[sa.Engine, Path | None]:
    """Return the engine of the setting `job_ledger`, and its file, if it is one.

    Args:
        setting: A path, a URL, or None for the default file.
        busy_seconds: How long to wait for other processes' writes.

    Raises:
        OSError, ImportError, RuntimeError, SQLAlchemyError, sqlite3.Error, NotThisLedgerError: It can't be
            used.
    """
    match location := _location_of(setting):
        case None:
            return memory_engine(), None
        case Path():
            return _sqlite(location, busy_seconds)
        case url:
            return _postgresql(url, busy_seconds), None


def require_usable(setting: str) -> None:
    """Raise what `open_engine` would, without creating or connecting to anything."""
    match location := _location_of(setting):
        case Path():
            _refuse_other_file(location)
        case sa.URL():
            location.get_dialect().import_dbapi()


def _location_of(setting: str | None) -> Path | sa.URL | None:
    """Return the ledger's file, its server, or None if the URL names a database in memory.

    No setting (None) means the default file.
    """
    if setting is None or "://" not in setting:
        return (Path(setting).expanduser() if setting else default_path()).absolute()
    url = _url(setting)
    add_secrets([url.password, *(text for text in url.normalized_query.get("password", ()))])
    backend = url.get_backend_name()
    if backend == "sqlite":
        return Path(url.database).absolute() if url.database else None
    if backend not in {"postgresql", "postgres"}:
        raise ArgumentError(f"{backend} is not supported, only sqlite and postgresql are")
    is_plain = url.drivername in {"postgresql", "postgres"}
    return url.set(drivername="postgresql+psycopg") if is_plain else url


def memory_engine() -> sa.Engine:
    """Return the engine of a database in memory, gone with this process."""
    engine = sa.create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    _set_up_sqlite(engine, is_file=False)
    return engine


def shown_location(setting: str | None) -> str:
    """Return where the ledger is, for messages: no password, no query."""
    if setting is None:
        try:
            return str(default_path())
        except RuntimeError:
            return "in the user's state folder"
    if "://" not in setting:
        return setting
    try:
        url = _url(setting)
    except ArgumentError:
        return "the URL"
    return url.set(query={}).render_as_string(hide_password=True)


def _url(setting: str) -> sa.URL:
    """Return a database's URL.

    Raises:
        sqlalchemy.exc.ArgumentError: It is not one.
    """
    try:
        return sa.make_url(setting)
    except ValueError as error:  # a host or a port that is not one
        raise ArgumentError("it is not a URL") from error


def _sqlite(path: Path, busy_seconds: float) -> tuple[sa.Engine, Path]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_other_file(path)
    # Created here and not by SQLite, so that others can never read it; its side files take its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.suppress(OSError):  # another user's file
        path.chmod(0o600)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        hide_parameters=True,
        poolclass=NullPool,
    )
    _set_up_sqlite(engine, is_file=True)
    return engine, path


def _refuse_other_file(path: Path) -> None:
    """Refuse a file of another program before anything of it is changed, its mode included."""
    if path.is_dir():
        raise NotThisLedgerError("it is a folder")
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        start = file.read(512)
    if not start.startswith(SQLITE):
        raise NotThisLedgerError(f"it is a {_kind_of_file(start)}, not a ledger, which is a SQLite file")
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    if names and version.name not in names:
        shown = ", ".join(names[:SHOWN_TABLES]) + (", …" if len(names) > SHOWN_TABLES else "")
        raise NotThisLedgerError(f"it is a SQLite file of another program (its tables: {shown})")


def _kind_of_file(start: bytes) -> str:
    """Return what kind of file begins with these bytes."""
    known = {b"PK\x03\x04": "zip archive", b"\x1f\x8b": "gzip file", b"PAR1": "Parquet file"}
    if kind := next((kind for magic, kind in known.items() if start.startswith(magic)), ""):
        return kind
    if b"\0" in start:
        return "binary file"
    return "JSON file" if start.lstrip()[:1] in {b"{", b"["} else "text file"


def _set_up_sqlite(engine: sa.Engine, *, is_file: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: Any) -> None:
        # Transactions begin where `SharedConnection` says so, not where the driver guesses.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        if is_file:
            # Only for speed: where the file system or another process does not allow it, it works without.
            (waits,) = connection.execute("PRAGMA busy_timeout").fetchone()
            connection.execute(f"PRAGMA busy_timeout={MODE_MILLISECONDS}")
            with contextlib.suppress(sqlite3.OperationalError):
                record.info["mode"] = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute(f"PRAGMA busy_timeout={waits}")


def _postgresql(url: sa.URL, busy_seconds: float) -> sa.Engine:
    given = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": int(DEAD_SERVER_SECONDS * 1000),
        **KEEPALIVES,
    }
    return sa.create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        execution_options=lock_limits(busy_seconds, busy_seconds + DEAD_SERVER_SECONDS),
        connect_args={
            # A pooler such as PgBouncer may give each transaction another connection: nothing is prepared, or
            # set for longer than a transaction.
            "prepare_threshold": None,
            **{name: value for name, value in given.items() if name not in url.query},
        },
    )


def message_of(error: BaseException) -> str:
    """Return a database's message, on one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return redact(" ".join(str(cause or error).split()))[:300] or type(error).__name__


def remedy_for(error: BaseException) -> str:
    """Return what to do about a database that can't be used."""
    text = str(getattr(error, "orig", None) or error).lower()
    if isinstance(error, ImportError):
        return "Install the driver: the extra postgres of tap-reports, or psycopg[binary]."
    for words, advice in REMEDIES.items():
        if any(word in text for word in words):
            return advice
    return "Check job_ledger, or name another file there."
