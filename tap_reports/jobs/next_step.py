"""What happens to a job after any answer or status: every decision, as pure functions.

`worker` carries the steps out; `--plan` uses `find_job`, too. Invariant: polling again is free, submitting
again is not. A step that may cost is taken only where the vendor's guide asks for it, and no more often.

```
What was found for the request: find_job
  nothing, or a job that failed           SUBMIT; POLL another job that STATE names
  a job that is not done                  POLL (resumed)
  a result that no run has emitted, or whose data is still good
                                          POLL (reused; resumed where STATE names it); READY if it is empty
  a result whose data may have changed, or whose file was refused while reuse_finished_jobs is off
                                          REPLAY where the vendor can, else REFRESH
  a job older than results are kept       SUBMIT or REFRESH, with a warning
  a submission whose answer was lost      SUBMIT, with a warning where a second one costs

What the ledger says before a submission: after_wait
  another run has just submitted it       POLL its job
  too many jobs in flight, or a minute's or an hour's quota is used up
                                          SUBMIT later
  a day's quota is spent, or the credits (see limits.py)
                                          FAIL, with all others that count in it; running jobs continue

What a submission was answered with: after_submission_error
  a job                                   POLL_LATER, once STATE names it
  429                                     SUBMIT later, until job_deadline_seconds
  500, 503; or it was not sent            SUBMIT later, max_retries times
  nothing, 408, other 5xx, nonsense       lost: SUBMIT max_retries times or once, or FAIL
                                          (Vendor.lost_submission)
  the vendor's day quota is spent         FAIL, with all others that count in it
  any other refusal                       FAIL

What a poll was answered with: after_poll_error
  pending, running, or an unknown word    POLL_LATER; LEAVE at job_deadline_seconds
  unknown job (404), submitted less than five minutes ago and not seen at work since
                                          POLL_LATER twice: its status may lag; then as below
  unknown job of this run                 POLL_LATER twice, then LEAVE
  unknown job of an earlier or another run
                                          SUBMIT
  nonsense, or done without a link        POLL_LATER three times in a row, then LEAVE
  304, 408, 409, 425, a 403 about limits, or a broken call that names a time
                                          POLL_LATER max_retries times in a row, then LEAVE
  a broken call (repeated already), any other 4xx
                                          LEAVE

How a job ended: after_finish (with --submit, what succeeded is READY and what failed is FAIL)
  succeeded                               DOWNLOAD
  empty                                   READY
  either, before it was submitted, and its data may have changed since
                                          REPLAY once, where the vendor can
  failed_retryable                        RETRY up to Vendor.retries times, RESUBMIT up to
                                          Vendor.resubmissions times, then FAIL
  expired                                 RESUBMIT up to Vendor.resubmissions times, then FAIL
  failed                                  FAIL

What a retry or a replay was answered with: after_refused_replay
  a job                                   POLL_LATER
  401, 403                                LEAVE
  a refused retry                         FAIL
  a refused replay of a result whose data may have changed since
                                          REFRESH
  a refused replay of an older job that a submission was answered with
                                          DOWNLOAD as it is; FAIL if its slice was not over then

What became of a download: after_expired_link
  complete                                READY
  its link had expired                    POLL for another one, once
  that one, too                           as an expired job; LEAVE where Vendor.resubmissions are none
  any other error                         LEAVE
```
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import (
    BadAnswer,
    CallBroken,
    CallError,
    CallRefused,
    CallRejected,
    FileError,
    JobFailed,
    JobTimeout,
    JobUnknown,
    NotSent,
    QuotaSpent,
    StreamError,
    SubmissionLost,
)
from tap_reports.jobs.task import Action, Attempts
from tap_reports.models import REPLAYED, RESULT_HOURS, JobStatus, ReportJob, ReportRequest
from tap_reports.vendor import LostSubmission, Vendor, VendorConfig

if TYPE_CHECKING:
    from tap_reports.ledger.quota import Wait
    from tap_reports.ledger.records import JobRecord

THROTTLED = 429
SAYS_NOTHING = frozenset({304, 408, 409, 425})
"""Answers to a poll that say nothing of the job."""
ABOUT_LIMITS = re.compile(r"throttl|rate.?limit|too many", re.IGNORECASE)
"""What a 403 says that does not mean the credentials."""
MAX_UNKNOWN_POLLS = 2
MAX_LAG = dt.timedelta(minutes=5)
"""For so long after a submission, and so many polls, a vendor may not know its own new job."""
MAX_BAD_POLLS = 3
TOO_LARGE = re.compile(
    r"too (?:large|big|long|many|much)|(?:size|row|memory|time) ?limit"
    r"|(?:exceed|maximum|max\.? )\w* (?:row|size)|timed? ?out|out of memory",
    re.IGNORECASE,
)
"""What vendors say of a report that is too large for them."""
SMALLER = "A smaller slice_days makes smaller reports."


class Step(Enum):
    """What to do next."""

    SUBMIT = auto()
    """Submit the request."""
    REFRESH = auto()
    """Submit it, bypassing a result that the vendor has cached."""
    RESUBMIT = auto()
    """Record that the job failed, and submit once more, as the vendor's guide says."""
    POLL = auto()
    """Poll at once."""
    POLL_LATER = auto()
    """Wait, then poll."""
    RETRY = auto()
    """Have the vendor run the failed job again, for free."""
    REPLAY = auto()
    """Have the vendor run the finished job again, for newer data."""
    DOWNLOAD = auto()
    """Download its files."""
    READY = auto()
    """Done: the files are downloaded, or the report is empty. With `--submit`: the result exists."""
    FAIL = auto()
    """End with an error. There is no job, or it gives no result: the next run submits."""
    LEAVE = auto()
    """End with an error. STATE keeps the job: the next run resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is allowed for one account's jobs in this run.

    Attributes:
        retries: How often a failed job may be run again for free; 0 if the vendor can't.
        resubmissions, lost_submission: See `Vendor`.
        max_retries: How often a broken call is retried.
        downloads_results: False for `--submit`: a later sync downloads the results.
    """

    retries: int = 0
    resubmissions: int = 0
    lost_submission: LostSubmission = LostSubmission.FAIL
    max_retries: int = 0
    downloads_results: bool = True


# --- before a submission ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLookup:
    """How a request gets its job.

    Attributes:
        action: The action that users see.
        job: The job to resume, reuse or replay.
        refresh: True if the submission should bypass the vendor's cache.
        warning: Why an earlier job is not used, if the user should know.
    """

    action: Action
    job: ReportJob | None = None
    refresh: bool = False
    warning: str = ""

    @property
    def step(self) -> Step:
        """What to do."""
        if self.job is None:
            return Step.REFRESH if self.refresh else Step.SUBMIT
        if self.action is Action.REPLAY:
            return Step.REPLAY
        return Step.READY if self.job.status is JobStatus.EMPTY else Step.POLL


def find_job(
    request: ReportRequest,
    record: JobRecord | None,
    known: Mapping[str, Any] | None,
    *,
    vendor: Vendor,
    config: VendorConfig,
    can_replay: bool,
    now: dt.datetime,
) -> JobLookup:
    """Return how a request gets its job.

    Args:
        request: The request.
        record: The ledger's record of its key, if any (`Ledger.find`).
        known: The state's pending job of this request, if any (`id`, `submitted_at`).
        vendor, config: Its vendor.
        can_replay: True if the vendor can run finished jobs again.
        now: The time.
    """
    job = record.job(request) if record else None
    id_in_state = str(known["id"]) if known else None
    if record and job and _may_have_result(job, vendor, now):
        # A file that was downloaded and not emitted was refused: without reuse_finished_jobs, get a new one.
        may_reuse = config.reuse_finished_jobs or record.is_emitted or record.downloaded_at is None
        is_valid = is_still_valid(job, vendor, config, now) or (may_reuse and not record.is_emitted)
        is_resumed = not job.status.is_terminal or (may_reuse and job.id == id_in_state)
        return _from_ledger(job, is_resumed=is_resumed, is_valid=is_valid, can_replay=can_replay)
    if known and vendor.resumes_by_id and (job is None or job.id != id_in_state):
        return JobLookup(action=Action.RESUME, job=_job_of_state(request, known, now))
    if job is None:
        return JobLookup(action=Action.SUBMIT, warning=_resubmit_warning(request, record, known, vendor))
    warning = _expired_warning(job, vendor, now)
    return JobLookup(action=Action.SUBMIT, refresh=job.status.is_good, warning=warning)


def _from_ledger(job: ReportJob, *, is_resumed: bool, is_valid: bool, can_replay: bool) -> JobLookup:
    if is_resumed:
        return JobLookup(action=Action.RESUME, job=job)
    if is_valid:
        return JobLookup(action=Action.REUSE, job=job)
    if can_replay:
        return JobLookup(action=Action.REPLAY, job=job)
    return JobLookup(action=Action.SUBMIT, refresh=True)


def _may_have_result(job: ReportJob, vendor: Vendor, now: dt.datetime) -> bool:
    failed = job.status.is_terminal and not job.status.is_good
    return not failed and not _has_expired(job, vendor, now)


def _has_expired(job: ReportJob, vendor: Vendor, now: dt.datetime) -> bool:
    """Return whether the vendor no longer keeps the result. Counted from submission: rather too early."""
    hours = job.handle.get(RESULT_HOURS) or vendor.result_hours
    return hours is not None and now - job.submitted_at > dt.timedelta(hours=hours)


def is_still_valid(job: ReportJob, vendor: Vendor, config: VendorConfig, now: dt.datetime) -> bool:
    """Return whether a finished job's result may be used again: its data could no longer change when it
    finished, or it finished within `reuse_job_hours`.
    """
    if not config.reuse_finished_jobs or job.finished_at is None or _has_expired(job, vendor, now):
        return False
    settled = job.request.settled_on
    if settled is not None and job.finished_at.date() >= settled:
        return True
    return now - job.finished_at <= dt.timedelta(hours=config.reuse_job_hours)


def _job_of_state(request: ReportRequest, known: Mapping[str, Any], now: dt.datetime) -> ReportJob:
    """Return the job that a state has. An invalid time counts as now: it only starts a deadline."""
    try:
        submitted_at = dt.datetime.fromisoformat(str(known.get("submitted_at")))
        submitted_at = submitted_at if submitted_at.tzinfo else submitted_at.replace(tzinfo=dt.UTC)
    except ValueError:
        submitted_at = now
    return ReportJob(request=request, id=str(known["id"]), submitted_at=submitted_at)


def _resubmit_warning(
    request: ReportRequest, record: JobRecord | None, known: Mapping[str, Any] | None, vendor: Vendor
) -> str:
    """Return the warning for a request whose earlier submission can't be resumed, or ""."""
    location = f"{vendor.name} {request.report} {request.slice or ''}"
    if known:
        return f"{location}: job {known['id']} can't be resumed from state alone; it is submitted again now"
    if record is None or vendor.lost_submission is LostSubmission.RESEND:
        return ""
    return (
        f"{location}: a submission of {record.submitted_at} was never answered and may have been accepted; "
        "it is submitted again now: check the vendor's account for both"
    )


def _expired_warning(job: ReportJob, vendor: Vendor, now: dt.datetime) -> str:
    """Return the warning for a job whose result has expired; "" if it has not, but failed."""
    if not _has_expired(job, vendor, now):
        return ""
    return (
        f"{vendor.name} {job.request.report} {job.request.slice or ''}: job {job.id} of "
        f"{job.submitted_at:%Y-%m-%d %H:%M} UTC is older than {vendor.title} keeps results; it is submitted "
        "again now"
    )


# --- a submission -------------------------------------------------------------------------------------


def after_wait(wait: Wait) -> Step:
    """Return SUBMIT if a submission that the ledger holds back is worth waiting for, else FAIL."""
    return Step.FAIL if wait.is_day else Step.SUBMIT


def after_submission_error(
    error: CallError | QuotaSpent,
    rules: Rules,
    *,
    times: int,
    wait: float = 0.0,
    seconds_left: float = 0.0,
) -> Step:
    """Return SUBMIT to send a request again, or FAIL.

    Args:
        error: Why it failed.
        rules: Its vendor's.
        times: Lost answers of this request, or refusals of this vendor in a row, including this one.
        wait: Seconds before it would be sent again.
        seconds_left: Seconds until the vendor has refused for `job_deadline_seconds`.
    """
    match error:
        case SubmissionLost() | BadAnswer():  # a BadAnswer came after the submission was sent
            allowed = {LostSubmission.RESEND: rules.max_retries, LostSubmission.RESEND_ONCE: 1}
            is_sent_again = times <= allowed.get(rules.lost_submission, 0)
        case CallRefused() | NotSent(is_worth_repeating=True):
            is_sent_again = wait <= seconds_left and (error.status == THROTTLED or times <= rules.max_retries)
        case _:
            is_sent_again = False
    return Step.SUBMIT if is_sent_again else Step.FAIL


# --- polls --------------------------------------------------------------------------------------------


def after_poll_error(error: CallError, rules: Rules, *, failures: int, is_own: bool, is_new: bool) -> Step:
    """Return POLL_LATER, LEAVE, or SUBMIT where the vendor does not know an earlier or another run's job.

    Args:
        error: What the poll failed with.
        rules: The vendor's.
        failures: Failed polls in a row, including this one.
        is_own: True if this run has submitted the job.
        is_new: See `is_new`.
    """
    is_about_limits = error.status == 403 and ABOUT_LIMITS.search(error.answer)
    allowed, last = rules.max_retries, Step.LEAVE
    match error:
        case JobUnknown():
            allowed = MAX_UNKNOWN_POLLS if is_own or is_new else 0
            last = Step.LEAVE if is_own else Step.SUBMIT
        case BadAnswer():
            allowed = MAX_BAD_POLLS
        case CallBroken() if error.retry_after is None:
            allowed = 0  # it was retried already
        case CallRejected() if not is_about_limits and error.status not in SAYS_NOTHING:
            allowed = 0
    return Step.POLL_LATER if failures <= allowed else last


def is_new(job: ReportJob, now: dt.datetime) -> bool:
    """Return whether a job was submitted so recently that its vendor's status may not know it yet."""
    return job.status is JobStatus.PENDING and now - job.submitted_at < MAX_LAG


# --- jobs that are done -------------------------------------------------------------------------------


def after_finish(job: ReportJob, attempts: Attempts, rules: Rules, *, is_outdated: bool = False) -> Step:
    """Return what to do with a job that is done.

    Args:
        job: The job, as polled last.
        attempts: What was tried so far in this run.
        rules: Its vendor's.
        is_outdated: See `is_outdated`.
    """
    match job.status:
        case JobStatus.SUCCEEDED | JobStatus.EMPTY if is_outdated and not attempts.replays:
            return Step.REPLAY
        case JobStatus.SUCCEEDED if rules.downloads_results:
            return Step.DOWNLOAD
        case JobStatus.SUCCEEDED | JobStatus.EMPTY:
            return Step.READY
        case JobStatus.FAILED_RETRYABLE if attempts.retries + attempts.replays < rules.retries:
            return Step.RETRY
        case JobStatus.FAILED_RETRYABLE | JobStatus.EXPIRED if attempts.resubmissions < rules.resubmissions:
            return Step.RESUBMIT
        case _:
            return Step.FAIL


def is_outdated(job: ReportJob, vendor: Vendor, config: VendorConfig) -> bool:
    """Return whether a submission was answered with an older job, whose data may have changed before it.

    As of the submission, so that a result that was good then is collected whenever a later run comes to it.
    One that an earlier run has replayed is not, whatever the vendor says of its dates.
    """
    if job.finished_at is None or job.handle.get(REPLAYED):
        return False
    if is_still_valid(job, vendor, config, job.submitted_at):
        return False
    last_change = max(job.finished_at, job.created_at or job.finished_at)
    return last_change < job.submitted_at - dt.timedelta(minutes=1)


def after_refused_replay(job: ReportJob, *, is_handed_back: bool) -> Step:
    """Return REFRESH, DOWNLOAD to use the result as it is, or FAIL.

    Args:
        job: Done.
        is_handed_back: True if a submission was answered with this job: another one would be, too.
    """
    if not is_handed_back:
        return Step.REFRESH
    days, ended = job.request.slice, job.finished_at
    return Step.FAIL if days and ended and ended.date() <= days.end else Step.DOWNLOAD


def after_expired_link(attempts: Attempts, rules: Rules) -> Step:
    """Return what to do with a job whose download link has expired; `attempts` count it."""
    if attempts.expired_links <= 1:
        return Step.POLL
    if not rules.resubmissions:
        return Step.LEAVE
    return Step.RESUBMIT if attempts.resubmissions < rules.resubmissions else Step.FAIL


def failure(job: ReportJob, attempts: Attempts) -> StreamError:
    """Return the error for a job that failed for good."""
    kind: type[StreamError] = JobFailed
    if job.status is JobStatus.EXPIRED:
        kind = FileError if attempts.expired_links > 1 else JobTimeout
    said = f": {job.message}" if job.message else ""
    remedy = JobFailed.default_remedy
    days = job.request.slice
    if days and days.days > 1 and TOO_LARGE.search(job.message):
        remedy = f"{SMALLER} {remedy}"
    return kind(f'the job ended as "{job.word or job.status}"{said}', remedy=remedy)
