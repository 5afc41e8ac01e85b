"""Parquet files hold the values of the records, whichever way their columns came."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from emitting import CONTEXT, plan_of, table_of
from hypothesis import given
from hypothesis import strategies as st
from test_batch import config_of, path_of, stream_of

from tap_reports.emit import batch, blocks, parquet_file, rows
from tap_reports.emit.parquet import TYPES, array_of
from tap_reports.emit.rows import records
from tap_reports.exceptions import StreamError
from tap_reports.models import Kind

pytestmark = pytest.mark.usefixtures("both_ways")


def files_of(table, plan, folder, monkeypatch, size=64, batch_size=100_000):
    """Return the Parquet files of a table as pyarrow's tables."""
    monkeypatch.setattr(batch, "columns", partial(blocks.columns, size=size))
    config = config_of(folder, "parquet", None, batch_size)
    messages = batch.batches(table, plan, CONTEXT, config, stream_of())
    return [pq.read_table(path_of(message.manifest[0])) for message in messages if message.manifest]


def value(shown, type_):
    """Return a record's value as one of a column's type."""
    if shown is None:
        return None
    if type_ == pa.string():
        return {True: "true", False: "false"}.get(shown, str(shown)) if type(shown) is bool else str(shown)
    if pa.types.is_decimal(type_):
        return Decimal(shown)
    if type_ == pa.date32():
        return dt.date.fromisoformat(shown)
    is_instant = pa.types.is_timestamp(type_)
    return dt.datetime.fromisoformat(shown).astimezone(dt.UTC) if is_instant else shown


def assert_same(table, plan, folder, monkeypatch, size=64):
    """Compare with the records; return the types of each column in all files."""
    try:
        expected = list(records(table, plan, CONTEXT))
    except StreamError:
        with pytest.raises(StreamError):
            files_of(table, plan, folder, monkeypatch, size)
        return {}
    types = {}
    for file in files_of(table, plan, folder, monkeypatch, size):
        own = {field.name: field.type for field in file.schema}
        wanted, expected = expected[: file.num_rows], expected[file.num_rows :]
        assert file.to_pylist() == [{name: value(row[name], own[name]) for name in own} for row in wanted]
        for name, type_ in own.items():
            types.setdefault(name, set()).add(type_)
    assert not expected
    return types


ROW = "2026-01-01,1,2.50,2026-08-03T10:00:00Z\n"
KINDS = [Kind.DATE, Kind.INTEGER, Kind.NUMBER, Kind.DATE_TIME]
CHANGES = {
    "a date is none": ("0001-01-01,1,2.50,2026-08-03T10:00:00Z", "day", pa.date32()),
    "a sloppy day": ("20260102,1,2.50,2026-08-03T10:00:00Z", "day", pa.date32()),
    "an integer with a point": ("2026-01-01,1.0,2.50,2026-08-03T10:00:00Z", "n", pa.int64()),
    "an integer beyond 64 bits": (f"2026-01-01,{2**64},2.50,2026-08-03T10:00:00Z", "n", pa.string()),
    "more digits": ("2026-01-01,1,2.5000001,2026-08-03T10:00:00Z", "x", pa.decimal128(38, 7)),
    "an exponent": ("2026-01-01,1,25e-9,2026-08-03T10:00:00Z", "x", pa.decimal128(38, 9)),
    "a large exponent": ("2026-01-01,1,1E+30,2026-08-03T10:00:00Z", "x", pa.decimal128(38, 2)),
    "too many digits": (f"2026-01-01,1,{'9' * 37},2026-08-03T10:00:00Z", "x", pa.string()),
    "39 digits": (f"2026-01-01,1,0.{'9' * 39},2026-08-03T10:00:00Z", "x", pa.string()),
    "a number for people": ('2026-01-01,1,"$1,234.5",2026-08-03T10:00:00Z', "x", pa.decimal128(38, 2)),
    "an offset": ("2026-01-01,1,2.50,2026-08-03T10:00:00-05:00", "at", pa.timestamp("us", "UTC")),
    "a fraction": ("2026-01-01,1,2.50,2026-08-03T10:00:00.123456Z", "at", pa.timestamp("us", "UTC")),
    "quotes": ('"2026-01-01","1","2.50","2026-08-03T10:00:00Z"', "x", pa.decimal128(38, 2)),
    "nothing": (",,,", "x", pa.decimal128(38, 2)),
    "nothing in quotes": ('"","","",""', "n", pa.int64()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("size", [64, 1 << 22], ids=["blocks", "one block"])
def test_rows_unlike_the_first_ones(tmp_path, monkeypatch, change, size):
    line, name, type_ = change
    table = table_of(tmp_path, "Day,N,X,At\n" + ROW * 20 + line + "\n" + ROW * 20)
    assert type_ in assert_same(table, plan_of(table.header, KINDS), tmp_path, monkeypatch, size)[name]


@pytest.mark.parametrize("first", ["1", "-0.5", "0.0123456789012345", "9.87e-05", f"{'7' * 30}.5", "1e5"])
@pytest.mark.parametrize(
    "then", ["2", "-12345678.25", "0.01234567890123456789", "1.5E-9", "1e-20", f"{'8' * 36}.5"]
)
def test_numbers_keep_each_digit_whatever_the_first_block_had(tmp_path, monkeypatch, first, then):
    table = table_of(tmp_path, "X,N\n" + f"{first},1\n" * 20 + f"{then},1\n" * 20)
    assert_same(table, plan_of(table.header, [Kind.NUMBER, Kind.INTEGER]), tmp_path, monkeypatch)


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
def test_any_values_are_those_of_the_records(tmp_path, monkeypatch, rows, kinds, invalid, size):
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    table = table_of(tmp_path, "A,B,C\n1,1,1\n" + "".join(f"{line}\n" for line in lines))
    assert_same(table, plan_of(table.header, kinds, invalid_values=invalid), tmp_path, monkeypatch, size)


def test_a_column_of_nulls_has_its_type():
    assert {kind: array_of(kind, [None, None]).type for kind in Kind} == TYPES


@pytest.mark.parametrize("first", [0, 7])
def test_a_file_is_written_in_groups_and_one_whose_types_stop_fitting_ends(tmp_path, monkeypatch, first):
    """What is held is bounded; what the first group has is what the file has."""
    monkeypatch.setattr(parquet_file, "GROUP_BYTES", 300)
    monkeypatch.setattr(rows, "CHUNK_ROWS", 10)
    lines = [""] * first + ["1.50"] * 40 + ["2.123"] * 20 + [f"{'7' * 30}.123"] + ["3"] * 40 + ["9" * 50] * 3
    table = table_of(tmp_path, "X,N\n" + "".join(f"{line},1\n" for line in lines))
    plan = plan_of(table.header, [Kind.NUMBER, Kind.INTEGER])
    assert len(assert_same(table, plan, tmp_path, monkeypatch)["x"]) > 2


def test_rows_of_a_file_are_at_most_those_of_a_batch(tmp_path, monkeypatch):
    table = table_of(tmp_path, "X,N\n" + "1.5,1\n" * 100)
    plan = plan_of(table.header, [Kind.NUMBER, Kind.INTEGER])
    files = files_of(table, plan, tmp_path, monkeypatch, batch_size=33)
    assert [file.num_rows for file in files] == [33, 33, 33, 1]
    assert [row["_report_row"] for file in files for row in file.to_pylist()] == list(range(1, 101))
