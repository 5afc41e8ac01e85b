"""Parquet files hold the values of the records, whichever way their columns came."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from emitting import CONTEXT, plan_of, table_of
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.emit.blocks import pieces
from tap_reports.emit.parquet import typed_column, typed_frame
from tap_reports.emit.rows import records
from tap_reports.exceptions import StreamError
from tap_reports.models import Kind

pytestmark = pytest.mark.usefixtures("both_ways")


def by_column(table, plan, size=64):
    """Return the rows that a Parquet file of a table has, and the types of its columns."""
    parts = [block.data for block in pieces(table, plan, CONTEXT, size=size)]
    frame = typed_frame(parts, {one.property: one.kind for one in plan.fields})
    return frame.to_dicts(), frame.schema


def value(shown, type_):
    """Return a record's value as one of a column's type."""
    if shown is None:
        return None
    if type_ == pl.String:
        return {True: "true", False: "false"}.get(shown, str(shown)) if type(shown) is bool else str(shown)
    if isinstance(type_, pl.Decimal):
        return Decimal(shown)
    if type_ == pl.Date:
        return dt.date.fromisoformat(shown)
    return dt.datetime.fromisoformat(shown).astimezone(dt.UTC) if isinstance(type_, pl.Datetime) else shown


def assert_same(table, plan, size=64):
    try:
        expected = list(records(table, plan, CONTEXT))
    except StreamError:
        with pytest.raises(StreamError):
            by_column(table, plan, size)
        return {}
    if not expected:
        return {}
    rows, types = by_column(table, plan, size)
    assert rows == [{name: value(row[name], types[name]) for name in row} for row in expected]
    return types


ROW = "2026-01-01,1,2.50,2026-08-03T10:00:00Z\n"
KINDS = [Kind.DATE, Kind.INTEGER, Kind.NUMBER, Kind.DATE_TIME]
CHANGES = {
    "a date is none": ("0001-01-01,1,2.50,2026-08-03T10:00:00Z", "day", pl.Date),
    "a sloppy day": ("20260102,1,2.50,2026-08-03T10:00:00Z", "day", pl.Date),
    "an integer with a point": ("2026-01-01,1.0,2.50,2026-08-03T10:00:00Z", "n", pl.Int64),
    "an integer beyond 64 bits": (f"2026-01-01,{2**64},2.50,2026-08-03T10:00:00Z", "n", pl.String),
    "more digits": ("2026-01-01,1,2.5000001,2026-08-03T10:00:00Z", "x", pl.Decimal(38, 7)),
    "an exponent": ("2026-01-01,1,25e-9,2026-08-03T10:00:00Z", "x", pl.Decimal(38, 9)),
    "a large exponent": ("2026-01-01,1,1E+30,2026-08-03T10:00:00Z", "x", pl.Decimal(38, 2)),
    "too many digits": (f"2026-01-01,1,{'9' * 37},2026-08-03T10:00:00Z", "x", pl.String),
    "39 digits": (f"2026-01-01,1,0.{'9' * 39},2026-08-03T10:00:00Z", "x", pl.String),
    "a number for people": ('2026-01-01,1,"$1,234.5",2026-08-03T10:00:00Z', "x", pl.Decimal(38, 2)),
    "an offset": ("2026-01-01,1,2.50,2026-08-03T10:00:00-05:00", "at", pl.Datetime("us", "UTC")),
    "a fraction": ("2026-01-01,1,2.50,2026-08-03T10:00:00.123456Z", "at", pl.Datetime("us", "UTC")),
    "quotes": ('"2026-01-01","1","2.50","2026-08-03T10:00:00Z"', "x", pl.Decimal(38, 2)),
    "nothing": (",,,", "x", pl.Decimal(38, 2)),
    "nothing in quotes": ('"","","",""', "n", pl.Int64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("size", [64, 1 << 22], ids=["blocks", "one block"])
def test_rows_unlike_the_first_ones(tmp_path, change, size):
    line, name, type_ = change
    table = table_of(tmp_path, "Day,N,X,At\n" + ROW * 20 + line + "\n" + ROW * 20)
    assert assert_same(table, plan_of(table.header, KINDS), size)[name] == type_


@pytest.mark.parametrize("first", ["1", "-0.5", "0.0123456789012345", "9.87e-05", f"{'7' * 30}.5", "1e5"])
@pytest.mark.parametrize(
    "then", ["2", "-12345678.25", "0.01234567890123456789", "1.5E-9", "1e-20", f"{'8' * 36}.5"]
)
def test_numbers_keep_each_digit_whatever_the_first_block_had(tmp_path, first, then):
    table = table_of(tmp_path, "X,N\n" + f"{first},1\n" * 20 + f"{then},1\n" * 20)
    assert_same(table, plan_of(table.header, [Kind.NUMBER, Kind.INTEGER]))


NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12).map(
        str
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", "0", "-0", "1,000.5", "5%", "007", "$3"]),
)
CELLS = st.one_of(
    NUMBERS, st.sampled_from(['""', "2026-01-01", "true", "2026-08-03 10:00:00", "2026-08-03T10:00:00Z", "é"])
)


@given(
    rows=st.lists(st.tuples(NUMBERS, CELLS, CELLS), min_size=1, max_size=15),
    kinds=st.tuples(st.just(Kind.NUMBER), st.sampled_from(Kind), st.sampled_from(Kind)),
    invalid=st.sampled_from(["fail", "null"]),
    size=st.integers(20, 200),
)
def test_any_values_are_those_of_the_records(tmp_path, rows, kinds, invalid, size):
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    table = table_of(tmp_path, "A,B,C\n1,1,1\n" + "".join(f"{line}\n" for line in lines))
    assert_same(table, plan_of(table.header, kinds, invalid_values=invalid), size)


def test_a_column_of_nulls_has_its_type():
    nulls = pl.Series("x", [None, None], dtype=pl.String)
    types = {kind: typed_column(nulls, kind).dtype for kind in Kind}
    assert types == {
        Kind.STRING: pl.String,
        Kind.INTEGER: pl.Int64,
        Kind.NUMBER: pl.Decimal(38, 0),
        Kind.BOOLEAN: pl.Boolean,
        Kind.DATE: pl.Date,
        Kind.DATE_TIME: pl.Datetime("us", "UTC"),
    }
