from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.ledger.quota import Submission, use, wait_for, window_start
from tap_reports.models import Quota

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
MINUTE = Quota(name="minute", limit=2, seconds=60)
DAY = Quota(name="day", limit=2, seconds=86400)

times = st.lists(st.integers(-200, 20).map(lambda seconds: NOON + seconds * SECOND), max_size=12)


def sent(*seconds: float, quota: str = "report", refused: bool = False) -> list[Submission]:
    return [Submission(NOON + second * SECOND, quota, refused=refused) for second in seconds]


def test_a_day_begins_at_midnight_utc_wherever_the_time_is_told():
    tokyo = dt.timezone(dt.timedelta(hours=9))
    assert window_start(DAY, NOON.astimezone(tokyo)) == NOON.replace(hour=0)


def test_what_is_just_a_minute_old_no_longer_counts():
    assert use(MINUTE, sent(-60, -59.999), NOON).used == 1


def test_what_another_machine_s_clock_puts_in_the_future_counts():
    assert wait_for([MINUTE], sent(1, 2), NOON).seconds == 61


@pytest.mark.parametrize(("quota", "seconds"), [(MINUTE, 60), (DAY, 12 * 3600)])
def test_a_quota_of_nothing_lets_nothing_through(quota, seconds):
    nothing = Quota(name=quota.name, limit=0, seconds=quota.seconds)
    assert wait_for([nothing], [], NOON).seconds == seconds


def test_more_than_the_limit_leaves_nothing_and_waits_for_all_that_are_too_many():
    """Another program may have used the quota up beyond what this one would."""
    many = sent(-50, -40, -30, -20)
    assert use(MINUTE, many, NOON).remaining == 0
    assert wait_for([MINUTE], many, NOON).seconds == 30


def test_a_spent_day_comes_before_a_longer_window():
    week = Quota(name="week", limit=1, seconds=7 * 86400)
    found = wait_for([week, DAY, MINUTE], sent(-5, -4), NOON)
    assert (found.quota, found.is_day, found.resets_at) == ("day", True, MIDNIGHT)


def test_the_longest_wait_is_the_one():
    hour = Quota(name="hour", limit=1, seconds=3600)
    assert wait_for([MINUTE, hour], sent(-5, -4), NOON).quota == "hour"


@given(times, st.integers(1, 4))
def test_after_the_wait_one_more_fits_and_not_a_moment_earlier(at, limit):
    quota = Quota(name="minute", limit=limit, seconds=60)
    submissions = [Submission(time, "report") for time in at]
    wait = wait_for([quota], submissions, NOON)
    if wait is None:
        assert use(quota, submissions, NOON).remaining > 0
        return
    assert wait_for([quota], submissions, NOON + wait.seconds * SECOND) is None
    assert wait_for([quota], submissions, NOON + (wait.seconds - 0.001) * SECOND) is not None
