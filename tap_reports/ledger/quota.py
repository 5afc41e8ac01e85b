"""An account's quotas: which submissions count, how much is used, and how long to wait.

A quota of 86400 seconds is a calendar day in UTC, any other a rolling window. What the vendor refused does
not count in a day (it was not accepted), but in the rolling window (it was a call). Another machine's clock
may be ahead: what lies in the future counts too, but not beyond a window's length: a clock that went wrong
must not hold runs back for ever.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from tap_reports.ledger.schema import UtcTime, submissions
from tap_reports.models import Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The submission may not be sent now.

    Attributes:
        quota: Name of the quota that is used up. "" where a place is waited for: too many jobs are in flight,
            or another run is just submitting the same report.
        limit: Its limit.
        seconds: When there is room again; 0 where a place is waited for.
        resets_at: When the quota lets the next one through; None for a place.
        is_day: The quota is a day's: it is not worth waiting for.
    """

    quota: str = ""
    limit: int = 0
    seconds: float = 0.0
    resets_at: dt.datetime | None = None
    is_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """How much of a quota is used. `resets_at` is None while a rolling one is unused."""

    name: str
    limit: int
    used: int
    remaining: int
    resets_at: dt.datetime | None


def window(quota: Quota, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return the times between which submissions count (of a rolling window: after the first)."""
    length = dt.timedelta(seconds=quota.seconds)
    if quota.is_day:
        return now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0), now + length
    return now - length, now + length


def wait_for(
    quotas: Iterable[Quota], limiting: Mapping[str, dt.datetime | None], now: dt.datetime
) -> Wait | None:
    """Return what a further submission has to wait for, or None.

    A spent day comes before all others; else the longest wait.

    Args:
        quotas: The quotas that count it.
        limiting: Quota name -> the time of the submission that is the `limit`-th newest in its window: when
            that one no longer counts, there is room again. None where there are fewer.
        now: The time.
    """
    waits = [wait for quota in quotas if (wait := _wait(quota, limiting.get(quota.name), now))]
    return max(waits, key=lambda wait: (wait.is_day, wait.seconds), default=None)


def _usage_of(quota: Quota, used: int, oldest: dt.datetime | None, now: dt.datetime) -> QuotaUse:
    """Return how much of a quota is used, given how many submissions count and the oldest of them."""
    resets_at = _next_day(now) if quota.is_day else oldest and _leaves_window_at(quota, oldest)
    remaining = max(0, quota.limit - used)
    return QuotaUse(name=quota.name, limit=quota.limit, used=used, remaining=remaining, resets_at=resets_at)


def _wait(quota: Quota, limiting: dt.datetime | None, now: dt.datetime) -> Wait | None:
    if limiting is None and quota.limit >= 1:
        return None
    resets_at = _next_day(now) if quota.is_day else _leaves_window_at(quota, limiting or now)
    return Wait(
        quota=quota.name,
        limit=quota.limit,
        seconds=max(0.0, (resets_at - now).total_seconds()),
        resets_at=resets_at,
        is_day=quota.is_day,
    )


def _leaves_window_at(quota: Quota, at: dt.datetime) -> dt.datetime:
    """Return when a submission of `at` leaves a rolling window."""
    return at + dt.timedelta(seconds=quota.seconds)


def _next_day(now: dt.datetime) -> dt.datetime:
    day = now.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def usage(
    db: sa.Connection, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime
) -> list[QuotaUse]:
    """Return how much of each of an account's quotas is used."""
    values = {"vendor": vendor, "account": account, **windows(quotas, now)}
    oldest = sa.func.min(submissions.c.at, type_=UtcTime)
    found = []
    for number, item in enumerate(quotas):
        counted = sa.select(sa.func.count(), oldest).where(*_counted(number, item))
        used, first = db.execute(counted, values).one()
        found.append(_usage_of(item, used, first, now))
    return found


def limiting_time(number: int, item: Quota) -> sa.ScalarSelect[Any]:
    """Return the time of the submission that is the `limit`-th newest in a quota's window."""
    newest = sa.select(submissions.c.at).where(*_counted(number, item)).order_by(submissions.c.at.desc())
    return newest.limit(1).offset(item.limit - 1).scalar_subquery()


def may_be_spent(item: Quota) -> sa.ColumnElement[bool]:
    """Return whether so many submissions are kept at all, by the first and the last one's number: else a long
    day need not be counted.
    """
    first, last = (sa.select(end(submissions.c.id)).scalar_subquery() for end in (sa.func.min, sa.func.max))
    return last - first + 1 >= item.limit


def _counted(number: int, item: Quota) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the submissions that count in a quota, for the values of `windows`."""
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


def windows(quotas: Sequence[Quota], now: dt.datetime) -> dict[str, dt.datetime]:
    """Return the values of the parameters that the conditions of `_counted` have."""
    found = dict[str, dt.datetime]()
    for number, item in enumerate(quotas):
        start, end = window(item, now)
        found |= {f"start_{number}": start, f"end_{number}": end}
    return found
