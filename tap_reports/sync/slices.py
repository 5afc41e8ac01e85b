"""Date arithmetic: days to extract become slices. Pure functions, no I/O.

A slice is the date range of one request. Slices ascend, cover their days exactly once and hold whole periods
(weeks run from Monday to Sunday). On the fixed grid, a slice that is extracted again has the same first day:
it overwrites itself, and the same jobs are requested.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_reports.models import Granularity, Slice

if TYPE_CHECKING:
    from pendulum import Date

WEEK_DAYS = 7
MIN_MONTH_GRID_DAYS = 28
"""From this `slice_days` on, the grid is calendar months."""
GRID_ORIGIN = dt.date(1970, 1, 1)
WEEK_GRID_ORIGIN = dt.date(1970, 1, 5)
"""The first Monday of the grid: weeks stay whole."""
UNITS = {Granularity.DAILY: "day", Granularity.WEEKLY: "week", Granularity.MONTHLY: "month"}


def period_start(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the first day of the period that contains `day`."""
    return _stdlib_date(_pendulum_date(day).start_of(UNITS[granularity]))


def period_end(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the last day of the period that contains `day`."""
    return _stdlib_date(_pendulum_date(day).end_of(UNITS[granularity]))


def last_period_end(last: dt.date, granularity: Granularity) -> dt.date:
    """Return the end of the last period that ends by `last`."""
    if period_end(last, granularity) == last:
        return last
    return add_days(period_start(last, granularity), -1)


def add_days(day: dt.date, days: int) -> dt.date:
    """Return the day `days` days later."""
    return _stdlib_date(_pendulum_date(day).add(days=days))


def first_day(start: dt.date, bookmark: dt.date | None, lookback_days: int) -> dt.date:
    """Return the first day to extract: after the bookmark, less the lookback, but not before `start`."""
    return start if bookmark is None else max(start, add_days(bookmark, 1 - lookback_days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How a report's days are cut into slices.

    Attributes:
        granularity: The period of a row; slices are whole periods.
        slice_days: No slice is longer, but one period, and one month of the grid, always fits.
        on_grid: Slices lie on the fixed grid: calendar months if `slice_days` is 28 or more, else steps of
            `slice_days` counted from 1970-01-01. (Whole weeks: as many as fit, counted from 1970-01-05.)
    """

    granularity: Granularity = Granularity.DAILY
    slice_days: int
    on_grid: bool

    def days(self, first: dt.date, last: dt.date, *, not_before: dt.date) -> Slice | None:
        """Return the days to extract, in whole periods; None if there is no whole period.

        Args:
            first: Its period is included whole; on the grid, everything from its grid line on.
            last: Only periods that end by it are included.
            not_before: `start_date`: a grid line before its period is not used.
        """
        start, stop = period_start(first, self.granularity), last_period_end(last, self.granularity)
        if first > last or start > stop:
            return None
        if self.on_grid:
            earliest = min(start, period_start(not_before, self.granularity))
            start = max(self.grid_slice(start).start, earliest)
        return Slice(start, stop)

    def slices(self, days: Slice, kept: Iterable[Slice] = ()) -> list[Slice]:
        """Return the slices that cover `days` (whole periods), ascending, with the kept ones among them.

        The first kept slice may begin before `days`: then those days are covered as well.
        """
        slices, start = [], days.start
        for slice_ in kept:
            slices += [*self._slices_between(start, add_days(slice_.start, -1)), slice_]
            start = add_days(slice_.end, 1)
        return [*slices, *self._slices_between(start, days.end)]

    def keep(self, candidates: Iterable[Slice], days: Slice, *, not_before: dt.date) -> list[Slice]:
        """Return the slices of known jobs that can stay as they are, ascending.

        Args:
            candidates: The most important first: of two that overlap the first stays.
            days: What is extracted. A slice that ends after it, or lies before it, is not kept.
            not_before: `start_date`: a slice that begins before its period is not kept.
        """
        earliest = min(days.start, period_start(not_before, self.granularity))
        kept: list[Slice] = []
        for slice_ in candidates:
            is_in_range = earliest <= slice_.start and days.start <= slice_.end <= days.end
            overlaps = any(slice_.start <= other.end and other.start <= slice_.end for other in kept)
            if is_in_range and not overlaps and self._is_whole(slice_):
                kept.append(slice_)
        return sorted(kept)

    def grid_slice(self, day: dt.date) -> Slice:
        """Return the slice of the fixed grid that contains `day`."""
        if self.granularity is Granularity.WEEKLY:
            origin, step = WEEK_GRID_ORIGIN, max(self.slice_days // WEEK_DAYS, 1) * WEEK_DAYS
        elif self.granularity is Granularity.MONTHLY or self.slice_days >= MIN_MONTH_GRID_DAYS:
            return Slice(period_start(day, Granularity.MONTHLY), period_end(day, Granularity.MONTHLY))
        else:
            origin, step = GRID_ORIGIN, max(self.slice_days, 1)
        start = add_days(day, -((day - origin).days % step))
        return Slice(start, add_days(start, step - 1))

    def _slices_between(self, start: dt.date, stop: dt.date) -> Iterator[Slice]:
        while start <= stop:
            end = self.grid_slice(start).end if self.on_grid else self._longest_end(start)
            yield Slice(start, min(end, stop))
            start = add_days(end, 1)

    def _longest_end(self, start: dt.date) -> dt.date:
        """Return the last day of as many whole periods as `slice_days` holds, at least one."""
        longest = last_period_end(add_days(start, max(self.slice_days, 1) - 1), self.granularity)
        return max(period_end(start, self.granularity), longest)

    def _is_whole(self, slice_: Slice) -> bool:
        is_start = period_start(slice_.start, self.granularity) == slice_.start
        return is_start and period_end(slice_.end, self.granularity) == slice_.end


def _pendulum_date(day: dt.date) -> Date:
    from pendulum import Date  # imported here: only commands that cut slices need it

    return Date(day.year, day.month, day.day)


def _stdlib_date(day: Date) -> dt.date:
    return dt.date(day.year, day.month, day.day)
