"""Before submitting, look for the job: in the state, in the ledger. The engine and `--plan` ask here."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_reports.jobs.task import Action
from tap_reports.models import RESULT_HOURS, ReportJob, ReportRequest
from tap_reports.vendor import LostSubmission, Vendor, VendorConfig

if TYPE_CHECKING:
    from tap_reports.ledger.ledger import JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a request comes to its job.

    Attributes:
        action: What to do.
        job: The job to resume, reuse or replay.
        refresh: A submission should bypass the vendor's cache.
        note: A line for the log, if the user should know.
        level: Its level.
    """

    action: Action
    job: ReportJob | None = None
    refresh: bool = False
    note: str = ""
    level: int = logging.INFO


def lookup(
    request: ReportRequest,
    entry: JobRecord | None,
    known: Mapping[str, Any] | None,
    *,
    vendor: Vendor,
    config: VendorConfig,
    can_replay: bool,
    now: dt.datetime,
) -> Decision:
    """Return how a request comes to its job. Pure.

    Args:
        request: The request.
        entry: What the ledger has of its key, if anything (`Ledger.find`).
        known: The state's pending job of this request, if any (`id`, `submitted_at`).
        vendor, config: Its vendor.
        can_replay: The vendor re-runs finished jobs.
        now: The time.
    """
    job = entry.job(request) if entry else None
    if known and vendor.resumes_by_id and (job is None or not _is_usable(job, vendor, now)):
        in_state = job_of_state(request, known, now)
        if job is None or in_state.id != job.id:
            return Decision(action=Action.RESUME, job=in_state)
    if job is None:
        return _without_job(request, entry, known, vendor)
    if not _is_usable(job, vendor, now):
        return _without_result(job, vendor, now)
    is_pending = known is not None and str(known.get("id")) == job.id
    is_owed = entry is not None and not entry.is_out  # paid for, and no run has had its records out
    # Downloaded and not out: its file was refused, which only a new one can mend, if the user asks for it.
    is_refused = is_owed and entry is not None and entry.downloaded_at is not None
    is_kept = config.reuse_finished_jobs or not is_refused
    if not job.status.is_terminal or (is_pending and is_kept):
        return Decision(action=Action.RESUME, job=job)
    if (is_owed and is_kept) or is_good_still(job, vendor, config, now):
        return Decision(action=Action.REUSE, job=job)
    again = Action.REPLAY if can_replay else Action.SUBMIT
    return Decision(action=again, job=job if can_replay else None, refresh=True)


def _is_usable(job: ReportJob, vendor: Vendor, now: dt.datetime) -> bool:
    """Return whether a job may still lead to its result."""
    failed = job.status.is_terminal and not job.status.is_good
    return not failed and not _has_expired(job, vendor, now)


def _without_result(job: ReportJob, vendor: Vendor, now: dt.datetime) -> Decision:
    """Return what becomes of a request whose job failed, or has gone at its vendor."""
    note = ""
    if _has_expired(job, vendor, now):
        note = (
            f"{vendor.name} {job.request.report} {job.request.slice or ''}: job {job.id} of "
            f"{job.submitted_at:%Y-%m-%d %H:%M} UTC is older than {vendor.title} keeps results; it is "
            "submitted again now"
        )
    return Decision(action=Action.SUBMIT, refresh=job.status.is_good, note=note, level=logging.WARNING)


def _without_job(
    request: ReportRequest, entry: JobRecord | None, known: Mapping[str, Any] | None, vendor: Vendor
) -> Decision:
    if known:
        note = f"job {known['id']} of {request.slice or 'a snapshot'} can't be resumed from state alone"
        return Decision(action=Action.SUBMIT, note=f"{note}; {vendor.title} is asked again")
    return Decision(action=Action.SUBMIT, note=_lost_note(entry, vendor, request), level=logging.WARNING)


def is_good_still(job: ReportJob, vendor: Vendor, config: VendorConfig, now: dt.datetime) -> bool:
    """Return whether a finished job's result can stand for a new run: its data could no longer change when
    it finished, or it finished within `reuse_job_hours`.
    """
    if not config.reuse_finished_jobs or job.finished_at is None or _has_expired(job, vendor, now):
        return False
    settled = job.request.settled_on
    if settled is not None and job.finished_at.date() >= settled:
        return True
    return now - job.finished_at <= dt.timedelta(hours=config.reuse_job_hours)


def job_of_state(request: ReportRequest, known: Mapping[str, Any], now: dt.datetime) -> ReportJob:
    """Return the job that a state names. A hand-edited time counts as now: it only starts a deadline."""
    try:
        submitted_at = dt.datetime.fromisoformat(str(known.get("submitted_at")))
        submitted_at = submitted_at if submitted_at.tzinfo else submitted_at.replace(tzinfo=dt.UTC)
    except ValueError:
        submitted_at = now
    return ReportJob(request=request, id=str(known["id"]), submitted_at=submitted_at)


def _has_expired(job: ReportJob, vendor: Vendor, now: dt.datetime) -> bool:
    """Return whether the vendor no longer hands the result out. Counted from submission: never too late."""
    hours = job.handle.get(RESULT_HOURS) or vendor.result_hours
    return hours is not None and now - job.submitted_at > dt.timedelta(hours=hours)


def _lost_note(entry: JobRecord | None, vendor: Vendor, request: ReportRequest) -> str:
    """Return a warning that names an earlier submission whose fate nobody knows, or ""."""
    if entry is None or vendor.lost_submission is LostSubmission.RESEND:
        return ""
    return (
        f"{vendor.name} {request.report} {request.slice or ''}: a submission of {entry.submitted_at} "
        "was never answered and may have been accepted; it is submitted again now: check the vendor's "
        "account for both"
    )
