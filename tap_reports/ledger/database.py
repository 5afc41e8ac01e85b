"""Opens the ledger's database: a SQLite file of this machine, or a PostgreSQL server shared by many."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from platformdirs import user_state_path
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from tap_reports.ledger import schema
from tap_reports.ledger.errors import NewerLedgerError
from tap_reports.redaction import add_secrets

BUSY_SECONDS = 30.0
"""How long a write waits for other processes' writes; each takes milliseconds."""
CONNECT_SECONDS = 15
KEEP_JOBS_DAYS = 400
KEEP_SUBMISSIONS_DAYS = 3
READING = "tap_reports_reading"
"""Execution option of engines that only read: they do not wait for writers."""


def open_engine(setting: str | None, *, busy_seconds: float = BUSY_SECONDS) -> sa.Engine:
    """Return the engine for the setting `job_ledger`: a path, a URL, or None for the default file.

    Raises:
        OSError, ImportError, sqlalchemy.exc.SQLAlchemyError: It can't be opened.
    """
    if setting is None or "://" not in setting:
        path = Path(setting).expanduser() if setting else default_path()
        return _sqlite(path, busy_seconds)
    url = sa.make_url(setting)
    add_secrets([url.password, *(text for text in url.normalized_query.get("password", ()))])
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database), busy_seconds) if url.database else memory_engine()
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ArgumentError(f"{url.get_backend_name()} is not supported, only sqlite and postgresql are")
    return _postgresql(url, busy_seconds)


def default_path() -> Path:
    """Return the ledger file in the user's state folder."""
    return user_state_path("tap-reports", appauthor=False) / "jobs.sqlite"


def memory_engine() -> sa.Engine:
    """Return an engine that keeps nothing beyond this process."""
    engine = sa.create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    _set_up_sqlite(engine, is_file=False)
    return engine


def prepare(engine: sa.Engine, now: dt.datetime) -> None:
    """Make the tables if there are none, and drop what is too old to matter.

    Raises:
        NewerLedgerError: A newer version made them.
        sqlalchemy.exc.SQLAlchemyError: The database can't be used.
    """
    with engine.begin() as connection:
        lock(connection, "schema")
        schema.metadata.create_all(connection)
        found = connection.scalar(sa.select(schema.version.c.version))
        if found is None:
            connection.execute(schema.version.insert().values(version=schema.VERSION))
        elif found > schema.VERSION:
            raise NewerLedgerError(f"it has version {found}, this tap knows {schema.VERSION}")
        elif found < schema.VERSION:
            _upgrade(connection)
        _prune(connection, now)


def _upgrade(connection: sa.Connection) -> None:
    """Add the columns that an older version's tables lack; so far versions differ in no other way."""
    for table in schema.metadata.sorted_tables:
        there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
    connection.execute(schema.version.update().values(version=schema.VERSION))


def lock(connection: sa.Connection, *names: str) -> None:
    """Hold other machines' transactions on the same names back until this one ends.

    SQLite needs none: its write transactions are one at a time from their first statement on.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256("\0".join(("tap-reports", *names)).encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _prune(connection: sa.Connection, now: dt.datetime) -> None:
    jobs, submissions = schema.jobs, schema.submissions
    ended = sa.func.coalesce(jobs.c.finished_at, jobs.c.sent_at, type_=schema.UtcTime)
    connection.execute(jobs.delete().where(ended < now - dt.timedelta(days=KEEP_JOBS_DAYS)))
    old = now - dt.timedelta(days=KEEP_SUBMISSIONS_DAYS)
    connection.execute(submissions.delete().where(submissions.c.at < old))


def _sqlite(path: Path, busy_seconds: float) -> sa.Engine:
    path = path.absolute()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made here and not by SQLite, so that it is at no time open to others; its side files take its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.suppress(OSError):  # somebody else's file
        path.chmod(0o600)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        hide_parameters=True,
    )
    _set_up_sqlite(engine, is_file=True)
    return engine


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
        reading = connection.get_execution_options().get(READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(url: sa.URL, busy_seconds: float) -> sa.Engine:
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    # The server may drop a connection that waits for jobs with us: it is tried before it is used.
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS},
    )

    @sa.event.listens_for(engine, "begin")
    def began(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(busy_seconds * 1000)}")

    return engine
