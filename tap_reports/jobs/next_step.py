"""What happens to a job that is done, whatever its end: one table. Pure; `worker` carries the steps out.

Law: polling again is free, submitting again is not. A step that may cost is taken only where the vendor's
guide asks for it, and no more often.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from tap_reports.exceptions import FileError, JobFailed, JobTimeout, StreamError
from tap_reports.jobs.task import Attempts
from tap_reports.models import JobStatus, ReportJob

TOO_LARGE = re.compile(
    r"too (?:large|big|long|many|much)|(?:size|row|memory|time) ?limit"
    r"|(?:exceed|maximum|max\.? )\w* (?:row|size)|timed? ?out|out of memory",
    re.IGNORECASE,
)
"""What vendors say of a report that is too large for them."""
SMALLER = "A smaller slice_days makes smaller reports."


class Step(Enum):
    """What to do with a job that is done."""

    DOWNLOAD = auto()
    """Fetch its files."""
    READY = auto()
    """It is done and has no rows."""
    REPLAY = auto()
    """Have the vendor run the finished job again, for newer data."""
    RETRY = auto()
    """Have the vendor run the failed job again, for free."""
    RESUBMIT = auto()
    """Submit once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often a vendor's jobs may be run again (`Vendor.retries`, `Vendor.resubmissions`)."""

    retries: int
    resubmissions: int


def next_step(job: ReportJob, attempts: Attempts, rules: Rules, *, is_outdated: bool = False) -> Step:
    """Return what to do with a job that is done.

    Args:
        job: Done, as its vendor saw it last; EXPIRED where its download links expire again and again.
        attempts: What was tried so far in this run.
        rules: Its vendor's. No retries where the vendor runs no failed job again.
        is_outdated: A submission was answered with an older job, whose data is no longer good.

    Raises:
        JobFailed, JobTimeout, FileError: It gives no result.
    """
    match job.status:
        case JobStatus.SUCCEEDED | JobStatus.EMPTY if is_outdated and attempts.replays == 0:
            return Step.REPLAY
        case JobStatus.SUCCEEDED:
            return Step.DOWNLOAD
        case JobStatus.EMPTY:
            return Step.READY
        case JobStatus.FAILED_RETRYABLE if attempts.retries + attempts.replays < rules.retries:
            return Step.RETRY
        case JobStatus.FAILED_RETRYABLE | JobStatus.EXPIRED if attempts.resubmissions < rules.resubmissions:
            return Step.RESUBMIT
        case JobStatus.EXPIRED:
            raise failure(job, FileError if attempts.link_renewals > 1 else JobTimeout)
        case _:
            raise failure(job)


def failure(job: ReportJob, kind: type[StreamError] = JobFailed) -> StreamError:
    """Return the error of a job that ended for good without a result."""
    said = f": {job.message}" if job.message else ""
    remedy = JobFailed.default_remedy
    days = job.request.slice
    if days and days.days > 1 and TOO_LARGE.search(job.message):
        remedy = f"{SMALLER} {remedy}"
    return kind(f'the job ended as "{job.word or job.status}"{said}', remedy=remedy)
