from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.models import Granularity, Slice
from tap_reports.sync.slices import Slicing, first_day, period_end, period_start

DAY = dt.timedelta(days=1)
DAILY, WEEKLY, MONTHLY = Granularity

days = st.dates(dt.date(2015, 1, 1), dt.date(2035, 12, 31))
granularities = st.sampled_from(Granularity)
lengths = st.integers(1, 400)
spans = st.integers(0, 700)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def slices(
    first: dt.date,
    last: dt.date,
    *,
    granularity: Granularity,
    slice_days: int,
    grid: bool,
    not_before: dt.date,
    candidates: Iterable[Slice] = (),
) -> list[Slice]:
    """Return the slices that are extracted while jobs of the candidates' days are on their way."""
    slicing = Slicing(granularity=granularity, slice_days=slice_days, grid=grid)
    days = slicing.days(first, last, not_before=not_before)
    return slicing.slices(days, slicing.keep(candidates, days, not_before=not_before)) if days else []


def cut(  # what a test reads: texts in, texts out
    first: str,
    last: str,
    slice_days: int,
    granularity: Granularity = DAILY,
    *,
    grid: str | None = None,
    known: Iterable[str] = (),
) -> list[str]:
    found = slices(
        day(first),
        day(last),
        granularity=granularity,
        slice_days=slice_days,
        grid=grid is not None,
        not_before=day(grid or "2000-01-01"),
        candidates=[Slice(*map(day, one.split(".."))) for one in known],
    )
    return [str(slice_) for slice_ in found]


@pytest.mark.parametrize(
    ("granularity", "start", "end"),
    [
        (DAILY, "2024-02-29", "2024-02-29"),
        (WEEKLY, "2024-02-26", "2024-03-03"),
        (MONTHLY, "2024-02-01", "2024-02-29"),
    ],
)
def test_a_period_has_its_first_and_last_day(granularity, start, end):
    leap_day = day("2024-02-29")
    assert period_start(leap_day, granularity) == day(start)
    assert period_end(leap_day, granularity) == day(end)


def test_a_week_runs_from_monday_to_sunday():
    sunday = day("2024-03-03")
    assert period_start(sunday, WEEKLY) == day("2024-02-26")
    assert period_end(sunday, WEEKLY) == sunday


@pytest.mark.parametrize(
    ("bookmark", "lookback", "expected"),
    [
        (None, 65, "2024-01-10"),
        ("2024-03-05", 0, "2024-03-06"),
        ("2024-03-05", 1, "2024-03-05"),
        ("2024-03-05", 65, "2024-01-10"),
        ("2023-01-01", 0, "2024-01-10"),
    ],
)
def test_the_first_day_lies_after_the_bookmark_less_the_lookback(bookmark, lookback, expected):
    assert first_day(day("2024-01-10"), bookmark and day(bookmark), lookback) == day(expected)


def test_daily_slices_are_as_long_as_allowed_and_the_last_is_cut():
    assert cut("2024-01-01", "2024-01-07", 3) == [
        "2024-01-01..2024-01-03",
        "2024-01-04..2024-01-06",
        "2024-01-07..2024-01-07",
    ]


def test_nothing_to_extract_is_no_slice():
    assert cut("2024-01-02", "2024-01-01", 3) == []


def test_the_period_after_the_last_final_one_is_no_slice():
    assert cut("2024-02-01", "2024-01-31", 365, MONTHLY) == []


def test_the_month_of_the_first_day_is_whole_and_an_unfinished_last_month_is_left_out():
    assert cut("2024-01-15", "2024-03-30", 365, MONTHLY) == ["2024-01-01..2024-02-29"]


def test_no_whole_month_is_no_slice():
    assert cut("2024-01-15", "2024-01-30", 365, MONTHLY) == []


def test_a_year_of_365_days_holds_twelve_months_only_without_a_leap_day():
    assert cut("2023-01-01", "2024-12-31", 365, MONTHLY) == [
        "2023-01-01..2023-12-31",
        "2024-01-01..2024-11-30",
        "2024-12-01..2024-12-31",
    ]


def test_one_month_always_fits():
    assert cut("2024-01-01", "2024-02-29", 10, MONTHLY) == [
        "2024-01-01..2024-01-31",
        "2024-02-01..2024-02-29",
    ]


def test_weeks_are_whole():
    assert cut("2024-01-03", "2024-01-20", 30, WEEKLY) == ["2024-01-01..2024-01-14"]
    assert cut("2024-01-03", "2024-01-21", 15, WEEKLY) == ["2024-01-01..2024-01-14", "2024-01-15..2024-01-21"]


@pytest.mark.parametrize("slice_days", [28, 30, 31, 90])
def test_the_grid_of_long_slices_is_calendar_months(slice_days):
    assert cut("2024-02-10", "2024-04-03", slice_days, grid="2024-01-20") == [
        "2024-02-01..2024-02-29",
        "2024-03-01..2024-03-31",
        "2024-04-01..2024-04-03",
    ]


def test_the_grid_begins_at_the_start_date():
    assert cut("2024-01-25", "2024-02-02", 30, grid="2024-01-20") == [
        "2024-01-20..2024-01-31",
        "2024-02-01..2024-02-02",
    ]


def test_the_grid_of_short_slices_counts_from_1970():
    assert cut("1970-01-09", "1970-01-15", 7, grid="1970-01-01") == [
        "1970-01-08..1970-01-14",
        "1970-01-15..1970-01-15",
    ]


def test_a_single_day_grid_has_a_slice_a_day():
    assert cut("2024-01-01", "2024-01-02", 1, grid="2023-01-01") == [
        "2024-01-01..2024-01-01",
        "2024-01-02..2024-01-02",
    ]


def test_the_grid_of_weeks_keeps_them_whole():
    assert cut("2024-01-31", "2024-02-29", 30, WEEKLY, grid="2024-01-31") == [
        "2024-01-29..2024-02-18",
        "2024-02-19..2024-02-25",
    ]


def test_the_grid_of_months_is_single_months():
    assert cut("2024-01-31", "2024-03-30", 365, MONTHLY, grid="2024-01-31") == [
        "2024-01-01..2024-01-31",
        "2024-02-01..2024-02-29",
    ]


@given(days, spans, granularities, lengths, st.booleans(), spans)
def test_slices_cover_every_whole_period_once_and_ascend(first, span, granularity, slice_days, grid, before):
    last, not_before = first + span * DAY, first - before * DAY
    found = slices(
        first, last, granularity=granularity, slice_days=slice_days, grid=grid, not_before=not_before
    )
    assert all(later.start == earlier.end + DAY for earlier, later in pairwise(found))
    if not found:
        assert period_end(first, granularity) > last
        return
    assert found[0].start <= first
    assert found[0].start >= period_start(not_before, granularity)
    assert found[-1].end <= last
    assert period_end(found[-1].end + DAY, granularity) > last


@given(days, spans, granularities, lengths, st.booleans())
def test_slices_are_whole_periods_within_the_limit(first, span, granularity, slice_days, grid):
    last = first + span * DAY
    for slice_ in slices(
        first, last, granularity=granularity, slice_days=slice_days, grid=grid, not_before=first
    ):
        assert slice_.start == period_start(slice_.start, granularity)
        assert slice_.end == period_end(slice_.end, granularity)
        one_period = slice_.end == period_end(slice_.start, granularity)
        one_month = grid and slice_.end <= period_end(slice_.start, MONTHLY)
        assert slice_.days <= slice_days or one_period or one_month


@given(days, spans, granularities, lengths, st.integers(0, 100))
def test_a_slice_of_the_grid_begins_on_the_same_day_whenever_it_is_extracted(
    start, span, granularity, slice_days, later
):
    """What a later run, with its later first and last day, extracts again has the same first days."""

    def starts(first: dt.date, last: dt.date) -> set[dt.date]:
        found = slices(
            first, last, granularity=granularity, slice_days=slice_days, grid=True, not_before=start
        )
        return {slice_.start for slice_ in found}

    last = start + span * DAY
    full = starts(start, last + later * DAY)
    again = starts(start + (span // 2) * DAY, last)
    assert again <= full


@given(days, spans, lengths)
def test_a_run_from_the_bookmark_goes_on_where_the_last_one_stopped(start, span, slice_days):
    def cover(first: dt.date, last: dt.date) -> list[Slice]:
        return slices(first, last, granularity=WEEKLY, slice_days=slice_days, grid=False, not_before=start)

    last = start + span * DAY
    done = cover(start, last)
    if done:
        rest = cover(first_day(start, done[-1].end, 0), last + 14 * DAY)
        assert rest[0].start == done[-1].end + DAY


# --- around jobs on their way -------------------------------------------------------------------------


def test_one_more_final_day_is_asked_for_beside_the_running_job():
    assert cut("2024-12-20", "2024-12-31", 30, known=["2024-12-20..2024-12-30"]) == [
        "2024-12-20..2024-12-30",
        "2024-12-31..2024-12-31",
    ]


def test_what_is_looked_back_on_is_asked_for_beside_the_running_jobs():
    known = ["2024-01-04..2024-01-06", "2024-01-07..2024-01-09"]
    assert cut("2024-01-03", "2024-01-10", 3, known=known) == [
        "2024-01-03..2024-01-03",
        *known,
        "2024-01-10..2024-01-10",
    ]


def test_shorter_slices_leave_running_jobs_as_they_are():
    known = ["2024-01-11..2024-01-20"]
    assert cut("2024-01-01", "2024-01-23", 4, known=known) == [
        "2024-01-01..2024-01-04",
        "2024-01-05..2024-01-08",
        "2024-01-09..2024-01-10",
        *known,
        "2024-01-21..2024-01-23",
    ]


def test_a_running_job_that_begins_before_the_first_day_stays_whole():
    assert cut("2024-01-05", "2024-01-12", 30, known=["2024-01-01..2024-01-10"]) == [
        "2024-01-01..2024-01-10",
        "2024-01-11..2024-01-12",
    ]


@pytest.mark.parametrize(
    "job",
    [
        "2023-12-30..2023-12-31",  # its days are out
        "2024-01-09..2024-01-13",  # not all of its days are asked for
        "2023-11-30..2024-01-02",  # it begins before start_date
    ],
)
def test_a_job_of_other_days_changes_nothing(job):
    assert cut("2024-01-01", "2024-01-12", 90, grid="2024-01-01", known=[job]) == ["2024-01-01..2024-01-12"]


def test_a_job_that_cuts_a_week_in_two_changes_nothing():
    found = cut("2024-01-01", "2024-01-21", 30, WEEKLY, known=["2024-01-03..2024-01-09"])
    assert found == ["2024-01-01..2024-01-21"]


def test_of_two_jobs_of_the_same_days_the_first_that_is_named_stays():
    known = ["2024-01-03..2024-01-06", "2024-01-01..2024-01-10"]
    assert cut("2024-01-01", "2024-01-10", 90, known=known) == [
        "2024-01-01..2024-01-02",
        "2024-01-03..2024-01-06",
        "2024-01-07..2024-01-10",
    ]


@dataclass(frozen=True)
class Night:
    """What a run has found: settings and time as they were then."""

    lookback: int
    slice_days: int
    later: int


nights = st.builds(Night, st.integers(0, 70), st.integers(1, 100), st.integers(0, 40))


@given(days, st.integers(0, 200), granularities, st.booleans(), nights, nights, st.data())
def test_no_job_that_runs_is_orphaned_and_all_days_come_once_whatever_has_changed(
    start, span, granularity, grid, before, now, data
):
    """A run ends after any number of slices; the next one has other settings and a later final day."""

    def asked_for(night: Night, bookmark: dt.date | None, last: dt.date, running: Iterable[Slice]):
        first = first_day(start, bookmark, night.lookback)
        return first, slices(
            first,
            last,
            granularity=granularity,
            slice_days=night.slice_days,
            grid=grid,
            not_before=start,
            candidates=running,
        )

    last = start + span * DAY
    _, jobs = asked_for(before, None, last, ())
    out = data.draw(st.integers(0, len(jobs)), "slices that are out")
    bookmark = jobs[out - 1].end if out else None
    running = [job for job in jobs[out:] if data.draw(st.booleans(), "runs")]
    first, found = asked_for(now, bookmark, last + now.later * DAY, running)
    assert set(running) <= set(found)
    assert all(later.start == earlier.end + DAY for earlier, later in pairwise(found))
    if found:
        assert found[0].start <= max(first, start)
        assert period_end(found[-1].end + DAY, granularity) > last + now.later * DAY
    assert all(
        one.start == period_start(one.start, granularity) and one.end == period_end(one.end, granularity)
        for one in found
    )
