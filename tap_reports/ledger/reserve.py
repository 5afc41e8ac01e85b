"""A place in an account's limits: what stands against a submission, the submission, and its answer.

Each function works in its caller's transaction. Statements are made once and filled by parameters: making
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
from tap_reports.ledger.statements import IS_EMITTED, RUNNING, add_job, inserted
from tap_reports.models import Quota, ReportJob, ReportRequest
from tap_reports.process import is_gone, this_process

ABANDONED_SECONDS = 120.0
"""An intent that nobody has noted for so long is no longer waited for: its run was killed."""
ADD_SUBMISSION = submissions.insert()
UPDATE_JOB = jobs.update().where(jobs.c.id == bindparam("of_row"))
DELETE_JOB = jobs.delete().where(jobs.c.id == bindparam("of_row"))
UPDATE_SUBMISSION = submissions.update().where(submissions.c.id == bindparam("of_row"))
UPDATE_INTENT = UPDATE_JOB.where(jobs.c.status == INTENT)
DELETE_SUBMISSION = submissions.delete().where(submissions.c.id == bindparam("of_row"))


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


class Blocking(NamedTuple):
    """What may stand against a submission.

    Attributes:
        rows: Those of its key, and the account's submissions that are not answered; newest first.
        running: How many jobs of the account are known to run.
        limiting: Quota name -> the time of the submission that is the `limit`-th newest in its window.
    """

    rows: Sequence[sa.RowMapping]
    running: int
    limiting: dict[str, dt.datetime | None]


def reserve(db: sa.Connection, wanted: Submission, known: tuple[int, str]) -> Reservation | Existing | Wait:
    """Take a place for a submission, or say what stands against it.

    Args:
        known: The row of its key that this run knows of, and its status.
    """
    found = find_blocking(db, wanted)
    if changed := _changed_since(found.rows, wanted, known):
        return changed
    if wait := quota.wait_for(wanted.counting_quotas, found.limiting, wanted.now):
        return wait
    # What a killed run was sending holds no place: nobody will ever say that it is done.
    if found.running + sum(is_sending(row, wanted.now) for row in found.rows) >= wanted.max_in_flight:
        return Wait()
    return _reserve(db, wanted)


def is_sending(row: sa.RowMapping, now: dt.datetime) -> bool:
    """Return whether a submission is on its way: young, and its process not known to have ended."""
    age = abs((now - row["sent_at"]).total_seconds())  # a clock may have run back
    return row["status"] == INTENT and age < ABANDONED_SECONDS and not is_gone(row["owner"])


def _changed_since(
    rows: Sequence[sa.RowMapping], wanted: Submission, known: tuple[int, str]
) -> Existing | Wait | None:
    """Return what other runs did about a request since the ledger was asked for it.

    What this run knows already it has judged: it means to submit all the same.
    """
    for row in rows:
        if row["key"] != wanted.request.key or row["run_id"] == wanted.run_id:
            continue
        if is_sending(row, wanted.now):
            return Wait()
        found = record(row, wanted.now)
        is_new = row["id"] > known[0] or (row["id"] == known[0] and found.status != known[1])
        job = found.job(wanted.request)
        if is_new and job and (found.is_in_flight or found.is_good):
            return Existing(job=job)
    return None


def find_blocking(db: sa.Connection, wanted: Submission) -> Blocking:
    """Return what may stand against a submission, in one statement; of jobs, those not too old to count."""
    request, now, quotas = wanted.request, wanted.now, wanted.counting_quotas
    age = dt.timedelta(hours=wanted.in_flight_hours)
    values = {
        "key": request.key,
        "vendor": request.vendor,
        "account": request.account,
        "oldest": now - age,
        # Not of a time that a clock gone wrong has put far ahead: it would hold its place until then.
        "newest": now + age,
        **quota.windows(quotas, now),
    }
    rows = db.execute(_blocking_statement(quotas), values).mappings().all()
    limiting = {item.name: rows[0].get(f"quota_{number}") for number, item in enumerate(quotas)}
    return Blocking([row for row in rows if row["id"] is not None], rows[0]["running"], limiting)


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
    running = (
        sa.select(sa.func.count())
        .where(is_recent, sa.or_(*(jobs.c.status == one for one in RUNNING)))
        .scalar_subquery()
    )
    found = sa.select(running.label("running"), *limiting).subquery()
    is_wanted = (jobs.c.key == bindparam("key")) | (is_recent & (jobs.c.status == INTENT))
    return (
        sa.select(found, jobs, IS_EMITTED)
        .select_from(found.outerjoin(jobs, is_wanted))
        .order_by(jobs.c.id.desc())
    )


def _reserve(db: sa.Connection, wanted: Submission) -> Reservation:
    """Count a submission and leave its intent."""
    request, now = wanted.request, wanted.now
    cost = None if wanted.estimate is None else str(wanted.estimate)
    values = {"status": INTENT, "sent_at": now, "owner": this_process(), "estimate": cost}
    row = add_job(db, request, wanted.run_id, wanted.streams, **values)
    sent = {
        "vendor": request.vendor,
        "account": request.account,
        "quota": request.quota,
        "key": request.key,
        "at": now,
        "outcome": "sent",
    }
    return Reservation(row=row, submission=inserted(db, ADD_SUBMISSION, sent), at=now)


def keep_alive(db: sa.Connection, reservation: Reservation, now: dt.datetime) -> None:
    """Make a submission that has no answer yet as young as if it were sent now."""
    db.execute(UPDATE_INTENT, {"of_row": reservation.row, "sent_at": now})


def note_answer(
    db: sa.Connection,
    reservation: Reservation,
    values: Mapping[str, Any] | None,
    outcome: str | None,
    at: dt.datetime,
) -> None:
    """Change a reservation's job, or drop it (no values), and count its submission as of that time, or not
    at all (no outcome).
    """
    job, submission = {"of_row": reservation.row}, {"of_row": reservation.submission}
    db.execute(*((DELETE_JOB, job) if values is None else (UPDATE_JOB, {**job, **values})))
    if outcome is None:
        db.execute(DELETE_SUBMISSION, submission)
    else:
        db.execute(UPDATE_SUBMISSION, {**submission, "outcome": outcome, "at": at})
