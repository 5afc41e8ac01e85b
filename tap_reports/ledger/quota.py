"""An account's quotas as arithmetic. The ledger finds the submissions that decide.

A quota of 86400 seconds is a calendar day in UTC, any other a rolling window. What the vendor refused does
not count in a day (it was not accepted), but in the rolling window (it was a call). Another machine's clock
may be ahead: what lies in the future counts too, but not beyond a window's length: a clock that went wrong
must not hold runs back for ever.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from tap_reports.ledger.records import QuotaUse, Wait
from tap_reports.models import Quota


def window(quota: Quota, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return the times between which submissions count (of a rolling window: after the first)."""
    length = dt.timedelta(seconds=quota.seconds)
    if quota.is_day:
        return now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0), now + length
    return now - length, now + length


def wait_for(
    quotas: Iterable[Quota], deciding: Mapping[str, dt.datetime | None], now: dt.datetime
) -> Wait | None:
    """Return what a further submission has to wait for, or None.

    A spent day comes before all others; else the longest wait.

    Args:
        quotas: The quotas that count it.
        deciding: Quota name -> the time of the submission that is the `limit`-th newest in its window: when
            that one no longer counts, there is room again. None where there are fewer.
        now: The time.
    """
    waits = [wait for quota in quotas if (wait := _wait(quota, deciding.get(quota.name), now))]
    return max(waits, key=lambda wait: (wait.is_day, wait.seconds), default=None)


def use(quota: Quota, used: int, oldest: dt.datetime | None, now: dt.datetime) -> QuotaUse:
    """Return how much of a quota is used, given how many submissions count and the oldest of them."""
    resets_at = _next_day(now) if quota.is_day else oldest and _freed(quota, oldest)
    remaining = max(0, quota.limit - used)
    return QuotaUse(name=quota.name, limit=quota.limit, used=used, remaining=remaining, resets_at=resets_at)


def _wait(quota: Quota, deciding: dt.datetime | None, now: dt.datetime) -> Wait | None:
    if deciding is None and quota.limit >= 1:
        return None
    resets_at = _next_day(now) if quota.is_day else _freed(quota, deciding or now)
    return Wait(
        quota=quota.name,
        limit=quota.limit,
        seconds=max(0.0, (resets_at - now).total_seconds()),
        resets_at=resets_at,
        is_day=quota.is_day,
    )


def _freed(quota: Quota, at: dt.datetime) -> dt.datetime:
    """Return when a submission of `at` leaves a rolling window."""
    return at + dt.timedelta(seconds=quota.seconds)


def _next_day(now: dt.datetime) -> dt.datetime:
    day = now.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), dt.UTC)
