"""An account's quotas: which submissions count, how much is used, and how long to wait.

A quota of 86400 seconds is a calendar day in UTC, any other a rolling window. What the vendor refused does
not count in a day (it was not accepted), but in the rolling window (it was a call). Another machine's clock
may be ahead: submissions in the future count too, but not those beyond a window's length: a wrong clock must
not block runs for ever.
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
        quota: Name of the quota that is used up. "" if it is not a quota's: too many jobs are in flight, or
            another run is just submitting the same report.
        limit: Its limit.
        seconds: Until the quota allows the next submission; 0 without a quota.
        resets_at: When the quota allows the next submission; None without a quota.
        is_day: The quota is per day: not worth waiting for.
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
    """Return what the next submission has to wait for, or None.

    A used-up day quota comes first, then the longest wait.

    Args:
        quotas: The quotas in which it counts.
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
    uses = []
    for number, item in enumerate(quotas):
        counted = sa.select(sa.func.count(), oldest).where(*_counted(number, item))
        used, first = db.execute(counted, values).one()
        uses.append(_usage_of(item, used, first, now))
    return uses


def limiting_time(number: int, item: Quota) -> sa.ScalarSelect[Any]:
    """Return the time of the submission that is the `limit`-th newest in a quota's window."""
    newest = sa.select(submissions.c.at).where(*_counted(number, item)).order_by(submissions.c.at.desc())
    return newest.limit(1).offset(item.limit - 1).scalar_subquery()


def may_be_spent(item: Quota) -> sa.ColumnElement[bool]:
    """Return whether the table may hold as many submissions as the quota's limit, by its first and last row
    number: if not, a long day need not be counted.
    """
    first, last = (sa.select(end(submissions.c.id)).scalar_subquery() for end in (sa.func.min, sa.func.max))
    return last - first + 1 >= item.limit


def _counted(number: int, item: Quota) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the submissions that count in a quota, for the values of `windows`."""
    start: sa.BindParameter[Any] = bindparam(f"start_{number}")
    conditions = [
        submissions.c.vendor == bindparam("vendor"),
        submissions.c.account == bindparam("account"),
        submissions.c.quota == item.counts,
        submissions.c.at <= bindparam(f"end_{number}"),
    ]
    if item.is_day:
        return [*conditions, submissions.c.at >= start, submissions.c.outcome != "refused"]
    return [*conditions, submissions.c.at > start]


def windows(quotas: Sequence[Quota], now: dt.datetime) -> dict[str, dt.datetime]:
    """Return the values of the parameters that the conditions of `_counted` have."""
    values = dict[str, dt.datetime]()
    for number, item in enumerate(quotas):
        start, end = window(item, now)
        values |= {f"start_{number}": start, f"end_{number}": end}
    return values
