"""A job as the ledger knows it: read from a row, which a person may have edited, and written to one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from tap_reports.ledger.schema import UNKNOWN_DAY, UNKNOWN_TIME
from tap_reports.models import JobStatus, Json, ReportJob, ReportRequest, Slice

GOOD = tuple(status.value for status in JobStatus if status.is_good)
INTENT = "intent"
"""Status of a row whose submission has no answer: it is being sent, or its run was killed."""
LOST = "lost"
"""Status of a row whose answer was lost: it is unknown whether the vendor accepted it."""
STATUSES = frozenset({INTENT, LOST, *(status.value for status in JobStatus)})
COPIED_COLUMNS = (
    *("key", "vendor", "account", "report", "job_id", "run_id", "message", "rows", "bytes"),
    *("started_at", "created_at", "downloaded_at", "download_seconds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitRecord:
    """One time that a job's records were emitted for a stream, with the job's times as they were then.

    Attributes:
        run_id: The run that emitted them.
        started_at, finished_at: When the job was first seen running, and when it finished.
        downloaded_at, download_seconds: When its files were downloaded, and how long that took.
        emitted_at, emit_seconds: When its records were emitted, and how long that took.
    """

    run_id: str
    rows: int
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    downloaded_at: dt.datetime | None = None
    download_seconds: float | None = None
    emitted_at: dt.datetime
    emit_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One submission as the ledger knows it. All times in UTC.

    Attributes:
        row: The ledger's number for it; grows with every submission.
        key: `ReportRequest.key`.
        stream: One of the streams that it is for; only in a history, else "".
        slice: The dates, or None for a snapshot.
        job_id: The vendor's, or "" where no answer came.
        status: A `JobStatus` value, `intent` or `lost`.
        handle: `ReportJob.handle`; may be secret.
        submitted_at: When it was sent.
        started_at: When the job was first seen running, if ever.
        downloaded_at, download_seconds: When its files were last downloaded, and how long that took.
        rows: As the vendor says; in a history as last emitted.
        bytes: Size of its files as downloaded.
        run_id: The run that submitted it.
        message: The vendor's words on a failure, redacted.
        estimate: The expected cost; `credits` is what the vendor charged.
        is_emitted: Some run has emitted its records.
        unreadable: Columns that can't be read: the row was edited.
        uses: Each run that emitted its records; only in a history.
    """

    row: int = 0
    key: str = ""
    vendor: str
    account: str = ""
    report: str = ""
    stream: str = ""
    slice: Slice | None
    job_id: str
    status: str
    handle: Json = field(default_factory=dict, repr=False)
    submitted_at: dt.datetime
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    created_at: dt.datetime | None = None
    downloaded_at: dt.datetime | None = None
    download_seconds: float | None = None
    credits: Decimal | None = None
    estimate: Decimal | None = None
    rows: int | None = None
    bytes: int | None = None
    run_id: str = ""
    message: str = ""
    is_emitted: bool = False
    unreadable: tuple[str, ...] = ()
    uses: tuple[EmitRecord, ...] = ()

    @property
    def is_unanswered(self) -> bool:
        """True if it is unknown whether the vendor accepted the submission."""
        return self.status in {INTENT, LOST}

    @property
    def is_in_flight(self) -> bool:
        """True if the vendor accepted the job and it was not yet seen to end."""
        return self.status in {JobStatus.PENDING, JobStatus.RUNNING}

    @property
    def is_good(self) -> bool:
        """True if the job is done and its rows (or their absence) can be used."""
        return self.status in GOOD

    def job(self, request: ReportRequest) -> ReportJob | None:
        """Return the job, to continue with it; None where no answer came."""
        if self.is_unanswered or not self.job_id:
            return None
        return ReportJob(
            request=request,
            id=self.job_id,
            status=JobStatus(self.status),
            submitted_at=self.submitted_at,
            finished_at=self.finished_at,
            created_at=self.created_at,
            handle=self.handle,
            message=self.message,
            credits=self.credits,
            rows=self.rows,
        )


def values_of(job: ReportJob) -> dict[str, Any]:
    """Return the columns that a job fills. A column that it does not fill (any more) keeps its value."""
    known = {
        "handle": json.dumps(job.handle, default=_json_default) if job.handle else None,
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

    A job whose status or end is invalid counts as pending, or as lost if it has no job id: a pending job is
    polled, which is free, and not submitted again.

    Args:
        row: Of the jobs.
        now: Stands for an invalid time of submission, which starts a deadline.
        more: Fields in place of the row's.
    """
    wrong = tuple(_unreadable_columns(row))
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
        credits=decimal_of(row["credits"]),
        estimate=decimal_of(row["estimate"]),
        is_emitted=bool(row.get("is_emitted")),
        unreadable=wrong,
        **{name: row[name] for name in COPIED_COLUMNS} | more,
    )


def unreadable_warning(entry: JobRecord) -> str:
    """Return the warning about a row with invalid values."""
    return (
        f"The job ledger's row {entry.row} ({entry.vendor} {entry.report}, job {entry.job_id or 'unknown'}) "
        f"has no valid {', '.join(entry.unreadable)}: somebody has edited it. As far as it can be read, its "
        "job is asked for at the vendor, which is free. Correct the row, or delete it if its job is of no "
        f"use (table tap_reports_jobs, id {entry.row})."
    )


def decimal_of(text: str | None) -> Decimal | None:
    """Return a number that the ledger keeps as text; None for a text that is not a number."""
    try:
        number = None if text is None else Decimal(text)
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _unreadable_columns(row: sa.RowMapping) -> Iterator[str]:
    """Yield the unreadable columns of a row, of those that decide what happens to its job."""
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
        handle = json.loads(row["handle"])
    except (ValueError, TypeError):
        return None
    return handle if isinstance(handle, dict) else None


def _json_default(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
