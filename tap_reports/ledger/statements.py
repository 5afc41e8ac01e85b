"""The ledger's statements: rows in, rows out. Each works in its caller's transaction."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tap_reports.downloads.process import this_process
from tap_reports.ledger import quota
from tap_reports.ledger.records import INTENT, LOST, EmitRecord, JobHistory, JobRecord, Reservation
from tap_reports.ledger.schema import jobs, streams, submissions, uses
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
    good = (JobStatus.SUCCEEDED.value, JobStatus.EMPTY.value)
    statement = sa.select(jobs, IS_OUT).where(
        jobs.c.vendor == like.vendor,
        jobs.c.account == like.account,
        jobs.c.api_url == like.api_url,
        jobs.c.report == like.report,
        jobs.c.slice_end >= first,
        jobs.c.slice_start <= last,
        jobs.c.status.in_((*IN_FLIGHT, LOST)) | (jobs.c.status.in_(good) & ~IS_OUT.element),
        ~is_outdated,
    )
    return db.execute(statement.order_by(jobs.c.id.desc())).mappings().all()


def reserve(
    db: sa.Connection, request: ReportRequest, stream: str, run_id: str, now: dt.datetime
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
    row = _insert_job(db, request, run_id, status=INTENT, sent_at=now, owner=this_process())
    _add_streams(db, row, stream.split(","))
    return Reservation(row=row, submission=_inserted(db, sent), at=now)


def adopt(db: sa.Connection, job: ReportJob, stream: str, run_id: str, newest: sa.RowMapping | None) -> None:
    """Add a job that this ledger did not see submitted."""
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
        settled_on=request.settled_on,
        quota=request.quota,
        run_id=run_id,
        **values,
    )
    return _inserted(db, statement)


def _inserted(db: sa.Connection, statement: sa.Insert) -> int:
    key = db.execute(statement).inserted_primary_key
    return int(key[0]) if key else 0


def _add_streams(db: sa.Connection, row: int, names: Iterable[str]) -> None:
    for name in sorted({name for name in names if name}):
        db.execute(streams.insert().values(job=row, stream=name))


def number_of(db: sa.Connection, job: ReportJob) -> int:
    """Return the number of a job's newest row, 0 if it has none."""
    here = (jobs.c.key == job.request.key) & (jobs.c.job_id == job.id)
    return db.scalar(sa.select(sa.func.max(jobs.c.id)).where(here)) or 0


def emit(db: sa.Connection, job: ReportJob, stream: str, use: EmitRecord) -> None:
    """Note what came out of a job for a stream, and with which download."""
    number = number_of(db, job)
    values: dict[str, Any] = {"rows": use.rows, "emitted_at": use.emitted_at}
    here = (streams.c.job == number) & (streams.c.stream == stream)
    if not db.execute(streams.update().where(here).values(**values)).rowcount:
        db.execute(streams.insert().values(job=number, stream=stream, **values))
    db.execute(
        uses.delete().where(uses.c.job == number, uses.c.stream == stream, uses.c.run_id == use.run_id)
    )
    download = sa.select(jobs.c.downloaded_at, jobs.c.download_seconds).where(jobs.c.id == number)
    values |= dict(db.execute(download).mappings().one())
    values |= {"run_id": use.run_id, "emit_seconds": use.emit_seconds}
    db.execute(uses.insert().values(job=number, stream=stream, **values))


def in_flight(db: sa.Connection, request: ReportRequest, oldest: dt.datetime) -> Sequence[sa.RowMapping]:
    """Return the account's jobs, sent after `oldest`, that are not known to be terminal."""
    statement = sa.select(jobs.c.status, jobs.c.sent_at, jobs.c.owner).where(
        jobs.c.vendor == request.vendor,
        jobs.c.account == request.account,
        jobs.c.status.in_(IN_FLIGHT),
        jobs.c.sent_at > oldest,
    )
    return db.execute(statement).mappings().all()


def submissions_of(
    db: sa.Connection, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime
) -> list[quota.Submission]:
    """Return the account's submissions that may count in these quotas."""
    statement = sa.select(submissions.c.at, submissions.c.quota, submissions.c.outcome).where(
        submissions.c.vendor == vendor,
        submissions.c.account == account,
        submissions.c.at >= quota.earliest(quotas, now),
    )
    return [
        quota.Submission(at, name, refused=outcome == "refused")
        for at, name, outcome in db.execute(statement)
    ]


def values_of(job: ReportJob) -> dict[str, Any]:
    """Return the columns that a job fills. What it does not say (any more) is left as it is known."""
    known = {
        "handle": json.dumps(job.handle, default=_plain) if job.handle else None,
        "created_at": job.created_at,
        "credits": None if job.credits is None else str(job.credits),
        "rows": job.rows,
    }
    return {
        "job_id": job.id,
        "status": job.status.value,
        "finished_at": job.finished_at,
        "message": job.message,
        **{name: value for name, value in known.items() if value is not None},
    }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def entry(row: sa.RowMapping) -> JobRecord:
    """Return a row as an entry."""
    start, end = row["slice_start"], row["slice_end"]
    names = ("key", "vendor", "account", "job_id", "status", "finished_at", "created_at", "downloaded_at")
    return JobRecord(
        row=row["id"],
        slice=Slice(start, end) if start and end else None,
        handle=json.loads(row["handle"]),
        submitted_at=row["sent_at"],
        credits=None if row["credits"] is None else Decimal(row["credits"]),
        rows=row["rows"],
        bytes=row["bytes"],
        run_id=row["run_id"],
        message=row["message"],
        is_out=row["is_out"],
        **{name: row[name] for name in names},
    )


def of_people(db: sa.Connection) -> Sequence[sa.RowMapping]:
    """Return all jobs, newest first, once for each of their streams.

    A report of several sheets was asked for under its own name before its sheets were known: once they are,
    that name is left out.
    """
    statement = (
        sa.select(
            jobs,
            streams.c.stream,
            streams.c.rows.label("stream_rows"),
        )
        .select_from(jobs.outerjoin(streams))
        .order_by(jobs.c.sent_at.desc(), jobs.c.id.desc(), streams.c.stream)
    )
    rows = db.execute(statement).mappings().all()
    sheets = {(row["id"], row["stream"].rpartition("__")[0]) for row in rows if row["stream"]}
    return [row for row in rows if (row["id"], row["stream"]) not in sheets]


def uses_by_job(db: sa.Connection) -> dict[tuple[int, str], list[EmitRecord]]:
    """Return all uses by job and stream, oldest first."""
    names = ("run_id", "rows", "downloaded_at", "download_seconds", "emitted_at", "emit_seconds")
    found: dict[tuple[int, str], list[EmitRecord]] = {}
    for row in db.execute(sa.select(uses).order_by(uses.c.emitted_at)).mappings():
        use = EmitRecord(**{name: row[name] for name in names})
        found.setdefault((row["job"], row["stream"]), []).append(use)
    return found


def passage(row: sa.RowMapping, its_uses: Iterable[EmitRecord]) -> JobHistory:
    """Return a job's row, joined with one of its streams, with its times."""
    shown = ("vendor", "report", "status", "message", "bytes", "run_id")
    times = ("started_at", "finished_at", "downloaded_at", "download_seconds")
    start, end = row["slice_start"], row["slice_end"]
    return JobHistory(
        stream=row["stream"] or "",
        slice=Slice(start, end) if start and end else None,
        job_id=row["job_id"],
        submitted_at=row["sent_at"],
        rows=row["rows"] if row["stream_rows"] is None else row["stream_rows"],
        credits=None if row["credits"] is None else Decimal(row["credits"]),
        uses=tuple(its_uses),
        **{name: row[name] for name in (*shown, *times)},
    )


def listed(row: sa.RowMapping) -> dict[str, Any]:
    """Return a job's row, joined with one of its streams, as `--jobs` shows it: JSON values, no handle."""
    return {
        "stream": row["stream"],
        "vendor": row["vendor"],
        "slice_start": _iso(row["slice_start"]),
        "slice_end": _iso(row["slice_end"]),
        "job_id": row["job_id"] or None,
        "status": row["status"],
        "submitted_at": _iso(row["sent_at"]),
        "finished_at": _iso(row["finished_at"]),
        "downloaded_at": _iso(row["downloaded_at"]),
        "rows": row["rows"] if row["stream_rows"] is None else row["stream_rows"],
        "bytes": row["bytes"],
        "credits": _number(row["credits"]),
    }


def _iso(value: dt.date | None) -> str | None:
    return value.isoformat() if value else None


def _number(text: str | None) -> int | float | None:
    if text is None:
        return None
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else float(value)
