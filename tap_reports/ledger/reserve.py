"""Reserving a submission within an account's limits: what blocks it, its intent, and its answer.

Each function works in its caller's transaction. Statements are built once and filled by parameters: building
them for each job costs more than running them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from tap_reports.ledger import quota
from tap_reports.ledger.quota import Wait
from tap_reports.ledger.records import INTENT, record
from tap_reports.ledger.schema import jobs, submissions
from tap_reports.ledger.statements import IN_FLIGHT, IS_EMITTED, add_job, inserted
from tap_reports.models import Quota, ReportJob, ReportRequest
from tap_reports.process import is_gone, this_process

ABANDONED_SECONDS = 120.0
"""An intent not refreshed for this long is abandoned: its run was killed."""
ADD_SUBMISSION = submissions.insert()
UPDATE_JOB = jobs.update().where(jobs.c.id == bindparam("row_id"))
DELETE_JOB = jobs.delete().where(jobs.c.id == bindparam("row_id"))
UPDATE_SUBMISSION = submissions.update().where(submissions.c.id == bindparam("row_id"))
UPDATE_INTENT = UPDATE_JOB.where(jobs.c.status == INTENT)
DELETE_SUBMISSION = submissions.delete().where(submissions.c.id == bindparam("row_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be submitted, and within which limits.

    Attributes:
        streams: The streams that it is for.
        run_id: This run.
        quotas: The account's; those of the request's kind count.
        max_in_flight: Maximum number of the account's jobs that are not terminal.
        in_flight_hours: A job older than this no longer counts as in flight.
        now: The time.
        estimate: The expected cost, if known.
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
    """The submission is within the account's limits and may be sent now.

    Attributes:
        row: The job's row.
        submission: The row that counts in the quotas.
        at: When it was reserved.
    """

    row: int
    submission: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """Another run has submitted the same report meanwhile: continue with its job."""

    job: ReportJob


class Blocking(NamedTuple):
    """What may block a submission.

    Attributes:
        rows: Rows of the same key, and the account's unanswered submissions; newest first.
        in_flight: How many jobs of the account are pending or running.
        limiting: Quota name -> the time of the submission that is the `limit`-th newest in its window.
    """

    rows: Sequence[sa.RowMapping]
    in_flight: int
    limiting: dict[str, dt.datetime | None]


class KnownRow(NamedTuple):
    """The newest row of a key as this run last saw it; 0 and "" if there was none."""

    row: int = 0
    status: str = ""


def reserve(db: sa.Connection, wanted: Submission, known: KnownRow) -> Reservation | Existing | Wait:
    """Reserve a submission, or return what blocks it.

    Args:
        known: The newest row of its key as this run last saw it.
    """
    blocking = find_blocking(db, wanted)
    if changed := _changed_since(blocking.rows, wanted, known):
        return changed
    if wait := quota.wait_for(wanted.counting_quotas, blocking.limiting, wanted.now):
        return wait
    # What a killed run was sending does not count: its intent would never be completed.
    sending = sum(is_sending(row, wanted.now) for row in blocking.rows)
    if blocking.in_flight + sending >= wanted.max_in_flight:
        return Wait()
    return _reserve(db, wanted)


def is_sending(row: sa.RowMapping, now: dt.datetime) -> bool:
    """Return whether a submission is being sent: recent, and its process not known to have ended."""
    age = abs((now - row["sent_at"]).total_seconds())  # a clock may have run back
    return row["status"] == INTENT and age < ABANDONED_SECONDS and not is_gone(row["owner"])


def _changed_since(
    rows: Sequence[sa.RowMapping], wanted: Submission, known: KnownRow
) -> Existing | Wait | None:
    """Return what other runs did about a request since this run looked it up in the ledger.

    A row that this run knows is ignored: it has decided to submit all the same.
    """
    for row in rows:
        if row["key"] != wanted.request.key or row["run_id"] == wanted.run_id:
            continue
        if is_sending(row, wanted.now):
            return Wait()
        entry = record(row, wanted.now)
        is_new = row["id"] > known.row or (row["id"] == known.row and entry.status != known.status)
        job = entry.job(wanted.request)
        if is_new and job and (entry.is_in_flight or entry.is_good):
            return Existing(job=job)
    return None


def find_blocking(db: sa.Connection, wanted: Submission) -> Blocking:
    """Return what may block a submission, in one statement. Jobs too old to count are left out."""
    request, now, quotas = wanted.request, wanted.now, wanted.counting_quotas
    age = dt.timedelta(hours=wanted.in_flight_hours)
    values = {
        "key": request.key,
        "vendor": request.vendor,
        "account": request.account,
        "oldest": now - age,
        # A wrong clock may have written a time far ahead: such a job must not count until then.
        "newest": now + age,
        **quota.windows(quotas, now),
    }
    rows = db.execute(_blocking_statement(quotas), values).mappings().all()
    limiting = {item.name: rows[0].get(f"quota_{number}") for number, item in enumerate(quotas)}
    return Blocking([row for row in rows if row["id"] is not None], rows[0]["in_flight"], limiting)


@cache
def _blocking_statement(quotas: tuple[Quota, ...]) -> sa.Select[Any]:
    limiting = [
        sa.case((quota.may_be_spent(item), quota.limiting_time(number, item))).label(f"quota_{number}")
        for number, item in enumerate(quotas)
        if item.limit >= 1
    ]
    is_recent = sa.and_(
        jobs.c.vendor == bindparam("vendor"),
        jobs.c.account == bindparam("account"),
        jobs.c.sent_at.between(bindparam("oldest"), bindparam("newest")),
    )
    in_flight = (
        sa.select(sa.func.count())
        .where(is_recent, sa.or_(*(jobs.c.status == status for status in IN_FLIGHT)))
        .scalar_subquery()
    )
    counts = sa.select(in_flight.label("in_flight"), *limiting).subquery()
    is_wanted = (jobs.c.key == bindparam("key")) | (is_recent & (jobs.c.status == INTENT))
    return (
        sa.select(counts, jobs, IS_EMITTED)
        .select_from(counts.outerjoin(jobs, is_wanted))
        .order_by(jobs.c.id.desc())
    )


def _reserve(db: sa.Connection, wanted: Submission) -> Reservation:
    """Count a submission and add its intent."""
    request, now = wanted.request, wanted.now
    cost = None if wanted.estimate is None else str(wanted.estimate)
    values = {"status": INTENT, "sent_at": now, "owner": this_process(), "estimate": cost}
    row = add_job(db, request, wanted.run_id, wanted.streams, **values)
    counted = {
        "vendor": request.vendor,
        "account": request.account,
        "quota": request.quota,
        "key": request.key,
        "at": now,
        "outcome": "sent",
    }
    return Reservation(row=row, submission=inserted(db, ADD_SUBMISSION, counted), at=now)


def keep_alive(db: sa.Connection, reservation: Reservation, now: dt.datetime) -> None:
    """Refresh the intent of a submission that has no answer yet."""
    db.execute(UPDATE_INTENT, {"row_id": reservation.row, "sent_at": now})


def note_answer(
    db: sa.Connection, reservation: Reservation, values: Mapping[str, Any], outcome: str, at: dt.datetime
) -> None:
    """Complete the job's row, and count the submission as of the time of the answer."""
    db.execute(UPDATE_JOB, {"row_id": reservation.row, **values})
    _note_outcome(db, reservation, outcome, at)


def note_refusal(db: sa.Connection, reservation: Reservation, at: dt.datetime) -> None:
    """Delete the job's row, and count the submission as refused."""
    db.execute(DELETE_JOB, {"row_id": reservation.row})
    _note_outcome(db, reservation, "refused", at)


def withdraw(db: sa.Connection, reservation: Reservation) -> None:
    """Delete the job's row and the submission: nothing was sent."""
    db.execute(DELETE_JOB, {"row_id": reservation.row})
    db.execute(DELETE_SUBMISSION, {"row_id": reservation.submission})


def _note_outcome(db: sa.Connection, reservation: Reservation, outcome: str, at: dt.datetime) -> None:
    db.execute(UPDATE_SUBMISSION, {"row_id": reservation.submission, "outcome": outcome, "at": at})
