"""What the ledger hands out: frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tap_reports.models import JobStatus, Json, Quota, ReportJob, ReportRequest, Slice

GOOD = tuple(status.value for status in JobStatus if status.is_good)
INTENT = "intent"
"""Status of a row whose submission has not been answered: on its way, or its run was killed."""
LOST = "lost"
"""Status of a row whose answer was lost: nobody knows whether the vendor accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitRecord:
    """One time that a job's records came out for a stream, with the job's times as they were then.

    Attributes:
        run_id: The run whose records they were.
        started_at, finished_at: When the vendor was seen working on it, and done with it.
        downloaded_at, download_seconds: When its files were here, and how long that took.
        emitted_at, emit_seconds: When its records were out, and how long that took.
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
        started_at: When the vendor was first seen working on it, if ever.
        downloaded_at, download_seconds: When its files were here last, and how long that took.
        rows: As the vendor says; in a history as came out last.
        bytes: Size of its files as downloaded.
        run_id: The run that submitted it.
        message: The vendor's words on a failure, redacted.
        estimate: What it was expected to cost; `credits` is what the vendor charged.
        is_out: Some run has had its records out.
        unreadable: Columns that can't be read: somebody has edited the row.
        uses: Each run in which its records came out; only in a history.
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
    is_out: bool = False
    unreadable: tuple[str, ...] = ()
    uses: tuple[EmitRecord, ...] = ()

    @property
    def is_unanswered(self) -> bool:
        """True if nobody knows whether the vendor accepted the submission."""
        return self.status in {INTENT, LOST}

    @property
    def is_in_flight(self) -> bool:
        """True if the vendor accepted the job and was not yet seen to be done with it."""
        return self.status in {JobStatus.PENDING, JobStatus.RUNNING}

    @property
    def is_good(self) -> bool:
        """True if the job is done and its rows (or their absence) can be used."""
        return self.status in GOOD

    def job(self, request: ReportRequest) -> ReportJob | None:
        """Return the job, to go on with it; None where no answer came."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be submitted, and within which limits.

    Attributes:
        streams: Who wants it.
        run_id: This run.
        quotas: The account's; those of the request's kind count.
        max_in_flight: Most jobs of the account that are not terminal.
        in_flight_hours: A job older than this no longer counts as in flight.
        now: The time.
        estimate: What it is expected to cost, if that is known.
    """

    request: ReportRequest
    streams: Collection[str]
    run_id: str
    quotas: Sequence[Quota]
    max_in_flight: int
    in_flight_hours: float
    now: dt.datetime
    estimate: Decimal | None = None

    @property
    def counting_quotas(self) -> tuple[Quota, ...]:
        """The quotas that count it."""
        return tuple(quota for quota in self.quotas if quota.counts == self.request.quota)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A place in the account's limits: the submission may be sent now.

    Attributes:
        row: The job's row.
        submission: The row that counts in the quotas.
        at: When it was given.
    """

    row: int
    submission: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """Another run has submitted the same report meanwhile: go on with its job."""

    job: ReportJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The submission may not be sent now.

    Attributes:
        quota: Name of the quota that is used up. "" where a place is waited for: too many jobs are in flight,
            or another run is just submitting the same report.
        limit: Its limit.
        seconds: When there is room again; 0 where a place is waited for.
        resets_at: When the quota lets the next one through; None for a place.
        is_day: The quota is a day's: it is not worth waiting for.
    """

    quota: str = ""
    limit: int = 0
    seconds: float = 0.0
    resets_at: dt.datetime | None = None
    is_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """How much of a quota is used. `resets_at` is None while a rolling one is unused."""

    name: str
    limit: int
    used: int
    remaining: int
    resets_at: dt.datetime | None
