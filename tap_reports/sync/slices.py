"""Date arithmetic: first and last day, limits and jobs on their way become slices. Pure, no I/O.

A slice is the dates of one request. Slices ascend, cover their days exactly once and hold whole periods
(weeks run from Monday to Sunday). On the fixed grid a slice that is extracted again has the same first day,
so that it overwrites itself and the vendor is asked for the same jobs.
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
SHORTEST_MONTH_DAYS = 28
"""From this `slice_days` on, the grid is calendar months."""
GRID_ORIGIN = dt.date(1970, 1, 1)
WEEK_GRID_ORIGIN = dt.date(1970, 1, 5)
"""The first Monday of the grid: weeks have to stay whole."""
UNITS = {Granularity.DAILY: "day", Granularity.WEEKLY: "week", Granularity.MONTHLY: "month"}


def period_start(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the first day of the period that holds `day`."""
    return _plain(_date(day).start_of(UNITS[granularity]))


def period_end(day: dt.date, granularity: Granularity) -> dt.date:
    """Return the last day of the period that holds `day`."""
    return _plain(_date(day).end_of(UNITS[granularity]))


def last_whole(last: dt.date, granularity: Granularity) -> dt.date:
    """Return the end of the last period that ends by `last`."""
    if period_end(last, granularity) == last:
        return last
    return moved(period_start(last, granularity), -1)


def moved(day: dt.date, days: int) -> dt.date:
    """Return the day so many days later."""
    return _plain(_date(day).add(days=days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a report's days are cut into slices.

    Attributes:
        granularity: The period of a row; slices are whole periods.
        slice_days: No slice is longer, but one period, and one month of the grid, always fits.
        grid: Slices lie on the fixed grid: calendar months where `slice_days` is 28 or more, else steps of
            `slice_days` counted from 1970-01-01. (Whole weeks: as many as fit, counted from 1970-01-05.)
    """

    granularity: Granularity = Granularity.DAILY
    slice_days: int
    grid: bool

    def days(self, first: dt.date, last: dt.date, *, not_before: dt.date) -> Slice | None:
        """Return the days that are extracted, in whole periods; None if no whole period lies in them.

        Args:
            first: Its period is included whole; on the grid, all from its grid line on.
            last: Only periods that end by it are included.
            not_before: `start_date`: no grid line before its period is moved back to.
        """
        start, stop = period_start(first, self.granularity), last_whole(last, self.granularity)
        if first > last or start > stop:
            return None
        if self.grid:
            start = max(self.cell(start).start, min(start, period_start(not_before, self.granularity)))
        return Slice(start, stop)

    def slices(self, days: Slice, kept: Iterable[Slice] = ()) -> list[Slice]:
        """Return the slices that cover `days`, ascending, those that are kept among them.

        Args:
            days: Whole periods (see `days`).
            kept: What `choose` has chosen. The first may begin before `days`: that is covered as well then.
        """
        found, start = [], days.start
        for known in kept:
            found += [*self._filled(start, moved(known.start, -1)), known]
            start = moved(known.end, 1)
        return [*found, *self._filled(start, days.end)]

    def choose(self, candidates: Iterable[Slice], days: Slice, *, not_before: dt.date) -> list[Slice]:
        """Return those slices of jobs that can stay as they are, ascending; of two that overlap the first.

        Args:
            candidates: The slices of jobs on their way, the most important first.
            days: What is extracted. One that ends after it, or has none of its days, is left out.
            not_before: `start_date`: so is one that begins before its period.
        """
        earliest = min(days.start, period_start(not_before, self.granularity))
        chosen: list[Slice] = []
        for one in candidates:
            is_near = earliest <= one.start and days.start <= one.end <= days.end
            is_free = all(one.end < other.start or other.end < one.start for other in chosen)
            if is_near and is_free and self._is_whole(one):
                chosen.append(one)
        return sorted(chosen)

    def cell(self, day: dt.date) -> Slice:
        """Return the slice of the fixed grid that holds `day`."""
        if self.granularity is Granularity.WEEKLY:
            origin, step = WEEK_GRID_ORIGIN, max(self.slice_days // WEEK_DAYS, 1) * WEEK_DAYS
        elif self.granularity is Granularity.MONTHLY or self.slice_days >= SHORTEST_MONTH_DAYS:
            return Slice(period_start(day, Granularity.MONTHLY), period_end(day, Granularity.MONTHLY))
        else:
            origin, step = GRID_ORIGIN, max(self.slice_days, 1)
        line = moved(day, -((day - origin).days % step))
        return Slice(line, moved(line, step - 1))

    def _filled(self, start: dt.date, stop: dt.date) -> Iterator[Slice]:
        """Yield as few slices as cover all from `start` to `stop`."""
        while start <= stop:
            end = self.cell(start).end if self.grid else self._longest(start)
            yield Slice(start, min(end, stop))
            start = moved(end, 1)

    def _longest(self, start: dt.date) -> dt.date:
        """Return the last day of as many whole periods as `slice_days` holds, at least one."""
        longest = last_whole(moved(start, max(self.slice_days, 1) - 1), self.granularity)
        return max(period_end(start, self.granularity), longest)

    def _is_whole(self, one: Slice) -> bool:
        starts = period_start(one.start, self.granularity) == one.start
        return starts and period_end(one.end, self.granularity) == one.end


def first_day(start: dt.date, bookmark: dt.date | None, lookback_days: int) -> dt.date:
    """Return the first day that a run extracts.

    Args:
        start: `start_date`.
        bookmark: The last day whose records are out; None on a first run.
        lookback_days: Days up to the bookmark that are extracted again, since the vendor restates them.
    """
    return start if bookmark is None else max(start, moved(bookmark, 1 - lookback_days))


def _date(day: dt.date) -> Date:
    from pendulum import Date  # only commands that cut slices need it

    return Date(day.year, day.month, day.day)


def _plain(day: Date) -> dt.date:
    """Return the standard library's date: what is stored and compared is not pendulum's."""
    return dt.date(day.year, day.month, day.day)
