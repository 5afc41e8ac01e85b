"""Where CSV bytes may be cut."""

from __future__ import annotations

import csv
import io

import pytest
from emitting import assert_same, plan_of, table_of
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.exceptions import FileError
from tap_reports.files.csv_blocks import cuts
from tap_reports.files.table import CsvTable
from tap_reports.models import FileFormat, Kind

CELL = st.text(st.sampled_from('ab,"\né'), max_size=8)


def cuts_of(data, size, offset=None):
    table = CsvTable(
        name="report.csv",
        sheet=None,
        format=FileFormat.CSV,
        header=("a", "b"),
        read=lambda: iter(()),
        delimiter=",",
        first_cells=("a", "b"),
        open_text=lambda: io.BufferedReader(io.BytesIO(data)),
    )
    return cuts(table, size, offset)


def blocks_of(data, size):
    found, offset = [], 0
    for cut in cuts_of(data, size):
        assert cut.offset == offset
        found.append(cut.data)
        offset += len(cut.data)
    return found


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=20), st.integers(30, 60))
def test_blocks_end_where_records_end_and_are_all_there_is(rows, size):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    data = written.getvalue().encode()
    found = blocks_of(data, size)
    assert b"".join(found) == data
    read = [row for block in found for row in csv.reader(io.StringIO(block.decode(), newline="\n"))]
    assert read == rows


def test_record_longer_than_a_block_is_whole():
    long = b'"' + b"x\n" * 30 + b'",1\n'
    assert blocks_of(b"a,1\n" + long + b"b,1\n" * 9, 16)[:2] == [b"a,1\n", long + b"b,1\n" * 2]


def test_quotes_that_are_never_closed_are_looked_at_closely_in_time():
    with pytest.raises(FileError, match="not closed"):
        blocks_of(b'"' + b"x,1\n" * 1000, 16)


def test_blocks_go_on_from_an_offset_and_are_cut_exactly_then():
    data = b'x,1\n5" pipe,2\n6" pipe,3\n' * 9
    found = list(cuts_of(data, 16, 4))
    assert all(cut.is_exact for cut in found)
    assert b"".join(cut.data for cut in found) == data[4:]
    assert found[0].offset == 4


def test_stray_quotes_are_read_as_the_row_path_does(tmp_path):
    table = table_of(tmp_path, "A,B\n" + '5" pipe,1\nx,2\n"quoted\n5"" line",3\n' * 50)
    plan = plan_of(table.header, [Kind.STRING, Kind.INTEGER])
    for size in (8, 64, 512):
        assert_same(table, plan, size)


def test_quote_that_swallows_the_file_ends_as_by_row(tmp_path):
    table = table_of(tmp_path, "A,B\nx,1\n" * 10 + '"open,1\n' + "x,1\n" * 500)
    assert_same(table, plan_of(table.header, [Kind.STRING, Kind.STRING]), 32)
