"""Rows that are not of their slice: the vendor ignored the dates."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.emit.plan import Tally
from tap_reports.exceptions import FileError
from tap_reports.models import Slice
from tap_reports.sync.guards import check_days

MARCH = Slice(dt.date(2026, 3, 1), dt.date(2026, 3, 31))


def of(dated, outside):
    return Tally(first_day="2026-01-01", last_day="2026-01-31", dated=dated, outside=outside)


def test_rows_that_are_all_outside_end_the_stream():
    with pytest.raises(FileError, match=r"ignored the dates: all 5 rows lie outside of 2026-03-01"):
        check_days(MARCH, of(5, 5))


def test_some_rows_outside_are_a_warning():
    assert check_days(MARCH, of(5, 2)).startswith("2 of 5 rows")


@pytest.mark.parametrize(("days", "tally"), [(MARCH, of(5, 0)), (MARCH, of(0, 0)), (None, of(5, 5))])
def test_rows_of_the_slice_and_snapshots_are_silent(days, tally):
    assert check_days(days, tally) == ""
