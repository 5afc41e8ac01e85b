"""The calls that submit, read and replay jobs, and what their answers mean.

Types in answers are lenient: `"true"`, `"250"`, `""` for no date.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from urllib.parse import quote, unquote

from requests import Response

from tap_reports.client import status_of, unknown_where
from tap_reports.clock import Clock
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallRefused,
    CallRejected,
    NotSent,
    QuotaSpent,
    SubmissionLost,
)
from tap_reports.http.api import ApiSession
from tap_reports.http.origin import last_path_segment
from tap_reports.http.responses import Answer, answer_object
from tap_reports.models import JobStatus, Json
from tap_reports.redaction import redact
from tap_reports.vendors.impact.settings import QUOTAS

STATUSES = {
    "queued": JobStatus.PENDING,
    "running": JobStatus.RUNNING,
    "completed": JobStatus.SUCCEEDED,
    "cancelled": JobStatus.FAILED_RETRYABLE,
    "error": JobStatus.FAILED_RETRYABLE,
    "failed": JobStatus.FAILED_RETRYABLE,
}
"""https://integrations.impact.com/brand-api-reference/reference/jobs. What failed may be replayed."""

END_DATES = ("CompletedDate", "FailedDate", "CancelledDate", "AbandonedDate")
HOUR_SECONDS = 3600.0
"""The hourly limit of calls is over by then; a refusal that lasts longer is the day's quota."""
_JOB_PATH = re.compile(r"/Jobs/([^/?#]+)", re.IGNORECASE)
_A_DAY = re.compile(r"\bdaily\b|\b(?:per|a) day\b", re.IGNORECASE)
REPLAY_PAUSE_SECONDS = 1.0
NO_BODY = {"Content-Length": "0"}
HOURLY = 'Lower "calls_per_hour" where other programs use the account\'s hourly limit of calls too.'


class JobCalls:
    """Calls for the jobs of one account, whose path is `prefix`."""

    def __init__(self, api: ApiSession, clock: Clock, prefix: str) -> None:
        self._api, self._clock, self._prefix = api, clock, prefix

    def path(self, job_id: str) -> str:
        """Return a job's path."""
        return f"{self._prefix}/Jobs/{quote(job_id, safe='')}"

    def submit(self, path: str, query: Json, quota: str) -> Json:
        """Return the answer to a submission; it names a job.

        Args:
            path: Below the account's.
            query: Query parameters.
            quota: Which one it counts in, for the error.

        Raises:
            QuotaSpent: The day's quota is spent.
            CallRefused: The hourly limit of calls is reached, or the vendor is busy.
            CallRejected: The vendor said no, also within an HTTP 200.
        """
        try:
            response = self._api.submit("GET", f"{self._prefix}/{path}", params=dict(query))
        except CallRefused as error:
            self._raise_if_spent(error, quota)
            raise
        answer = answer_object(response)
        if job_id_of(answer) is None:
            if str(answer.get("Status")).upper() == "ERROR":
                raise CallRejected(answer.what, error_text(answer), status=response.status_code)
            raise BadAnswer(answer.what, "the answer names no job (QueuedUri)", status=response.status_code)
        return answer

    def read(self, job_id: str) -> Answer:
        """Return the vendor's job object.

        Raises:
            JobUnknown: The vendor does not know it.
        """
        with unknown_where(404):
            answer = answer_object(self._api.call("GET", self.path(job_id)))
        if "Message" in answer and not answer.get("Id"):
            raise CallRejected(answer.what, error_text(answer), status=200)
        return answer

    def replay(self, job_id: str, before: Json, quota: str) -> str:
        """Run a job again that has ended; returns the id of the job that runs now, the old one or a new one.

        Args:
            job_id: The job.
            before: Its object before the replay.
            quota: Which one its submission counted in, for the error.

        Raises:
            CallRejected: It can't be replayed.
        """
        path = f"{self.path(job_id)}/Replay"
        try:
            response = self._put(path, job_id, before, quota)
        except AccessDenied as error:
            if error.status != 403:
                raise
            if not self._is_running_again(job_id, before):
                raise CallRejected(error.what, error.answer, status=403) from error
            return job_id
        if response is None or not response.content.strip():
            return job_id
        answer = answer_object(response)
        if job_id_of(answer) is None and "Message" in answer:
            raise CallRejected(answer.what, error_text(answer), status=200)
        return job_id_of(answer) or job_id

    def _put(self, path: str, job_id: str, before: Json, quota: str) -> Response | None:
        """Send a replay, again if it was not accepted; None if it was and the answer got lost."""
        try:
            return self._api.submit("PUT", path, headers=NO_BODY)
        except SubmissionLost:
            # A second replay could be a second job, so the first one's result is looked up.
            if self._is_running_again(job_id, before):
                return None
        except NotSent:
            self._clock.sleep(REPLAY_PAUSE_SECONDS)
        except CallRefused as error:
            self._raise_if_spent(error, quota)
            self._clock.sleep(max(error.retry_after or 0.0, REPLAY_PAUSE_SECONDS))
        return self._api.call("PUT", path, headers=NO_BODY)

    def _is_running_again(self, job_id: str, before: Json) -> bool:
        now = self.read(job_id)
        return not has_ended(now) or end_dates(now) != end_dates(before)

    def _raise_if_spent(self, error: CallRefused, quota: str) -> None:
        """Raise if the day's quota is used up. The headers of the hourly limit are the same, but that one is
        used up only where no calls are left, and for an hour at most.
        """
        if error.status != 429:
            return
        seconds = error.retry_after or 0.0
        if seconds <= HOUR_SECONDS and not error.calls_left and not _A_DAY.search(error.answer):
            error.remedy = f"{error.remedy} {HOURLY}"
            return
        resets_at = self._clock.now() + dt.timedelta(seconds=seconds)
        until = f"until {resets_at:%Y-%m-%d %H:%M} UTC" if seconds > 0 else "for today"
        raise QuotaSpent(
            f"The account's quota is spent {until} ({error}).",
            remedy="Run again after that; finished slices are kept. The setting "
            f'"{QUOTAS[quota]}" says how many submissions a day the tap may use.',
        ) from error


def has_ended(job: Json) -> bool:
    """Return whether a job object's status is a documented end."""
    status, _ = status_of(STATUSES, str(job.get("Status") or ""))
    return status.is_terminal


# --- answers ------------------------------------------------------------------------------------------


def job_id_of(answer: Json) -> str | None:
    """Return the job id of a submission's or a replay's answer, from `Id` or its links; None without any."""
    if answer.get("Id"):
        return str(answer["Id"])
    for name in ("QueuedUri", "ResultUri", "ReplayUri"):
        if match := _JOB_PATH.search(str(answer.get(name) or "")):
            return unquote(match[1])
    return unquote(last_path_segment(str(answer.get("QueuedUri") or ""))) or None


def end_dates(job: Json) -> dict[str, str]:
    """Return the dates on which a job ended, as the vendor wrote them; {} if it says none."""
    return {name: str(job[name]) for name in END_DATES if job.get(name)}


def ended_at(job: Json, zone: dt.tzinfo) -> dt.datetime | None:
    """Return when a job last ended, UTC; None if the vendor does not say."""
    return max(filter(None, (instant(text, zone) for text in end_dates(job).values())), default=None)


def shows_earlier_run(job: Json, status: JobStatus, before: Json) -> bool:
    """Return whether a replayed job with the same id, now of that status, still shows the run before.

    Args:
        job: The vendor's job object now.
        status: What its status word means.
        before: `end_dates` before the replay; {} if it was not replayed, or had no dates to tell runs apart.
    """
    if not status.is_terminal:
        return False
    now = end_dates(job)
    if status is JobStatus.SUCCEEDED:
        return "CompletedDate" in before and now.get("CompletedDate") == before["CompletedDate"]
    return bool(before) and now == dict(before)


def error_text(answer: Json) -> str:
    """Return what an error envelope says, its fields included, redacted."""
    errors = answer.get("Errors")
    fields = [
        f"{error.get('Field') or ''}: {error.get('Message') or ''}".strip(": ")
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    ]
    return redact(
        "; ".join(filter(None, [str(answer.get("Message") or ""), *fields])) or "an error without words"
    )


def instant(text: Any, zone: dt.tzinfo) -> dt.datetime | None:
    """Return an ISO date and time in UTC, `zone` standing in for a missing offset; None for anything else."""
    try:
        moment = dt.datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)


def whole_number(value: Any) -> int | None:
    """Return `250` or `"250"` as a number; None for anything else."""
    return int(str(value)) if str(value).isdecimal() else None
