"""What Similarweb's answers mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import requests

from tap_reports.client import status_of
from tap_reports.exceptions import BadAnswer, SubmissionLost
from tap_reports.http.responses import answer_object, body_excerpt, required_text, retry_after
from tap_reports.models import Estimate, JobStatus, ReportJob
from tap_reports.redaction import add_link, redact
from tap_reports.vendors.similarweb.calls import rejection, said

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


def estimate(what: str, response: requests.Response) -> Estimate:
    """Return what a validate call says.

    Raises:
        CallRejected: The report would not be accepted.
        BadAnswer: It is not what validate promises.
    """
    answer = answer_object(response, what)
    if _says_no(answer):
        raise rejection(what, response)
    credits_ = _number(answer.get("estimated_credits"))
    if credits_ is None:
        raise BadAnswer(
            what, f"no estimated_credits came: {body_excerpt(response)}", status=response.status_code
        )
    warnings = answer.get("warnings") or []
    texts = warnings if isinstance(warnings, list) else [warnings]
    return Estimate(credits=credits_, warnings=tuple(redact(text) for text in texts))


def report_id(what: str, response: requests.Response) -> str:
    """Return the job id of a submission that was answered with success.

    Raises:
        CallRejected: The answer says no after all.
        SubmissionLost: It names no id, so a report may run (and be charged) that nobody can ask for.
    """
    try:
        answer = answer_object(response, what)
    except BadAnswer as error:
        raise SubmissionLost(what, error.answer, status=response.status_code) from error
    if answer.get("report_id"):
        return str(answer["report_id"])
    if _says_no(answer):
        raise rejection(what, response)
    raise SubmissionLost(what, f"no report_id came: {body_excerpt(response)}", status=response.status_code)


def polled(job: ReportJob, what: str, response: requests.Response, now: dt.datetime) -> ReportJob:
    """Return a job as a status call shows it.

    Raises:
        BadAnswer: There is no status, or no link to a completed report.
    """
    answer = answer_object(response, what)
    word = required_text(answer, "status", what)
    status, unknown = status_of(STATUSES, word)
    link = next((str(answer[name]) for name in LINKS if answer.get(name)), "")
    if status is JobStatus.SUCCEEDED and not link:
        raise BadAnswer(what, f'"{redact(word)}" without {LINK}', status=response.status_code)
    add_link(link)
    return replace(
        job,
        status=status,
        word=word,
        unknown_word=unknown,
        message=said(answer),
        credits=_number(answer.get("used_quota")),
        links={LINK: link} if link else {},
        finished_at=job.finished_at or now if status.is_terminal else None,
        retry_after=retry_after(response.headers, now),
    )


def retried(job: ReportJob, what: str, response: requests.Response, remedy: str) -> ReportJob:
    """Return a failed job that runs again, under a new id if the answer (not documented) names one.

    Raises:
        CallRejected: The answer says no.
    """
    try:
        answer = answer_object(response, what)
    except BadAnswer:
        answer = {}
    if _says_no(answer):
        raise rejection(what, response, remedy)
    return ReportJob(
        request=job.request,
        id=str(answer.get("report_id") or job.id),
        submitted_at=job.submitted_at,
        created_at=job.created_at,
        handle=job.handle,
    )


def credits_left(what: str, response: requests.Response) -> Decimal | None:
    """Return the credits left, None if the answer does not tell."""
    answer = answer_object(response, what)
    return next((left for name in CREDITS if (left := _number(answer.get(name))) is not None), None)


def _says_no(answer: Mapping[str, Any]) -> bool:
    return bool(answer.get("errors")) or answer.get("is_valid") is False


def _number(value: Any) -> Decimal | None:
    """Return a finite number, also where it came as text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
