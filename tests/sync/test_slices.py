"""Days become slices: examples as tables, and laws that hold for any days, settings and running jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.models import Granularity, Shard, Slice
from tap_reports.sync.slices import Slicing, first_day, period_end, period_start

DAY = dt.timedelta(days=1)
DAILY, WEEKLY, MONTHLY = Granularity
ANY_START = dt.date(2000, 1, 1)

days = st.dates(dt.date(2015, 1, 1), dt.date(2035, 12, 31))
granularities = st.sampled_from(Granularity)
lengths = st.integers(1, 400)
spans = st.integers(0, 700)


def day(text: str) -> dt.date:
    """Return the day of `24-02-29`."""
    return dt.datetime.strptime(text, "%y-%m-%d").date()  # noqa: DTZ007


def slices(
    first: dt.date,
    last: dt.date,
    slicing: Slicing,
    *,
    not_before: dt.date = ANY_START,
    running: Iterable[Slice] = (),
) -> list[Slice]:
    """Return the slices that are extracted while jobs with these slices are running."""
    days = slicing.days(first, last, not_before=not_before)
    return slicing.slices(days, slicing.keep(running, days, not_before=not_before)) if days else []


def extracted(
    span: str, slice_days: int, granularity: Granularity = DAILY, *, grid_from: str = "", running: str = ""
) -> str:
    """Return the slices of a span of days, all as text; `grid_from` is the start date, if there is a grid."""
    slicing = Slicing(granularity=granularity, slice_days=slice_days, on_grid=bool(grid_from))
    start = day(grid_from) if grid_from else ANY_START
    jobs = [Slice(*map(day, one.split(".."))) for one in running.split()]
    result = slices(*map(day, span.split("..")), slicing, not_before=start, running=jobs)
    return " ".join(f"{slice_.start:%y-%m-%d}..{slice_.end:%y-%m-%d}" for slice_ in result)


@pytest.mark.parametrize(
    ("of", "granularity", "start", "end"),
    [
        ("24-02-29", DAILY, "24-02-29", "24-02-29"),
        ("24-02-29", WEEKLY, "24-02-26", "24-03-03"),
        ("24-03-03", WEEKLY, "24-02-26", "24-03-03"),
        ("24-02-29", MONTHLY, "24-02-01", "24-02-29"),
    ],
)
def test_a_period_has_its_first_and_last_day(of, granularity, start, end):
    assert period_start(day(of), granularity) == day(start)
    assert period_end(day(of), granularity) == day(end)


@pytest.mark.parametrize(
    ("bookmark", "lookback", "expected"),
    [
        (None, 65, "24-01-10"),
        ("24-03-05", 0, "24-03-06"),
        ("24-03-05", 1, "24-03-05"),
        ("24-03-05", 65, "24-01-10"),
        ("23-01-01", 0, "24-01-10"),
    ],
)
def test_the_first_day_lies_after_the_bookmark_less_the_lookback(bookmark, lookback, expected):
    assert first_day(day("24-01-10"), bookmark and day(bookmark), lookback) == day(expected)


@pytest.mark.parametrize(
    ("span", "slice_days", "granularity", "expected"),
    [
        ("24-01-01..24-01-07", 3, DAILY, "24-01-01..24-01-03 24-01-04..24-01-06 24-01-07..24-01-07"),
        ("24-01-02..24-01-01", 3, DAILY, ""),
        ("24-02-01..24-01-31", 365, MONTHLY, ""),
        ("24-01-15..24-01-30", 365, MONTHLY, ""),
        ("24-01-15..24-03-30", 365, MONTHLY, "24-01-01..24-02-29"),
        ("23-01-01..24-12-31", 365, MONTHLY, "23-01-01..23-12-31 24-01-01..24-11-30 24-12-01..24-12-31"),
        ("24-01-01..24-02-29", 10, MONTHLY, "24-01-01..24-01-31 24-02-01..24-02-29"),
        ("24-01-03..24-01-20", 30, WEEKLY, "24-01-01..24-01-14"),
        ("24-01-03..24-01-21", 15, WEEKLY, "24-01-01..24-01-14 24-01-15..24-01-21"),
    ],
    ids=[
        "as long as allowed, the last one cut",
        "no days",
        "the period after the last final one",
        "no whole month",
        "the first month whole, an unfinished last one left out",
        "a year of 365 days holds twelve months only without a leap day",
        "one month always fits",
        "whole weeks",
        "as many whole weeks as fit",
    ],
)
def test_slices_are_whole_periods_as_long_as_allowed(span, slice_days, granularity, expected):
    assert extracted(span, slice_days, granularity) == expected


MONTHS = "24-02-01..24-02-29 24-03-01..24-03-31 24-04-01..24-04-03"


@pytest.mark.parametrize(
    ("span", "slice_days", "granularity", "start", "expected"),
    [
        *(("24-02-10..24-04-03", length, DAILY, "24-01-20", MONTHS) for length in (28, 30, 31, 90)),
        ("24-01-25..24-02-02", 30, DAILY, "24-01-20", "24-01-20..24-01-31 24-02-01..24-02-02"),
        ("70-01-09..70-01-15", 7, DAILY, "70-01-01", "70-01-08..70-01-14 70-01-15..70-01-15"),
        ("24-01-01..24-01-02", 1, DAILY, "23-01-01", "24-01-01..24-01-01 24-01-02..24-01-02"),
        ("24-01-31..24-02-29", 30, WEEKLY, "24-01-31", "24-01-29..24-02-18 24-02-19..24-02-25"),
        ("24-01-31..24-03-30", 365, MONTHLY, "24-01-31", "24-01-01..24-01-31 24-02-01..24-02-29"),
    ],
    ids=[
        *(f"{length} days: calendar months" for length in (28, 30, 31, 90)),
        "it begins at the start date",
        "short slices are counted from 1970",
        "a slice a day",
        "whole weeks",
        "single months",
    ],
)
def test_the_grid_does_not_depend_on_the_first_day(span, slice_days, granularity, start, expected):
    assert extracted(span, slice_days, granularity, grid_from=start) == expected


@given(days, spans, granularities, lengths, st.booleans(), spans)
def test_slices_cover_every_whole_period_once_and_ascend(first, span, granularity, slice_days, grid, before):
    last, not_before = first + span * DAY, first - before * DAY
    slicing = Slicing(granularity=granularity, slice_days=slice_days, on_grid=grid)
    result = slices(first, last, slicing, not_before=not_before)
    assert all(later.start == earlier.end + DAY for earlier, later in pairwise(result))
    if not result:
        assert period_end(first, granularity) > last
        return
    assert period_start(not_before, granularity) <= result[0].start <= first
    assert result[-1].end <= last < period_end(result[-1].end + DAY, granularity)
    assert grid or result[0].start == period_start(first, granularity)
    for slice_ in result:
        assert slice_.start == period_start(slice_.start, granularity)
        assert slice_.end == period_end(slice_.end, granularity)
        is_period = slice_.end == period_end(slice_.start, granularity)
        is_month = grid and slice_.end <= period_end(slice_.start, MONTHLY)
        assert slice_.days <= slice_days or is_period or is_month


@given(days, spans, granularities, lengths, st.integers(0, 100))
def test_a_slice_of_the_grid_begins_on_the_same_day_whenever_it_is_extracted(
    start, span, granularity, slice_days, later
):
    """What a later run, with its later first and last day, extracts again has the same first days."""
    slicing = Slicing(granularity=granularity, slice_days=slice_days, on_grid=True)

    def starts(first: dt.date, last: dt.date) -> set[dt.date]:
        return {slice_.start for slice_ in slices(first, last, slicing, not_before=start)}

    last = start + span * DAY
    assert starts(start + (span // 2) * DAY, last) <= starts(start, last + later * DAY)


# --- around running jobs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "slice_days", "running", "expected"),
    [
        ("24-12-20..24-12-31", 30, "24-12-20..24-12-30", "24-12-20..24-12-30 24-12-31..24-12-31"),
        (
            "24-01-03..24-01-10",
            3,
            "24-01-04..24-01-06 24-01-07..24-01-09",
            "24-01-03..24-01-03 24-01-04..24-01-06 24-01-07..24-01-09 24-01-10..24-01-10",
        ),
        ("24-01-05..24-01-12", 30, "24-01-01..24-01-10", "24-01-01..24-01-10 24-01-11..24-01-12"),
        (
            "24-01-01..24-01-10",
            90,
            "24-01-03..24-01-06 24-01-01..24-01-10",
            "24-01-01..24-01-02 24-01-03..24-01-06 24-01-07..24-01-10",
        ),
    ],
    ids=[
        "one more final day",
        "a longer lookback",
        "a job that begins before the first day stays whole",
        "of two jobs of the same days the first stays",
    ],
)
def test_only_the_days_that_no_running_job_covers_are_cut(span, slice_days, running, expected):
    assert extracted(span, slice_days, running=running) == expected


@pytest.mark.parametrize(
    "job",
    [
        "23-12-30..23-12-31",  # its days are emitted
        "24-01-09..24-01-13",  # not all of its days are extracted
        "23-11-30..24-01-02",  # it begins before start_date
    ],
)
def test_a_job_of_other_days_changes_nothing(job):
    span = "24-01-01..24-01-12"
    assert extracted(span, 90, grid_from="24-01-01", running=job) == span


def test_a_job_that_cuts_a_week_in_two_changes_nothing():
    span = "24-01-01..24-01-21"
    assert extracted(span, 30, WEEKLY, running="24-01-03..24-01-09") == span


lookbacks, slice_lengths = st.integers(0, 70), st.integers(1, 100)


@given(
    days,
    st.integers(0, 200),
    granularities,
    st.booleans(),
    st.tuples(slice_lengths, slice_lengths),
    lookbacks,
    st.integers(0, 40),
    st.data(),
)
def test_no_job_that_runs_is_orphaned_and_all_days_come_once_whatever_has_changed(
    start, span, granularity, grid, slice_days, lookback, later, data
):
    """A run ends after any number of slices; the next one has other settings and a later final day."""
    before, now = (Slicing(granularity=granularity, slice_days=one, on_grid=grid) for one in slice_days)
    last = start + span * DAY
    jobs = slices(start, last, before, not_before=start)
    done = data.draw(st.integers(0, len(jobs)), "finished slices")
    bookmark = jobs[done - 1].end if done else None
    running = [job for job in jobs[done:] if data.draw(st.booleans(), "runs")]
    first, last = first_day(start, bookmark, lookback), last + later * DAY
    result = slices(first, last, now, not_before=start, running=running)
    assert set(running) <= set(result)
    assert all(later.start == earlier.end + DAY for earlier, later in pairwise(result))
    assert all(
        (slice_.start, slice_.end)
        == (period_start(slice_.start, granularity), period_end(slice_.end, granularity))
        for slice_ in result
    )
    if result:
        assert result[0].start <= max(first, start)
        assert period_end(result[-1].end + DAY, granularity) > last


@given(st.integers(0, 200), st.integers(1, 20), st.text(max_size=20))
def test_the_shards_of_a_list_are_disjoint_and_cover_it(length, count, report):
    all_slices = list(range(length))
    shares = [Shard(index, count).share_of(all_slices, report) for index in range(count)]
    assert sorted(one for own in shares for one in own) == all_slices
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
