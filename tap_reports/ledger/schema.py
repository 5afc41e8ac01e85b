"""The ledger's tables, SQLite and PostgreSQL alike, and how they are made, upgraded and tidied."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.types import TypeDecorator

VERSION = 3
KEEP_JOBS_DAYS = 400
KEEP_SUBMISSIONS_DAYS = 3
UNKNOWN_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""What a text that is not a time is read as: somebody has edited the table."""


class NotThisLedgerError(Exception):
    """The database is another version's, or another program's; the message says which."""


class UtcTime(TypeDecorator[dt.datetime]):
    """An instant: aware going in, UTC in the table (SQLite holds text), aware coming out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the column's type: text in SQLite, whose driver would stop at a text that is not a time."""
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> Any:
        """Return what is stored."""
        if value is None:
            return None
        utc = value.astimezone(dt.UTC)
        return utc.strftime("%Y-%m-%d %H:%M:%S.%f") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        """Return the instant, aware, in UTC."""
        if value is None:
            return None
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC)
        try:
            return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        except (ValueError, TypeError):
            return UNKNOWN_TIME


metadata = sa.MetaData()

version = sa.Table(
    "tap_reports_version",
    metadata,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("pruned_at", UtcTime),
)

jobs = sa.Table(
    "tap_reports_jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, index=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("api_url", sa.Text, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("slice_start", sa.Date),
    sa.Column("slice_end", sa.Date),
    sa.Column("quota", sa.Text, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False, default=""),
    sa.Column("handle", sa.Text, nullable=False, default="{}"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("sent_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("created_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("downloaded_at", UtcTime),
    sa.Column("download_seconds", sa.Float),
    sa.Column("rows", sa.BigInteger),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("credits", sa.Text),
    sa.Column("run_id", sa.Text, nullable=False, default=""),
    sa.Column("owner", sa.Text, nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Index("tap_reports_jobs_account", "vendor", "account", "status"),
    sa.Index("tap_reports_jobs_sent", "sent_at"),
    # A deleted row's number is never given out again: a newer row always has a greater one.
    sqlite_autoincrement=True,
)

streams = sa.Table(
    "tap_reports_job_streams",
    metadata,
    sa.Column("job", sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger),
    sa.Column("emitted_at", UtcTime),
)

uses = sa.Table(
    "tap_reports_uses",
    metadata,
    sa.Column("job", sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("downloaded_at", UtcTime),
    sa.Column("download_seconds", sa.Float),
    sa.Column("emitted_at", UtcTime, nullable=False),
    sa.Column("emit_seconds", sa.Float),
)
"""Each time that a job's records came out, with the job's times as they were then: a later run may have the
vendor run the job again, which changes nothing of what an earlier run did.
"""

submissions = sa.Table(
    "tap_reports_submissions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("quota", sa.Text, nullable=False),
    sa.Column("key", sa.String(32), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("tap_reports_submissions_quota", "vendor", "account", "quota", "at"),
)

runs = sa.Table(
    "tap_reports_runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False, index=True),
    sa.Column("seconds", sa.Float),
    sa.Column("exit_status", sa.Integer),
    sa.Column("signal", sa.Integer),
)
"""Each sync; one without `exit_status` is under way, or was killed."""

run_streams = sa.Table(
    "tap_reports_run_streams",
    metadata,
    sa.Column("run", sa.ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("first_day", sa.Date),
    sa.Column("last_day", sa.Date),
    sa.Column("slices", sa.Integer, nullable=False),
    sa.Column("slices_done", sa.Integer, nullable=False),
)


def is_current(connection: sa.Connection, now: dt.datetime) -> bool:
    """Return whether the tables are this version's and tidy, so that nothing is to be done or waited for."""
    try:
        found = connection.execute(sa.select(version)).mappings().first()
    except (OperationalError, ProgrammingError):
        return False  # another version's tables, or none
    return bool(found and found["version"] == VERSION and not _is_due(found["pruned_at"], now))


def prepare(connection: sa.Connection, now: dt.datetime) -> bool:
    """Make or upgrade the tables. Returns whether this process is to tidy them: one does so a day.

    Raises:
        NotThisLedgerError: A newer version, or another program, made them.
        sqlalchemy.exc.SQLAlchemyError: The database can't be used.
    """
    lock(connection, "schema")
    if not sa.inspect(connection).has_table(version.name):
        metadata.create_all(connection)
        connection.execute(version.insert().values(version=VERSION, pruned_at=now))
        return False
    number = connection.scalar(sa.select(version.c.version))
    if not isinstance(number, int):
        raise NotThisLedgerError("its version is not a number")
    if number > VERSION:
        raise NotThisLedgerError(f"it has version {number}, this tap knows {VERSION}")
    if number < VERSION:
        metadata.create_all(connection)
        _add_missing(connection)
        connection.execute(version.update().values(version=VERSION))
    is_due = _is_due(connection.scalar(sa.select(version.c.pruned_at)), now)
    if is_due:
        connection.execute(version.update().values(pruned_at=now))
    return is_due


def _add_missing(connection: sa.Connection) -> None:
    """Add the columns and indexes that an older version's tables lack; versions differ in no other way."""
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def prune(connection: sa.Connection, now: dt.datetime) -> None:
    """Drop what is too old to matter."""
    old = now - dt.timedelta(days=KEEP_JOBS_DAYS)
    ended = sa.func.coalesce(jobs.c.finished_at, jobs.c.sent_at, type_=UtcTime)
    connection.execute(jobs.delete().where(ended < old))
    connection.execute(runs.delete().where(runs.c.started_at < old))
    old = now - dt.timedelta(days=KEEP_SUBMISSIONS_DAYS)
    connection.execute(submissions.delete().where(submissions.c.at < old))


def _is_due(pruned_at: dt.datetime | None, now: dt.datetime) -> bool:
    return pruned_at is None or pruned_at < now - dt.timedelta(days=1)


def lock(connection: sa.Connection, *names: str) -> None:
    """Hold other machines' transactions on the same names back until this one ends.

    SQLite needs none: its write transactions are one at a time from their first statement on.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256("\0".join(("tap-reports", *names)).encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
