"""Date arithmetic: bookmark, lookback, final day and limits become slices. Pure, no I/O.

A slice is the dates of one request. Slices ascend, cover their days exactly once and hold whole periods
(weeks run from Monday to Sunday). Where a report has no keys, they lie on a fixed grid, so that a slice that
is extracted again has the same first day and overwrites itself.
"""

from __future__ import annotations

import calendar
import datetime as dt

from tap_reports.models import Granularity, Slice

DAY = dt.timedelta(days=1)
WEEK_DAYS = 7
SHORTEST_MONTH_DAYS = 28
"""From this `slice_days` on, the grid is calendar months."""
GRID_ORIGIN = dt.date(1970, 1, 1)
WEEK_GRID_ORIGIN = dt.date(1970, 1, 5)
"""The first Monday of the grid: weeks have to stay whole."""


def period_start(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the first day of the period that holds `day`."""
    if granularity is Granularity.WEEKLY:
        return day - day.weekday() * DAY
    return day.replace(day=1) if granularity is Granularity.MONTHLY else day


def period_end(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the last day of the period that holds `day`."""
    if granularity is Granularity.WEEKLY:
        return day + (WEEK_DAYS - 1 - day.weekday()) * DAY
    if granularity is Granularity.MONTHLY:
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return day


def first_day(start: dt.date, bookmark: dt.date | None, lookback_days: int) -> dt.date:
    """Return the first day that a run extracts.

    Args:
        start: `start_date`.
        bookmark: The last day whose records are out; None on a first run.
        lookback_days: Days up to the bookmark that are extracted again, since the vendor restates them.
    """
    if bookmark is None:
        return start
    return max(start, bookmark + (1 - lookback_days) * DAY)


def slices(
    first: dt.date,
    last: dt.date,
    *,
    granularity: Granularity,
    slice_days: int,
    grid: bool,
    not_before: dt.date,
) -> list[Slice]:
    """Return the slices that cover `first` to `last`.

    Args:
        first: Its period is included whole.
        last: Only periods that end by it are included.
        granularity: The period of a row.
        slice_days: No slice is longer, but one period, and one month of the grid, always fits.
        grid: Slices lie on the fixed grid: calendar months where `slice_days` is 28 or more, else steps of
            `slice_days` counted from 1970-01-01. (Whole weeks: as many as fit, counted from 1970-01-05.)
        not_before: `start_date`: no grid line before its period is moved back to.

    Returns:
        Slices, ascending; none if no whole period lies between the two days.
    """
    start = period_start(first, granularity)
    if grid:
        line = _grid_slice(start, granularity, slice_days).start
        start = max(line, min(start, period_start(not_before, granularity)))
    stop = _last_whole(last, granularity)
    found = []
    while start <= stop and first <= last:
        slice_ = (
            _grid_slice(start, granularity, slice_days) if grid else _filled(start, granularity, slice_days)
        )
        found.append(Slice(start, min(slice_.end, stop)))
        start = found[-1].end + DAY
    return found


def _last_whole(last: dt.date, granularity: Granularity) -> dt.date:
    """Return the end of the last period that ends by `last`."""
    if period_end(last, granularity) == last:
        return last
    return period_start(last, granularity) - DAY


def _filled(start: dt.date, granularity: Granularity, slice_days: int) -> Slice:
    """Return the slice from `start` with as many whole periods as `slice_days` holds, at least one."""
    end = period_end(start, granularity)
    longest = start + (max(slice_days, 1) - 1) * DAY
    return Slice(start, max(end, _last_whole(longest, granularity)))


def _grid_slice(day: dt.date, granularity: Granularity, slice_days: int) -> Slice:
    """Return the slice of the fixed grid that holds `day`."""
    if granularity is Granularity.WEEKLY:
        origin, step = WEEK_GRID_ORIGIN, max(slice_days // WEEK_DAYS, 1) * WEEK_DAYS
    elif granularity is Granularity.MONTHLY or slice_days >= SHORTEST_MONTH_DAYS:
        return Slice(period_start(day, Granularity.MONTHLY), period_end(day, Granularity.MONTHLY))
    else:
        origin, step = GRID_ORIGIN, max(slice_days, 1)
    line = day - ((day - origin).days % step) * DAY
    return Slice(line, line + (step - 1) * DAY)
