"""The ledger's statements: rows in, rows out. Each works in its caller's transaction.

A statement costs a round trip to a server, so what can be one statement is one. Those that run for every job
are built once and filled by parameters: building them again costs more than running them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from tap_reports.ledger.records import GOOD, INTENT, LOST, values_of
from tap_reports.ledger.schema import UtcTime, jobs, streams, uses
from tap_reports.models import JobStatus, ReportJob, ReportRequest, Slice

IN_FLIGHT = (JobStatus.PENDING.value, JobStatus.RUNNING.value)
IS_EMITTED = (
    sa.exists().where(streams.c.job == jobs.c.id, streams.c.emitted_at.is_not(None)).label("is_emitted")
)
"""Whether any run has emitted a job's records."""
JOBS_OF_KEY = sa.select(jobs, IS_EMITTED).where(jobs.c.key == bindparam("key")).order_by(jobs.c.id.desc())
ADD_JOB, ADD_STREAMS = jobs.insert(), streams.insert()
IS_JOB = (jobs.c.key == bindparam("of_key")) & (jobs.c.job_id == bindparam("of_id"))
CHANGE = jobs.update().where(IS_JOB).returning(jobs.c.id)
CHANGE_RUNNING = CHANGE.values(
    started_at=sa.func.coalesce(jobs.c.started_at, bindparam("seen_at"), type_=UtcTime)
)
EMIT_COLUMNS = ("stream", "run_id", "rows", "emitted_at", "emit_seconds", "content")
"""Columns of `streams` and `uses` about the emitted records; the others are copied from the job."""


def jobs_of_key(db: sa.Connection, key: str) -> Sequence[sa.RowMapping]:
    """Return a key's rows, newest first."""
    return db.execute(JOBS_OF_KEY, {"key": key}).mappings().all()


def open_jobs(
    db: sa.Connection, like: ReportRequest, stream: str, first: dt.date, last: dt.date
) -> Sequence[sa.RowMapping]:
    """Return the account's jobs of a report between two days that may still bring records, newest first:
    sent and not done, or done and not emitted. A job is left out if a later job's records of all its days
    were emitted for the stream.
    """
    later, later_streams = jobs.alias(), streams.alias()
    is_outdated = sa.exists().where(
        later.c.vendor == jobs.c.vendor,
        later.c.account == jobs.c.account,
        later.c.id > jobs.c.id,
        later.c.slice_start <= jobs.c.slice_start,
        later.c.slice_end >= jobs.c.slice_end,
        later_streams.c.job == later.c.id,
        later_streams.c.stream == stream,
        later_streams.c.emitted_at.is_not(None),
    )
    statement = sa.select(jobs, IS_EMITTED).where(
        jobs.c.vendor == like.vendor,
        jobs.c.account == like.account,
        jobs.c.api_url == like.api_url,
        jobs.c.report == like.report,
        jobs.c.slice_end >= first,
        jobs.c.slice_start <= last,
        jobs.c.status.in_((INTENT, *IN_FLIGHT, LOST)) | (jobs.c.status.in_(GOOD) & ~IS_EMITTED.element),
        ~is_outdated,
    )
    return db.execute(statement.order_by(jobs.c.id.desc())).mappings().all()


def add_unseen(db: sa.Connection, job: ReportJob, stream: str = "", run_id: str = "") -> None:
    """Add a job that the ledger does not have, for a stream and the streams of its key's newest row."""
    newest = next(iter(jobs_of_key(db, job.request.key)), None)
    names = [stream]
    if newest is not None:
        run_id = run_id or newest["run_id"]
        names += db.scalars(sa.select(streams.c.stream).where(streams.c.job == newest["id"]))
    add_job(db, job.request, run_id, names, sent_at=job.submitted_at, **values_of(job))


def add_job(
    db: sa.Connection, request: ReportRequest, run_id: str, names: Iterable[str], **values: Any
) -> int:
    """Add a job's row and its streams. Returns the row's number."""
    days = request.slice
    columns = {
        "key": request.key,
        "vendor": request.vendor,
        "account": request.account,
        "api_url": request.api_url,
        "report": request.report,
        "slice_start": days and days.start,
        "slice_end": days and days.end,
        "quota": request.quota,
        "run_id": run_id,
    }
    row = inserted(db, ADD_JOB, columns | values)
    if stream_names := sorted({name for name in names if name}):
        db.execute(ADD_STREAMS, [{"job": row, "stream": name} for name in stream_names])
    return row


def inserted(db: sa.Connection, statement: sa.Insert, values: Mapping[str, Any]) -> int:
    """Insert a row. Returns its number."""
    key = db.execute(statement, values).inserted_primary_key
    return int(key[0]) if key else 0


def change(
    db: sa.Connection, job: ReportJob, values: Mapping[str, Any], running_at: dt.datetime | None = None
) -> int:
    """Change a job's rows. Returns the number of the newest, 0 if there is none.

    Args:
        running_at: When the job was seen running, if it was; the first such time is kept.
    """
    given = {"of_key": job.request.key, "of_id": job.id, **values}
    if running_at is None:
        return max(db.scalars(CHANGE, given), default=0)
    return max(db.scalars(CHANGE_RUNNING, {**given, "seen_at": running_at}), default=0)


def note_emitted(db: sa.Connection, job: ReportJob, **out: Any) -> bool:
    """Note that a job's records were emitted (`EMIT_COLUMNS`), with the job's times as they are now.

    Returns False if the job has no row.
    """
    given = {
        "of_key": job.request.key,
        "of_id": job.id,
        **{f"its_{name}": out[name] for name in EMIT_COLUMNS},
    }
    return all(db.execute(_upsert(db.dialect.name, table), given).first() for table in (streams, uses))


def adjacent_slice_with_content(
    db: sa.Connection, content: str, like: ReportRequest, stream: str
) -> Slice | None:
    """Return the slice right before or after a request's whose newest files of a stream had this content."""
    days = like.slice
    if days is None:
        return None
    day = dt.timedelta(days=1)
    statement = (
        sa.select(jobs.c.slice_start, jobs.c.slice_end, streams.c.content)
        .join(streams)
        .where(
            jobs.c.vendor == like.vendor,
            jobs.c.account == like.account,
            jobs.c.api_url == like.api_url,
            jobs.c.report == like.report,
            (jobs.c.slice_end == days.start - day) | (jobs.c.slice_start == days.end + day),
            streams.c.stream == stream,
            streams.c.content.is_not(None),
        )
        .order_by(streams.c.emitted_at)
    )
    newest = {Slice(start, end): digest for start, end, digest in db.execute(statement)}
    return next((slice_ for slice_, digest in newest.items() if digest == content), None)


@cache
def _upsert(dialect: str, table: sa.Table) -> sa.Insert:
    """Return the statement that writes what was emitted of a job's newest row, over what is there."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    columns = [column for column in table.c if column.name != "job"]
    source = sa.select(
        jobs.c.id,
        *(
            bindparam(f"its_{column.name}", type_=column.type)
            if column.name in EMIT_COLUMNS
            else jobs.c[column.name]
            for column in columns
        ),
    ).where(jobs.c.id == sa.select(sa.func.max(jobs.c.id)).where(IS_JOB).scalar_subquery())
    statement = insert(table).from_select(["job", *(column.name for column in columns)], source)
    changed = {column.name: statement.excluded[column.name] for column in columns if not column.primary_key}
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key], set_=changed
    ).returning(table.c.job)
