"""Reading the vendor's answers about jobs. Types are lenient: `"true"`, `"250"`, `""` for no date."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from urllib.parse import unquote

from tap_reports.http.origin import last_part
from tap_reports.models import JobStatus, Json
from tap_reports.redaction import redact

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

_JOB_PATH = re.compile(r"/Jobs/([^/?#]+)", re.IGNORECASE)


def job_id_of(answer: Json) -> str | None:
    """Return the job id of a submission's or a replay's answer, from `Id` or its links; None without any."""
    if answer.get("Id"):
        return str(answer["Id"])
    for name in ("QueuedUri", "ResultUri", "ReplayUri"):
        if found := _JOB_PATH.search(str(answer.get(name) or "")):
            return unquote(found[1])
    return unquote(last_part(str(answer.get("QueuedUri") or ""))) or None


def end_dates(job: Json) -> dict[str, str]:
    """Return the dates on which a job ended, as the vendor wrote them; {} if it says none."""
    return {name: str(job[name]) for name in END_DATES if job.get(name)}


def ended_at(job: Json, zone: dt.tzinfo) -> dt.datetime | None:
    """Return when a job last ended, UTC; None if the vendor does not say."""
    return max(filter(None, (instant(text, zone) for text in end_dates(job).values())), default=None)


def shows_earlier_run(job: Json, status: JobStatus, before: Json) -> bool:
    """Return whether a replayed job with the same id still shows the run before the replay.

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
        found = dt.datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(dt.UTC)


def whole_number(value: Any) -> int | None:
    """Return `250` or `"250"` as a number; None for anything else."""
    return int(str(value)) if str(value).isdecimal() else None


def is_true(value: Any) -> bool:
    """Return whether a value is `true` or `"true"`."""
    return str(value).strip().lower() == "true"
