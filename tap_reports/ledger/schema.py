"""The ledger's tables. SQLite and PostgreSQL alike."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

VERSION = 2


class UtcTime(TypeDecorator[dt.datetime]):
    """An instant: aware going in, UTC in the table (SQLite knows no offsets), aware coming out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Return what is stored."""
        if value is None:
            return None
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        """Return the instant, aware, in UTC."""
        if value is None:
            return None
        aware: dt.datetime = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.astimezone(dt.UTC)


metadata = sa.MetaData()

version = sa.Table("tap_reports_version", metadata, sa.Column("version", sa.Integer, nullable=False))

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
    sa.Column("settled_on", sa.Date),
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
    sa.Column("downloaded_at", UtcTime),
    sa.Column("download_seconds", sa.Float),
    sa.Column("emitted_at", UtcTime, nullable=False),
    sa.Column("emit_seconds", sa.Float),
)
"""Each time that a job's records came out, for people to look at: a job may be reused by several runs."""

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
    sa.Index("tap_reports_submissions_account", "vendor", "account", "at"),
)
