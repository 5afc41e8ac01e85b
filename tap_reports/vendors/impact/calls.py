"""The calls that submit, read and replay jobs, and what their refusals mean."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import quote

import requests

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
from tap_reports.http.responses import answer_object
from tap_reports.models import Json
from tap_reports.vendors.impact.jobs import STATUSES, end_dates, error_text, job_id_of

HOUR_SECONDS = 3600.0
"""The hourly limit of calls is over by then; a refusal that lasts longer is the day's quota."""
_A_DAY = re.compile(r"\bdaily\b|\b(?:per|a) day\b", re.IGNORECASE)
REPLAY_PAUSE_SECONDS = 1.0
NO_BODY = {"Content-Length": "0"}
SETTINGS_OF_QUOTAS = {"report": "reports_per_day", "click": "clicks_per_day"}
HOURLY = 'Lower "calls_per_hour" where other programs use the account\'s hourly limit of calls too.'
_FORBIDDEN, _UNKNOWN, _TOO_MANY = 403, 404, 429


class JobCalls:
    """Calls for one account's jobs.

    Args:
        api: The account's session.
        clock: The time.
        prefix: Path of the account.
    """

    def __init__(self, api: ApiSession, clock: Clock, prefix: str) -> None:
        self._api = api
        self._clock = clock
        self._prefix = prefix

    def path(self, job_id: str) -> str:
        """Return a job's path."""
        return f"{self._prefix}/Jobs/{quote(job_id, safe='')}"

    def submit(self, path: str, query: Json, quota: str) -> Json:
        """Return the answer to a submission; it names a job.

        Args:
            path: Below the account's path.
            query: Query parameters.
            quota: Which quota it counts in, for the error.

        Raises:
            QuotaSpent: The day's quota is spent.
            CallRefused: The hourly limit of calls is reached, or the vendor is busy.
            CallRejected: The vendor said no, also within an HTTP 200.
        """
        path = f"{self._prefix}/{path}"
        what = self._api.shown("GET", path)
        try:
            response = self._api.submit("GET", path, params=dict(query))
        except CallRefused as error:
            self._raise_if_spent(error, quota)
            raise
        answer = answer_object(response, what)
        if job_id_of(answer) is None:
            if str(answer.get("Status")).upper() == "ERROR":
                raise CallRejected(what, error_text(answer), status=response.status_code)
            raise BadAnswer(what, "the answer names no job (QueuedUri)", status=response.status_code)
        return answer

    def read(self, job_id: str) -> Json:
        """Return the vendor's job object.

        Raises:
            JobUnknown: The vendor does not know it.
        """
        path = self.path(job_id)
        what = self._api.shown("GET", path)
        with unknown_where(_UNKNOWN):
            answer = answer_object(self._api.call("GET", path), what)
        if "Message" in answer and not answer.get("Id"):
            raise CallRejected(what, error_text(answer), status=200)
        return answer

    def replay(self, job_id: str, before: Json, quota: str) -> str:
        """Run a job again that has ended; returns the id of the job that runs now, the old one or a new one.

        Args:
            job_id: The job.
            before: Its object before the replay.
            quota: Which quota its submission counted in, for the error.

        Raises:
            CallRejected: It can't be replayed.
        """
        path = f"{self.path(job_id)}/Replay"
        what = self._api.shown("PUT", path)
        try:
            response = self._put(path, job_id, before, quota)
        except AccessDenied as error:
            if error.status != _FORBIDDEN:
                raise
            if not self._runs_again(job_id, before):
                raise CallRejected(what, error.answer, status=_FORBIDDEN) from error
            response = None
        answer: Json = {}
        if response is not None and response.content.strip():
            answer = answer_object(response, what)
        if job_id_of(answer) is None and "Message" in answer:
            raise CallRejected(what, error_text(answer), status=200)
        return job_id_of(answer) or job_id

    def _put(self, path: str, job_id: str, before: Json, quota: str) -> requests.Response | None:
        """Send a replay, again if it was not accepted; None if it was and the answer got lost."""
        try:
            return self._api.submit("PUT", path, headers=NO_BODY)
        except SubmissionLost:
            # A second replay could be a second job, so the vendor is asked what became of the first.
            if self._runs_again(job_id, before):
                return None
        except NotSent:
            self._clock.sleep(REPLAY_PAUSE_SECONDS)
        except CallRefused as error:
            self._raise_if_spent(error, quota)
            self._clock.sleep(max(error.retry_after or 0.0, REPLAY_PAUSE_SECONDS))
        return self._api.call("PUT", path, headers=NO_BODY)

    def _runs_again(self, job_id: str, before: Json) -> bool:
        now = self.read(job_id)
        return not has_ended(now) or end_dates(now) != end_dates(before)

    def _raise_if_spent(self, error: CallRefused, quota: str) -> None:
        """Tell the day's quota from the hourly limit, whose headers are the same: the hourly one is used up
        only where no calls are left, and for an hour at most.
        """
        if error.status != _TOO_MANY:
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
            f'"{SETTINGS_OF_QUOTAS[quota]}" says how many submissions a day the tap may use.',
        ) from error


def has_ended(job: Json) -> bool:
    """Return whether a job object's status is a documented end."""
    status, _ = status_of(STATUSES, str(job.get("Status") or ""))
    return status.is_terminal
