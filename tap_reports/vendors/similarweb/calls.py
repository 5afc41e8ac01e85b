"""Similarweb's paths that fall back, and what its answers mean."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from requests import Response

from tap_reports.client import status_of
from tap_reports.exceptions import BadAnswer, CallRejected, SubmissionLost
from tap_reports.http.api import ApiSession
from tap_reports.http.responses import (
    answer_object,
    body_excerpt,
    call_of,
    json_of,
    required_text,
    retry_after,
)
from tap_reports.models import Estimate, JobStatus, Json, ReportJob
from tap_reports.redaction import add_link, redact

logger = logging.getLogger("tap-reports.similarweb")

PATHS: dict[str, tuple[str, ...]] = {
    "status_path": (
        "/v3/batch/request-status/{report_id}",
        "/batch/request-status/{report_id}",
        "/batch/v5/request-status/{report_id}",
    ),
    "retry_path": ("/v3/batch/retry/{report_id}", "/batch/retry/{report_id}"),
    "credits_path": ("/v3/batch/credits", "/batch/credits"),
    "describe_path": ("/v3/batch/tables/describe", "/batch/tables/describe"),
}
"""Setting -> documented paths; the first is its default. The sources disagree for v5, so all are tried."""
STATUSES = {
    "pending": JobStatus.PENDING,
    "retry": JobStatus.PENDING,  # failed once, Similarweb itself runs it again
    "processing": JobStatus.RUNNING,
    "completed": JobStatus.SUCCEEDED,
    "bad_request": JobStatus.FAILED,
    "internal_error": JobStatus.FAILED_RETRYABLE,
    # Not in the reference, but read by other clients:
    "in_progress": JobStatus.RUNNING,
    "complete": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED_RETRYABLE,
}
"""https://developers.similarweb.com/reference/request-status"""
LINK = "download_url"
LINKS = (LINK, "S3_path")
CREDITS = ("remaining_credits", "credits", "remaining_hits")
"""The sources disagree on the name."""
WRONG_KEY = 401
GONE = frozenset({404, 410})
ABSENT = GONE | {403, 405}
"""How a path that is only a guess may say that it is not there; a wrong key was refused before."""
MAX_CHARACTERS = 1000


class Calls:
    """The free calls whose path the sources disagree on. A path that is set in the block goes first."""

    def __init__(self, api: ApiSession, block: Json) -> None:
        self._api = api
        self._paths = {
            setting: tuple(dict.fromkeys([block.get(setting) or documented[0], *documented[1:]]))
            for setting, documented in PATHS.items()
        }

    def call(self, method: str, setting: str, report_id: str = "", remedy: str = "") -> Response:
        """Return the answer of the first path that is there. That path is kept for the run.

        Raises:
            CallRejected: No path is there; it says what the first one answered, a 404 or 410.
            CallError: As `ApiSession.call`.
        """
        refusals: list[CallRejected] = []
        for template in self._paths[setting]:
            path = template.replace("{report_id}", quote(report_id, safe=""))
            missing = ABSENT if refusals else GONE
            response = self._api.call(method, path, accept=missing)
            if response.status_code not in missing:
                if refusals:
                    logger.info("%s: %s answers and is used in this run", setting, template)
                self._paths[setting] = (template,)
                return response
            refusals.append(rejection(response, remedy))
        raise refusals[0]


# --- refusals -----------------------------------------------------------------------------------------


def rejection(response: Response, remedy: str = "") -> CallRejected:
    """Return the error for an answer that says no, with the vendor's words."""
    answer = message_of(response.content) or body_excerpt(response)
    return CallRejected(call_of(response), answer, status=response.status_code, remedy=remedy)


def message_of(body: bytes | str) -> str:
    """Return what a JSON answer says, "" if nothing."""
    try:
        return _message(json_of(body))
    except ValueError:
        return ""


def _message(answer: Any) -> str:
    """Return the words in `errors`, `error` or `message` of an answer, redacted, on one line."""
    if not isinstance(answer, dict):
        return ""
    value = next((answer[name] for name in ("errors", "error", "message") if answer.get(name)), "")
    texts = value if isinstance(value, list) else [value]
    return redact("; ".join(" ".join(str(text).split()) for text in texts))[:MAX_CHARACTERS]


def _is_refusal(answer: Json) -> bool:
    return bool(answer.get("errors")) or answer.get("is_valid") is False


# --- what calls answer --------------------------------------------------------------------------------


def estimate(response: Response) -> Estimate:
    """Return what a validate call says.

    Raises:
        CallRejected: The report would not be accepted.
        BadAnswer: It is not what validate promises.
    """
    answer = answer_object(response)
    if _is_refusal(answer):
        raise rejection(response)
    credits_ = _number(answer.get("estimated_credits"))
    if credits_ is None:
        came = f"no estimated_credits came: {body_excerpt(response)}"
        raise BadAnswer(answer.what, came, status=response.status_code)
    warnings = answer.get("warnings") or []
    texts = warnings if isinstance(warnings, list) else [warnings]
    return Estimate(credits=credits_, warnings=tuple(redact(text) for text in texts))


def report_id(response: Response) -> str:
    """Return the job id of a submission that was answered with success.

    Raises:
        CallRejected: The answer says no after all.
        SubmissionLost: It names no id, so a report may run (and be charged) whose status can't be read.
    """
    try:
        answer = answer_object(response)
    except BadAnswer as error:
        raise SubmissionLost(error.what, error.answer, status=response.status_code) from error
    if answer.get("report_id"):
        return str(answer["report_id"])
    if _is_refusal(answer):
        raise rejection(response)
    text = f"no report_id came: {body_excerpt(response)}"
    raise SubmissionLost(answer.what, text, status=response.status_code)


def polled(job: ReportJob, response: Response, now: dt.datetime) -> ReportJob:
    """Return a job as a status call shows it.

    Raises:
        BadAnswer: There is no status, or no link to a completed report.
    """
    answer = answer_object(response)
    word = required_text(answer, "status")
    status, unknown = status_of(STATUSES, word)
    link = next((str(answer[name]) for name in LINKS if answer.get(name)), "")
    if status is JobStatus.SUCCEEDED and not link:
        raise BadAnswer(answer.what, f'"{redact(word)}" without {LINK}', status=response.status_code)
    add_link(link)
    return replace(
        job,
        status=status,
        word=word,
        unknown_word=unknown,
        message=_message(answer),
        credits=_number(answer.get("used_quota")),
        links={LINK: link} if link else {},
        retry_after=retry_after(response.headers, now),
    )


def rerun(job: ReportJob, response: Response, remedy: str) -> ReportJob:
    """Return a failed job that runs again, under a new id if the answer (not documented) names one.

    Raises:
        CallRejected: The answer says no.
    """
    answer: Json = {}
    with suppress(BadAnswer):
        answer = answer_object(response)
    if _is_refusal(answer):
        raise rejection(response, remedy)
    return ReportJob(
        request=job.request,
        id=str(answer.get("report_id") or job.id),
        submitted_at=job.submitted_at,
        created_at=job.created_at,
        handle=job.handle,
    )


def credits_left(response: Response) -> Decimal | None:
    """Return the credits left, None if the answer does not tell."""
    answer = answer_object(response)
    return next((left for name in CREDITS if (left := _number(answer.get(name))) is not None), None)


def _number(value: Any) -> Decimal | None:
    """Return a finite number, also where it came as text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
