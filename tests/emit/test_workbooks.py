"""Sheets with cells that hold no value, or with a decimal comma in their texts: both ways write the same, and
only the cells without a value go through Python.
"""

from __future__ import annotations

import datetime as dt

import openpyxl
import pytest
from emitting import assert_same, by_block, plan_of

from tap_reports.files import tables
from tap_reports.files.table import Notation
from tap_reports.models import FileFormat, FileOptions, Kind, Layout, ReportFile

pytestmark = pytest.mark.usefixtures("both_ways")

ROWS = [
    ("plain", 1, 2.5, dt.date(2026, 1, 2)),
    ("1.234,5", 1.234, "1.234,5", dt.date(2026, 1, 3)),
    ("#N/A", "#N/A", "#DIV/0!", "#N/A"),
    (7.25, "1.250", "0,125", 46024),
    (None, 0, -3, None),
    ('a "b", c', 20260103, "x", "2026-01-04"),
]
KINDS = [Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.DATE]


@pytest.mark.parametrize("comma", [None, ","])
def test_cells_that_are_no_values_come_out_the_same(tmp_path, comma):
    table = table_of(tmp_path, ROWS * 9, comma)
    for kinds in (KINDS, [Kind.STRING] * 4, [Kind.BOOLEAN, *KINDS[::-1][:3]]):
        for invalid in ("null", "fail"):
            plan = plan_of(table.header, kinds, invalid_values=invalid, notation=table.notation)
            assert_same(table, plan)


@pytest.mark.parametrize("comma", [None, ","])
def test_only_the_cells_that_are_no_values_go_through_python(tmp_path, comma, request):
    row = ("x", 7, "1.250,5" if comma else 1250.5, dt.date(2026, 1, 2))
    table = table_of(tmp_path, [row] * 90 + [("y", "#N/A", 1, None)], comma)
    plan = plan_of(table.header, KINDS, invalid_values="null", notation=table.notation)
    tally = by_block(table, plan, size=1 << 20)[2]
    if "compiled" in request.node.name:
        assert (tally.by_python, tally.rows_by_python) == ({"b": 1}, 0)
    assert tally.nulled == {"b": 1}


def table_of(folder, rows, comma):
    workbook = openpyxl.Workbook()
    for row in [("A", "B", "C", "D"), *rows]:
        workbook.active.append(row)
    path = folder / "report.xlsx"
    workbook.save(path)
    layout = Layout(format=FileFormat.XLSX, options=FileOptions(header_row=1, decimal_separator=comma))
    (table,) = tables(ReportFile(path=path, job_id="job-1"), layout, work_dir=folder)
    assert table.notation == Notation(decimal_separator=comma)
    return table
