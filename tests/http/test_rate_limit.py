"""Calls wait for their turn, and the rate limit headers slow them down."""

import datetime as dt
import itertools
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.http.rate_limit import RateLimiter
from tap_reports.http.responses import RateLeft, rate_left, retry_after

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


class SleepingClock:
    """Its time moves by sleeping."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return NOW + dt.timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        assert seconds > 0
        self.seconds += seconds


def times_of(limiter, clock, calls):
    times = []
    for _ in range(calls):
        limiter.wait()
        times.append(clock.seconds)
    return times


@given(
    limit=st.integers(1, 20),
    seconds=st.sampled_from([1, 60, 3600]),
    pauses=st.lists(st.floats(0, 100), max_size=60),
)
def test_no_window_ever_holds_more_calls_than_the_limit(limit, seconds, pauses):
    clock = SleepingClock()
    limiter = RateLimiter(limit, seconds, clock)
    sent = []
    for pause in pauses:
        clock.seconds += pause
        limiter.wait()
        sent.append(clock.seconds)
    for start in sent:
        assert sum(start <= at < start + seconds * 0.999999 for at in sent) <= limit


def test_a_short_window_is_used_at_once():
    clock = SleepingClock()
    assert times_of(RateLimiter(3, 60, clock), clock, 4) == [0, 0, 0, 60]


def test_the_second_half_of_an_hour_s_calls_is_spread_over_the_rest_of_the_hour():
    clock = SleepingClock()
    sent = times_of(RateLimiter(100, 3600, clock), clock, 300)
    assert sent[49] == 0
    assert max(later - earlier for earlier, later in itertools.pairwise(sent)) < 300


def test_a_limit_used_up_by_others_is_waited_for_and_logged(caplog):
    caplog.set_level(logging.INFO, "tap-reports.http")
    clock = SleepingClock()
    limiter = RateLimiter(1000, 3600, clock)
    limiter.apply_headers(
        {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "120"}
    )
    assert times_of(limiter, clock, 1) == [120]
    assert caplog.messages == ["Few calls of the account's limit are left: the next one goes in 120 s."]


def test_the_last_calls_of_a_limit_are_spread_until_its_reset():
    clock = SleepingClock()
    limiter = RateLimiter(1000, 3600, clock)
    limiter.apply_headers(
        {"X-RateLimit-Limit-hour": "1000", "X-RateLimit-Remaining-hour": "10", "RateLimit-Reset": "600"}
    )
    assert times_of(limiter, clock, 1) == [60]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "60"}, {"X-RateLimit-Remaining": "x"}],
)
def test_headers_with_enough_calls_left_slow_nothing_down(headers):
    clock = SleepingClock()
    limiter = RateLimiter(1000, 3600, clock)
    limiter.apply_headers(headers)
    assert times_of(limiter, clock, 1) == [0]


def test_a_reset_may_be_a_unix_time_or_seconds_and_invalid_headers_are_ignored():
    at = str(int(NOW.timestamp()) + 90)
    assert rate_left({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at}, NOW) == RateLeft(None, 0, 90.0)
    assert rate_left({"RateLimit-Reset": "inf", "X-RateLimit-Limit": "nan"}, NOW) is None


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "soon", "Thu, 99 Foo 2026", "5, 10"])
def test_an_invalid_retry_after_is_ignored(value):
    assert retry_after({"Retry-After": value}, NOW) is None


def test_a_retry_after_without_a_zone_is_read_as_utc():
    assert retry_after({"Retry-After": "Sat, 28 Nov 2026 12:00:30 -0000"}, NOW) == 30
