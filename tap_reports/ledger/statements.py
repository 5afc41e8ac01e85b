"""The ledger's statements: rows in, rows out. Each works in its caller's transaction.

A round trip to a server is what a statement costs, so what can be one statement is one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tap_reports.downloads.process import this_process
from tap_reports.ledger import quota
from tap_reports.ledger.records import INTENT, LOST, QuotaUse, Reservation
from tap_reports.ledger.rows import GOOD, values_of
from tap_reports.ledger.schema import UtcTime, jobs, streams, submissions, uses
from tap_reports.models import JobStatus, Quota, ReportJob, ReportRequest, Slice

IN_FLIGHT = (INTENT, JobStatus.PENDING.value, JobStatus.RUNNING.value)
IS_OUT = sa.exists().where(streams.c.job == jobs.c.id, streams.c.emitted_at.is_not(None)).label("is_out")
"""Whether some run has had a job's records out."""


def of_key(db: sa.Connection, key: str) -> Sequence[sa.RowMapping]:
    """Return a key's rows, newest first."""
    statement = sa.select(jobs, IS_OUT).where(jobs.c.key == key).order_by(jobs.c.id.desc())
    return db.execute(statement).mappings().all()


def on_its_way(
    db: sa.Connection, like: ReportRequest, stream: str, first: dt.date, last: dt.date
) -> Sequence[sa.RowMapping]:
    """Return the account's jobs of a report between two days that may still bring records, newest first:
    sent and not done, or done and not out, unless the stream has had all of their days from a later job.
    """
    later, later_out = jobs.alias(), streams.alias()
    is_outdated = sa.exists().where(
        later.c.vendor == jobs.c.vendor,
        later.c.account == jobs.c.account,
        later.c.id > jobs.c.id,
        later.c.slice_start <= jobs.c.slice_start,
        later.c.slice_end >= jobs.c.slice_end,
        later_out.c.job == later.c.id,
        later_out.c.stream == stream,
        later_out.c.emitted_at.is_not(None),
    )
    statement = sa.select(jobs, IS_OUT).where(
        jobs.c.vendor == like.vendor,
        jobs.c.account == like.account,
        jobs.c.api_url == like.api_url,
        jobs.c.report == like.report,
        jobs.c.slice_end >= first,
        jobs.c.slice_start <= last,
        jobs.c.status.in_((*IN_FLIGHT, LOST)) | (jobs.c.status.in_(GOOD) & ~IS_OUT.element),
        ~is_outdated,
    )
    return db.execute(statement.order_by(jobs.c.id.desc())).mappings().all()


def blocking_rows(
    db: sa.Connection, request: ReportRequest, quotas: Sequence[Quota], oldest: dt.datetime, now: dt.datetime
) -> tuple[Sequence[sa.RowMapping], dict[str, dt.datetime | None]]:
    """Return what may stand against a submission, in one statement: the rows of its key and the account's
    jobs sent after `oldest` that are not known to be terminal, newest first; and for each quota the time of
    the submission that is the `limit`-th newest in its window.
    """
    columns = [
        sa.select(submissions.c.at)
        .where(*_counted(item, request.vendor, request.account, now))
        .order_by(submissions.c.at.desc())
        .limit(1)
        .offset(item.limit - 1)
        .scalar_subquery()
        .label(f"quota_{number}")
        for number, item in enumerate(quotas)
        if item.limit >= 1
    ]
    found = sa.select(sa.literal(1).label("one"), *columns).subquery()
    is_same = jobs.c.key == request.key
    is_in_flight = sa.and_(
        jobs.c.vendor == request.vendor,
        jobs.c.account == request.account,
        jobs.c.status.in_(IN_FLIGHT),
        # Not of a time that a clock gone wrong has put far ahead: it would hold its place until then.
        jobs.c.sent_at.between(oldest, now + (now - oldest)),
    )
    statement = (
        sa.select(found, jobs, IS_OUT)
        .select_from(found.outerjoin(jobs, is_same | is_in_flight))
        .order_by(jobs.c.id.desc())
    )
    rows = db.execute(statement).mappings().all()
    deciding = {item.name: rows[0].get(f"quota_{number}") for number, item in enumerate(quotas)}
    return [row for row in rows if row["id"] is not None], deciding


def quota_uses(
    db: sa.Connection, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime
) -> list[QuotaUse]:
    """Return how much of each of an account's quotas is used."""
    found = []
    for item in quotas:
        counted = _counted(item, vendor, account, now)
        oldest = sa.func.min(submissions.c.at, type_=UtcTime)
        used, first = db.execute(sa.select(sa.func.count(), oldest).where(*counted)).one()
        found.append(quota.use(item, used, first, now))
    return found


def _counted(item: Quota, vendor: str, account: str, now: dt.datetime) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the submissions that count in a quota."""
    start, end = quota.window(item, now)
    same = [
        submissions.c.vendor == vendor,
        submissions.c.account == account,
        submissions.c.quota == item.counts,
        submissions.c.at <= end,
    ]
    if quota.is_day(item):
        return [*same, submissions.c.at >= start, submissions.c.outcome != "refused"]
    return [*same, submissions.c.at > start]


def reserve(
    db: sa.Connection,
    request: ReportRequest,
    stream: str,
    run_id: str,
    now: dt.datetime,
    estimate: Decimal | None,
) -> Reservation:
    """Count a submission and leave its intent."""
    sent = submissions.insert().values(
        vendor=request.vendor,
        account=request.account,
        quota=request.quota,
        key=request.key,
        at=now,
        outcome="sent",
    )
    cost = None if estimate is None else str(estimate)
    values = {"status": INTENT, "sent_at": now, "owner": this_process(), "estimate": cost}
    row = _insert_job(db, request, run_id, **values)
    _add_streams(db, row, stream.split(","))
    return Reservation(row=row, submission=_inserted(db, sent), at=now)


def adopt(db: sa.Connection, job: ReportJob, stream: str, run_id: str) -> None:
    """Add a job that this ledger did not see submitted, for a stream and those of its key's newest row."""
    newest = next(iter(of_key(db, job.request.key)), None)
    names = stream.split(",")
    if newest is not None:
        run_id = run_id or newest["run_id"]
        names += db.scalars(sa.select(streams.c.stream).where(streams.c.job == newest["id"]))
    row = _insert_job(db, job.request, run_id, sent_at=job.submitted_at, **values_of(job))
    _add_streams(db, row, names)


def _insert_job(db: sa.Connection, request: ReportRequest, run_id: str, **values: Any) -> int:
    days = request.slice
    statement = jobs.insert().values(
        key=request.key,
        vendor=request.vendor,
        account=request.account,
        api_url=request.api_url,
        report=request.report,
        slice_start=days and days.start,
        slice_end=days and days.end,
        quota=request.quota,
        run_id=run_id,
        **values,
    )
    return _inserted(db, statement)


def _inserted(db: sa.Connection, statement: sa.Insert) -> int:
    key = db.execute(statement).inserted_primary_key
    return int(key[0]) if key else 0


def _add_streams(db: sa.Connection, row: int, names: Iterable[str]) -> None:
    found = sorted({name for name in names if name})
    if found:
        db.execute(streams.insert().values([{"job": row, "stream": name} for name in found]))


def change(db: sa.Connection, job: ReportJob, values: Mapping[str, Any]) -> int:
    """Change a job's rows. Returns the number of the newest, 0 if there is none."""
    here = (jobs.c.key == job.request.key) & (jobs.c.job_id == job.id)
    changed = db.scalars(jobs.update().where(here).values(**values).returning(jobs.c.id))
    return max(changed, default=0)


def emit(
    db: sa.Connection,
    job: ReportJob,
    stream: str,
    run_id: str,
    rows: int,
    at: dt.datetime,
    seconds: float | None,
    content: str | None,
) -> bool:
    """Note what came out of a job for a stream, with the job's times as they are now. Returns False if the
    job has no row.
    """
    here = (jobs.c.key == job.request.key) & (jobs.c.job_id == job.id)
    newest = sa.select(sa.func.max(jobs.c.id)).where(here).scalar_subquery()
    out = {"stream": stream, "rows": rows, "emitted_at": at}
    if not _put(db, streams, newest, {**out, "content": content}):
        return False
    times = {column.name: column for column in uses.c if column.name in jobs.c and column.name not in out}
    del times["run_id"]
    _put(db, uses, newest, {**out, "run_id": run_id, "emit_seconds": seconds}, times)
    return True


def contents_beside(
    db: sa.Connection, like: ReportRequest, days: Slice, stream: str
) -> Sequence[tuple[dt.date, dt.date, str]]:
    """Return the days and the content of a stream's slices right before and after a slice, oldest first."""
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
    return [(start, end, content) for start, end, content in db.execute(statement)]


def _put(
    db: sa.Connection,
    table: sa.Table,
    newest: sa.ScalarSelect[Any],
    values: Mapping[str, Any],
    copied: Mapping[str, Any] | None = None,
) -> bool:
    """Write a row for a job, over the one that is there. Returns False if there is no such job."""
    names = ["job", *values, *(copied or {})]
    literals = [sa.literal(value, table.c[name].type) for name, value in values.items()]
    source = sa.select(jobs.c.id, *literals, *(jobs.c[name] for name in copied or ())).where(
        jobs.c.id == newest
    )
    if db.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(table).from_select(names, source)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return db.execute(statement.returning(table.c.job)).first() is not None
