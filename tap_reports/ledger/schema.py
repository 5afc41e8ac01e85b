"""The ledger's tables, SQLite and PostgreSQL alike."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

VERSION = 5
UNKNOWN_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
UNKNOWN_DAY = dt.date(1970, 1, 1)
"""What a text that is not a time, or not a day, is read as: the table was edited."""


class NotThisLedgerError(Exception):
    """The database is another version's, or another program's; the message says which."""


class UtcTime(TypeDecorator[dt.datetime]):
    """An instant: any zone when written, UTC in the table (text in SQLite), UTC when read."""

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
        return utc.isoformat(" ", "microseconds")[:26] if dialect.name == "sqlite" else utc

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


class Day(TypeDecorator[dt.date]):
    """A day; a text that is not a day is read as `UNKNOWN_DAY`."""

    impl = sa.Date()
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the column's type: text in SQLite, as of `UtcTime`."""
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Date())

    def process_bind_param(self, value: dt.date | None, dialect: sa.Dialect) -> Any:
        """Return what is stored."""
        return value.isoformat() if value and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.date | None:
        """Return the day."""
        try:
            return dt.date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            return UNKNOWN_DAY


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
    sa.Column("slice_start", Day),
    sa.Column("slice_end", Day),
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
    sa.Column("estimate", sa.Text),
    sa.Column("run_id", sa.Text, nullable=False, default=""),
    sa.Column("owner", sa.Text, nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Index("tap_reports_jobs_account", "vendor", "account", "status"),
    sa.Index("tap_reports_jobs_sent", "sent_at"),
    # The number of a deleted row is never reused: a newer row always has a greater number.
    sqlite_autoincrement=True,
)

streams = sa.Table(
    "tap_reports_job_streams",
    metadata,
    sa.Column("job", sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger),
    sa.Column("emitted_at", UtcTime),
    sa.Column("content", sa.Text),
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
"""Each time that a job's records were emitted, with the job's times as they were then: a later run may have
the vendor run the job again, which changes nothing of what an earlier run did.
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
    # All that a quota counts by, so that a long day is counted in the index alone.
    sa.Index("tap_reports_submissions_counted", "vendor", "account", "quota", "at", "outcome"),
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
    sa.Column("owner", sa.Text),
)
"""Each sync; one without `exit_status` is under way, or was killed: `owner` is its process."""

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


_LOCK = sa.text(
    "SELECT set_config('lock_timeout', :wait, true),"
    " set_config('idle_in_transaction_session_timeout', :silent, true),"
    " pg_advisory_xact_lock(:number)"
)
"""One statement, as each is a round trip. The limits end with the transaction."""


def lock_limits(wait_seconds: float, silent_seconds: float) -> dict[str, Any]:
    """Return the execution options of an engine whose connections call `lock`.

    Args:
        wait_seconds: How long to wait for a lock that another process holds.
        silent_seconds: After how long the server frees the locks of a process that sends nothing.
    """
    return {"lock_limits": {"wait": f"{wait_seconds * 1000:.0f}", "silent": f"{silent_seconds * 1000:.0f}"}}


def lock(connection: sa.Connection, *names: str) -> None:
    """Let other transactions on the same names wait until this one ends.

    SQLite needs no lock: its write transactions run one at a time from their first statement on.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256("\0".join(("tap-reports", *names)).encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        connection.execute(_LOCK, {**connection.get_execution_options()["lock_limits"], "number": number})
