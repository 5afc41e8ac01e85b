"""Quotas are counted in the database, with the same result as counting submissions one by one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_cases import wanted_of

from tap_reports.ledger.quota import QuotaUse, Wait, usage, wait_for, window
from tap_reports.ledger.reserve import find_blocking
from tap_reports.ledger.schema import submissions
from tap_reports.ledger.store import OFF, Store
from tap_reports.models import Quota, ReportRequest

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
MINUTE = Quota(name="minute", limit=2, seconds=60)
DAY = Quota(name="day", limit=2, seconds=86400)
REQUEST = ReportRequest(vendor="acme", account="a", api_url="https://x", report="r")


@dataclass(frozen=True)
class Submission:
    at: dt.datetime
    quota: str = "report"
    refused: bool = False


def sent(*seconds: float) -> list[Submission]:
    return [Submission(NOON + second * SECOND) for second in seconds]


class Counted:
    """A ledger with these submissions of the account, and one of another account."""

    def __init__(self, history: list[Submission]) -> None:
        self.store = Store.open(OFF, now=NOON, busy_seconds=1)
        mine = {"vendor": "acme", "account": "a", "key": "k"}
        rows = [
            {**mine, "quota": item.quota, "at": item.at, "outcome": "refused" if item.refused else "accepted"}
            for item in history
        ]
        rows.append({**mine, "account": "b", "quota": "report", "at": NOON, "outcome": "accepted"})
        self.store.write(lambda db: db.execute(submissions.insert().values(rows)))

    def wait(self, quotas: list[Quota], now: dt.datetime = NOON) -> Wait | None:
        read = self.store.read
        wanted = wanted_of(replace(REQUEST, quota=quotas[0].counts), now, quotas=quotas)
        limiting = read(lambda db: find_blocking(db, wanted)).limiting
        return wait_for(quotas, limiting, now)

    def use(self, quota: Quota) -> QuotaUse:
        return self.store.read(lambda db: usage(db, "acme", "a", [quota], NOON))[0]


def one_by_one(quota: Quota, history: list[Submission], now: dt.datetime) -> Wait | None:
    """Return the expected wait, by looking at each submission."""
    is_day = quota.seconds == 86400
    start = now.replace(hour=0, minute=0, second=0) if is_day else now - quota.seconds * SECOND
    times = sorted(
        item.at
        for item in history
        if item.quota == quota.counts
        and (item.at >= start and not item.refused if is_day else item.at > start)
    )
    if len(times) < quota.limit:
        return None
    resets = (
        MIDNIGHT
        if is_day
        else (times[len(times) - quota.limit] if quota.limit else now) + quota.seconds * SECOND
    )
    return Wait(
        quota=quota.name,
        limit=quota.limit,
        seconds=max(0.0, (resets - now).total_seconds()),
        resets_at=resets,
        is_day=is_day,
    )


histories = st.lists(
    st.builds(
        Submission,
        at=st.integers(-50_000, 20).map(lambda seconds: NOON + seconds * SECOND)
        | st.integers(-70, 20).map(lambda seconds: NOON + seconds * SECOND)
        | st.integers(-300_000, 20).map(lambda seconds: NOON + seconds * SECOND),
        quota=st.sampled_from(["report", "click"]),
        refused=st.booleans(),
    ),
    max_size=12,
)
"""In any order: clocks differ, and answers may come late."""
quotas = st.builds(
    Quota,
    name=st.just("q"),
    limit=st.integers(0, 4),
    seconds=st.sampled_from([60, 3600, 86400]),
    counts=st.sampled_from(["report", "click"]),
)


@given(histories, quotas)
def test_the_database_counts_as_by_hand(history, quota):
    assert Counted(history).wait([quota]) == one_by_one(quota, history, NOON)


def test_a_day_begins_at_midnight_utc_in_any_time_zone():
    tokyo = dt.timezone(dt.timedelta(hours=9))
    assert window(DAY, NOON.astimezone(tokyo))[0] == NOON.replace(hour=0)


@pytest.mark.parametrize("quota", [MINUTE, DAY])
def test_submissions_from_years_ahead_do_not_count(quota):
    """It was corrected; otherwise its submissions would count until then."""
    assert Counted(sent(400 * 86400, 400 * 86400)).wait([quota]) is None


def test_the_remainder_is_never_negative():
    """Another program may have used the quota up beyond what this one would."""
    assert Counted(sent(-60, -50, -40, -30, -20)).use(MINUTE).used == 4
    assert Counted(sent(-50, -40, -30, -20)).use(MINUTE).remaining == 0


@pytest.mark.parametrize(
    ("quotas_", "name"),
    [
        pytest.param(
            [Quota(name="week", limit=1, seconds=7 * 86400), DAY, MINUTE],
            "day",
            id="a used-up day before a longer window",
        ),
        pytest.param([MINUTE, Quota(name="hour", limit=1, seconds=3600)], "hour", id="else the longest wait"),
    ],
)
def test_of_several_used_up_quotas_the_one_that_matters_is_returned(quotas_, name):
    assert Counted(sent(-5, -4)).wait(quotas_).quota == name
