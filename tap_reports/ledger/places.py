"""A place in an account's limits: what stands against a submission, the submission, and its answer.

Each function works in its caller's transaction. Statements are made once and filled by parameters: making
them for each job costs more than running them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from tap_reports.ledger import quota
from tap_reports.ledger.records import INTENT, Existing, QuotaUse, Reservation, Submission, Wait
from tap_reports.ledger.rows import record
from tap_reports.ledger.schema import UtcTime, jobs, submissions
from tap_reports.ledger.statements import IS_OUT, RUNNING, add_job, inserted
from tap_reports.models import Quota
from tap_reports.process import is_gone, this_process

ABANDONED_SECONDS = 120.0
"""An intent that nobody has noted for so long is no longer waited for: its run was killed."""
ADD_SUBMISSION = submissions.insert()
ANSWERED_JOB = jobs.update().where(jobs.c.id == bindparam("of_row"))
DROPPED_JOB = jobs.delete().where(jobs.c.id == bindparam("of_row"))
COUNTED = submissions.update().where(submissions.c.id == bindparam("of_row"))
STILL_SENDING = ANSWERED_JOB.where(jobs.c.status == INTENT)
NOT_COUNTED = submissions.delete().where(submissions.c.id == bindparam("of_row"))


class Blocking(NamedTuple):
    """What may stand against a submission.

    Attributes:
        rows: Those of its key, and the account's submissions that are not answered; newest first.
        running: How many jobs of the account are known to run.
        deciding: Quota name -> the time of the submission that is the `limit`-th newest in its window.
    """

    rows: Sequence[sa.RowMapping]
    running: int
    deciding: dict[str, dt.datetime | None]


def take(db: sa.Connection, wanted: Submission, shown: tuple[int, str]) -> Reservation | Existing | Wait:
    """Take a place for a submission, or say what stands against it.

    Args:
        shown: The row of its key that this run knows of, and its status.
    """
    found = blocking(db, wanted)
    if changed := _changed_since(found.rows, wanted, shown):
        return changed
    if wait := quota.wait_for(wanted.counting_quotas, found.deciding, wanted.now):
        return wait
    # What a killed run was sending holds no place: nobody will ever say that it is done.
    if found.running + sum(is_being_sent(row, wanted.now) for row in found.rows) >= wanted.max_in_flight:
        return Wait()
    return _reserve(db, wanted)


def is_being_sent(row: sa.RowMapping, now: dt.datetime) -> bool:
    """Return whether a submission is on its way: young, and its process not known to have ended."""
    age = abs((now - row["sent_at"]).total_seconds())  # a clock may have run back
    return row["status"] == INTENT and age < ABANDONED_SECONDS and not is_gone(row["owner"])


def _changed_since(
    rows: Sequence[sa.RowMapping], wanted: Submission, shown: tuple[int, str]
) -> Existing | Wait | None:
    """Return what other runs did about a request since the ledger was asked for it.

    What this run knows already it has judged: it means to submit all the same.
    """
    for row in rows:
        if row["key"] != wanted.request.key or row["run_id"] == wanted.run_id:
            continue
        if is_being_sent(row, wanted.now):
            return Wait()
        found = record(row, wanted.now)
        is_new = row["id"] > shown[0] or (row["id"] == shown[0] and found.status != shown[1])
        job = found.job(wanted.request)
        if is_new and job and (found.is_in_flight or found.is_good):
            return Existing(job=job)
    return None


def blocking(db: sa.Connection, wanted: Submission) -> Blocking:
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
        **_windows(quotas, now),
    }
    rows = db.execute(_blocking(quotas), values).mappings().all()
    deciding = {item.name: rows[0].get(f"quota_{number}") for number, item in enumerate(quotas)}
    return Blocking([row for row in rows if row["id"] is not None], rows[0]["running"], deciding)


@cache
def _blocking(quotas: tuple[Quota, ...]) -> sa.Select[Any]:
    deciding = [
        sa.case((_may_be_spent(item), _deciding(number, item))).label(f"quota_{number}")
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
    found = sa.select(running.label("running"), *deciding).subquery()
    is_wanted = (jobs.c.key == bindparam("key")) | (is_recent & (jobs.c.status == INTENT))
    return (
        sa.select(found, jobs, IS_OUT)
        .select_from(found.outerjoin(jobs, is_wanted))
        .order_by(jobs.c.id.desc())
    )


def _deciding(number: int, item: Quota) -> sa.ScalarSelect[Any]:
    """Return the time of the submission that is the `limit`-th newest in a quota's window."""
    newest = sa.select(submissions.c.at).where(*_counted(number, item)).order_by(submissions.c.at.desc())
    return newest.limit(1).offset(item.limit - 1).scalar_subquery()


def _may_be_spent(item: Quota) -> sa.ColumnElement[bool]:
    """Return whether so many submissions are kept at all, by the first and the last one's number: else a long
    day need not be counted.
    """
    first, last = (sa.select(end(submissions.c.id)).scalar_subquery() for end in (sa.func.min, sa.func.max))
    return last - first + 1 >= item.limit


def quota_uses(
    db: sa.Connection, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime
) -> list[QuotaUse]:
    """Return how much of each of an account's quotas is used."""
    values = {"vendor": vendor, "account": account, **_windows(quotas, now)}
    oldest = sa.func.min(submissions.c.at, type_=UtcTime)
    found = []
    for number, item in enumerate(quotas):
        counted = sa.select(sa.func.count(), oldest).where(*_counted(number, item))
        used, first = db.execute(counted, values).one()
        found.append(quota.use(item, used, first, now))
    return found


def _counted(number: int, item: Quota) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the submissions that count in a quota, for the values of `_windows`."""
    start: sa.BindParameter[Any] = bindparam(f"start_{number}")
    same = [
        submissions.c.vendor == bindparam("vendor"),
        submissions.c.account == bindparam("account"),
        submissions.c.quota == item.counts,
        submissions.c.at <= bindparam(f"end_{number}"),
    ]
    if item.is_day:
        return [*same, submissions.c.at >= start, submissions.c.outcome != "refused"]
    return [*same, submissions.c.at > start]


def _windows(quotas: Sequence[Quota], now: dt.datetime) -> dict[str, dt.datetime]:
    found = dict[str, dt.datetime]()
    for number, item in enumerate(quotas):
        start, end = quota.window(item, now)
        found |= {f"start_{number}": start, f"end_{number}": end}
    return found


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


def waiting(db: sa.Connection, reservation: Reservation, now: dt.datetime) -> None:
    """Make a submission that has no answer yet as young as if it were sent now."""
    db.execute(STILL_SENDING, {"of_row": reservation.row, "sent_at": now})


def answered(
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
    db.execute(*((DROPPED_JOB, job) if values is None else (ANSWERED_JOB, {**job, **values})))
    if outcome is None:
        db.execute(NOT_COUNTED, submission)
    else:
        db.execute(COUNTED, {**submission, "outcome": outcome, "at": at})
