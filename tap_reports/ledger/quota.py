"""Counts submissions against an account's quotas. Pure: the ledger reads the submissions.

A quota of 86400 seconds is a calendar day in UTC, any other a rolling window. What the vendor refused does
not count in a day (it was not accepted), but in the rolling window (it was a call).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tap_reports.ledger.records import QuotaUse, Wait
from tap_reports.models import Quota

DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission of the account: when it was sent, what it counts as, whether the vendor refused it."""

    at: dt.datetime
    quota: str
    refused: bool = False


def is_day(quota: Quota) -> bool:
    """Return whether the quota is of a calendar day."""
    return quota.seconds == DAY_SECONDS


def window_start(quota: Quota, now: dt.datetime) -> dt.datetime:
    """Return the time from which submissions count (of a rolling window: after which)."""
    if is_day(quota):
        return now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now - dt.timedelta(seconds=quota.seconds)


def earliest(quotas: Iterable[Quota], now: dt.datetime) -> dt.datetime:
    """Return the time from which submissions have to be read for these quotas."""
    return min((window_start(quota, now) for quota in quotas), default=now)


def wait_for(quotas: Sequence[Quota], submissions: Sequence[Submission], now: dt.datetime) -> Wait | None:
    """Return what a further submission has to wait for, or None.

    A spent day comes before all others; else the longest wait.
    """
    waits = [wait for quota in quotas if (wait := _wait(quota, _counted(quota, submissions, now), now))]
    return max(waits, key=lambda wait: (wait.is_day, wait.seconds), default=None)


def use(quota: Quota, submissions: Sequence[Submission], now: dt.datetime) -> QuotaUse:
    """Return how much of a quota is used."""
    times = _counted(quota, submissions, now)
    resets_at = _next_day(now) if is_day(quota) else None
    if times and not is_day(quota):
        resets_at = _freed(quota, times[0])
    return QuotaUse(
        name=quota.name,
        limit=quota.limit,
        used=len(times),
        remaining=max(0, quota.limit - len(times)),
        resets_at=resets_at,
    )


def _counted(quota: Quota, submissions: Sequence[Submission], now: dt.datetime) -> list[dt.datetime]:
    """Return the times of the submissions that count now, ascending. Another machine's clock may be ahead:
    what lies in the future counts too.
    """
    start, day = window_start(quota, now), is_day(quota)
    return sorted(
        submission.at
        for submission in submissions
        if submission.quota == quota.counts
        and (submission.at >= start if day else submission.at > start)
        and not (day and submission.refused)
    )


def _wait(quota: Quota, times: Sequence[dt.datetime], now: dt.datetime) -> Wait | None:
    if len(times) < quota.limit:
        return None
    if is_day(quota) or not times or quota.limit < 1:
        resets_at = _next_day(now) if is_day(quota) else _freed(quota, now)
    else:
        resets_at = _freed(quota, times[len(times) - quota.limit])
    return Wait(
        quota=quota.name,
        limit=quota.limit,
        seconds=max(0.0, (resets_at - now).total_seconds()),
        resets_at=resets_at,
        is_day=is_day(quota),
    )


def _freed(quota: Quota, at: dt.datetime) -> dt.datetime:
    """Return when a submission of `at` leaves a rolling window."""
    return at + dt.timedelta(seconds=quota.seconds)


def _next_day(now: dt.datetime) -> dt.datetime:
    day = now.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), dt.UTC)
