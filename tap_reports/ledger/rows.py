"""A job's row as a value, and what makes no sense in it: somebody may have edited the table."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from tap_reports.ledger.records import GOOD, INTENT, LOST, JobRecord
from tap_reports.ledger.schema import UNKNOWN_DAY, UNKNOWN_TIME
from tap_reports.models import JobStatus, Json, ReportJob, Slice

STATUSES = frozenset({INTENT, LOST, *(status.value for status in JobStatus)})
COPIED = (
    *("key", "vendor", "account", "report", "job_id", "run_id", "message", "rows", "bytes"),
    *("started_at", "created_at", "downloaded_at", "download_seconds"),
)


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


def record(row: sa.RowMapping, now: dt.datetime = UNKNOWN_TIME, **more: Any) -> JobRecord:
    """Return a row as a value.

    A job whose status or end makes no sense is taken for one that runs: its vendor is asked for it, which is
    free, and nothing is submitted for it.

    Args:
        row: Of the jobs.
        now: What a time of submission that makes no sense is taken for: it starts a deadline.
        more: What to fill in otherwise.
    """
    wrong = tuple(_nonsense(row))
    status, finished_at = row["status"], row["finished_at"]
    if "status" in wrong or ("finished_at" in wrong and status in GOOD):
        status, finished_at = JobStatus.PENDING.value if row["job_id"] else LOST, None
    start, end = row["slice_start"], row["slice_end"]
    return JobRecord(
        row=row["id"],
        slice=Slice(start, end) if start and end and "slice" not in wrong else None,
        status=status,
        handle=_handle(row) or {},
        submitted_at=now if "sent_at" in wrong else row["sent_at"],
        finished_at=None if "finished_at" in wrong else finished_at,
        credits=number(row["credits"]),
        estimate=number(row["estimate"]),
        is_out=bool(row.get("is_out")),
        unreadable=wrong,
        **{name: row[name] for name in COPIED} | more,
    )


def warning(found: JobRecord) -> str:
    """Return what there is to say of a row that makes no sense."""
    return (
        f"The job ledger's row {found.row} ({found.vendor} {found.report}, job {found.job_id or 'unknown'}) "
        f"has no valid {', '.join(found.unreadable)}: somebody has edited it. As far as it can be read, its "
        "job is asked for at the vendor, which is free. Correct the row, or delete it if its job is of no "
        f"use (table tap_reports_jobs, id {found.row})."
    )


def number(text: str | None) -> Decimal | None:
    """Return a number that the ledger keeps as text; None for what is none."""
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _nonsense(row: sa.RowMapping) -> Iterator[str]:
    """Yield what can't be read of a row, of all that decides what becomes of its job."""
    start, end = row["slice_start"], row["slice_end"]
    if row["status"] not in STATUSES:
        yield "status"
    if _handle(row) is None:
        yield "handle"
    for name in ("sent_at", "finished_at"):
        if row[name] == UNKNOWN_TIME:
            yield name
    if UNKNOWN_DAY in {start, end} or (start is None) != (end is None) or (start and start > end):
        yield "slice"


def _handle(row: sa.RowMapping) -> Json | None:
    try:
        found = json.loads(row["handle"])
    except (ValueError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
