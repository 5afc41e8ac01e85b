from __future__ import annotations

import datetime as dt
import io

import openpyxl
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.sandbox import xlsx
from tap_reports.sandbox.data import Dice, Restated, amount, estimate, padded
from tap_reports.sandbox.similarweb_data import available, periods

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31))


@given(st.integers(), st.lists(st.text(max_size=5), max_size=3))
def test_a_roll_depends_on_its_key_alone(seed, key):
    dice = Dice(seed, "a")
    dice.roll("something else")
    assert dice.roll(*key) == Dice(seed, "a").roll(*key)
    assert dice.roll(*key, "x") != dice.roll(*key, "y")


@given(st.integers(0, 2**128 - 1))
def test_cells_have_their_forms(roll):
    assert len(amount(roll).partition(".")[2]) == 18
    assert float(estimate(roll)) >= 0
    assert padded(6)(roll).startswith("00")


@given(DAYS, st.integers(0, 60), st.sampled_from(["daily", "weekly", "monthly"]))
def test_periods_of_two_parts_are_those_of_the_whole(start, length, granularity):
    end = start + dt.timedelta(days=length)
    whole = list(periods(granularity, start, end))
    middle = whole[len(whole) // 2]
    parts = [*periods(granularity, start, middle - dt.timedelta(days=1)), *periods(granularity, middle, end)]
    assert parts == whole
    assert whole == sorted(set(whole))


@given(DAYS)
def test_what_is_available_lies_behind_today_and_ends_with_a_whole_period(today):
    assert available("daily", today)[1] == today - dt.timedelta(days=4)
    week = available("weekly", today)[1]
    assert week.isoweekday() == 7
    assert week + dt.timedelta(days=4) <= today < week + dt.timedelta(days=11)
    month = available("monthly", today)[1]
    assert (month + dt.timedelta(days=1)).day == 1


def test_only_the_last_days_are_restated_and_only_from_the_second_run_on():
    day = dt.date(2026, 8, 10)
    assert Restated(day, 1).mark(day) == ""
    assert Restated(day, 0).mark(day + dt.timedelta(days=1)) == ""
    later = day + dt.timedelta(days=1)
    assert Restated(day, 1).mark(later) != Restated(day, 2).mark(later)


def test_openpyxl_reads_what_the_workbook_writer_wrote():
    rows = [
        ["text <&>", " kept ", 1, 2.5, True, None, dt.date(2026, 8, 1), dt.datetime(2026, 8, 1, 12, 30)],
        ["東京", '"', -3, 1e-9, False, dt.timedelta(hours=30), None, "007"],
    ]
    out = io.BytesIO()
    xlsx.write(out, [xlsx.Sheet('A & "B"', rows), xlsx.Sheet("Empty", [])])
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    assert book.sheetnames == ['A & "B"', "Empty"]
    read = [list(line) for line in book['A & "B"'].iter_rows(values_only=True)]
    assert read[0] == [*rows[0][:6], dt.datetime(2026, 8, 1), rows[0][7]]
    assert read[1] == rows[1]


def test_columns_behind_the_26th_have_two_letters():
    out = io.BytesIO()
    xlsx.write(out, [xlsx.Sheet("wide", [list(range(60))])])
    line = next(openpyxl.load_workbook(io.BytesIO(out.getvalue()))["wide"].iter_rows(values_only=True))
    assert list(line) == list(range(60))
