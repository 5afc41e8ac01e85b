"""The row path: records, their order and their errors."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from emitting import CONTEXT, by_block, by_row, plan_of, table_of

from tap_reports.emit.plan import EmitPlan, Field, SliceContext
from tap_reports.emit.rows import CHUNK_ROWS, raw_number, records
from tap_reports.exceptions import InvalidValue
from tap_reports.files.cells import converter
from tap_reports.files.numbers import Number
from tap_reports.files.plain_columns import plain_column
from tap_reports.files.table import Table
from tap_reports.models import FileFormat, Kind


def typed_table(header, rows):
    return Table(
        name="report.xlsx / One", sheet="One", format=FileFormat.XLSX, header=header, read=lambda: iter(rows)
    )


def test_record_has_selected_fields_in_order_and_lineage(tmp_path):
    table = table_of(tmp_path, "A,B,C\n1,x,2026-01-01\n")
    fields = (
        Field("c", "C", Kind.DATE),
        Field("a", "A", Kind.NUMBER),
        Field("_report_row", None, Kind.INTEGER, "_report_row"),
    )
    (record,) = records(table, EmitPlan(stream="s", fields=fields), CONTEXT)
    assert list(record.items()) == [("c", "2026-01-01"), ("a", Decimal(1)), ("_report_row", 1)]


def test_column_that_the_file_lacks_is_null(tmp_path):
    table = table_of(tmp_path, "A,B\n1,x\n")
    plan = EmitPlan(stream="s", fields=(Field("gone", "Gone", Kind.DATE), Field("b", "B", Kind.STRING)))
    assert list(records(table, plan, CONTEXT)) == [{"gone": None, "b": "x"}]
    assert b'"record":{"gone":null,"b":"x"}' in by_block(table, plan)[0]


def test_column_that_the_plan_lacks_is_left_out(tmp_path):
    table = table_of(tmp_path, "A,New,B\n" + "1,n,x\n" * 30)
    plan = EmitPlan(stream="s", fields=(Field("a", "A", Kind.INTEGER), Field("b", "B", Kind.STRING)))
    assert b'"record":{"a":1,"b":"x"}' in by_block(table, plan)[0]
    assert by_block(table, plan) == by_row(table, plan)


def test_equal_headers_keep_their_own_columns(tmp_path):
    table = table_of(tmp_path, "A,A,B\n1,2,3\n")
    fields = (Field("a_2", "A", Kind.INTEGER), Field("b", "B", Kind.INTEGER))
    assert list(records(table, EmitPlan(stream="s", fields=fields), CONTEXT)) == [{"a_2": 2, "b": 3}]


def test_row_numbers_count_on_through_the_tables_of_a_slice(tmp_path):
    context = CONTEXT
    numbers = []
    for name in ("one.csv", "two.csv"):
        table = table_of(tmp_path, "A,B\n" + "1,2\n" * 30, name)
        plan = plan_of(table.header, [Kind.INTEGER] * 2)
        found = [record["_report_row"] for record in records(table, plan, context)]
        numbers += found
        assert by_block(table, plan, context) == by_row(table, plan, context)
        context = replace(context, first_row=context.first_row + len(found))
    assert numbers == list(range(1, 61))


def test_snapshot_has_no_slice(tmp_path):
    table = table_of(tmp_path, "A,B\n1,2\n")
    (record,) = records(table, plan_of(table.header, [Kind.INTEGER] * 2), SliceContext(job_id="j"))
    assert record["_report_slice_start"] is record["_report_slice_end"] is None


def test_stream_version_is_in_each_message(tmp_path):
    table = table_of(tmp_path, "A,B\n" + "1,2\n" * 30)
    plan = plan_of(table.header, [Kind.INTEGER] * 2, version=17)
    lines = by_block(table, plan)[0]
    assert lines.count(b'},"version":17,"time_extracted":"2026-08-03T10:00:00.000005+00:00"}\n') == 30
    assert lines == by_row(table, plan)[0]


def test_nothing_selected_makes_empty_records(tmp_path):
    table = table_of(tmp_path, "A,B\n" + "1,2\n" * 30)
    plan = EmitPlan(stream="s", fields=())
    assert by_block(table, plan)[0].count(b'"record":{}') == 30
    assert by_block(table, plan) == by_row(table, plan)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "{}", "é"])
def test_property_names_are_written_as_json(tmp_path, name):
    table = table_of(tmp_path, "A,B\n" + "1,2\n" * 30)
    plan = EmitPlan(stream="s", fields=(Field(name, "A", Kind.INTEGER), Field("b", "B", Kind.STRING)))
    assert by_block(table, plan) == by_row(table, plan)


@pytest.mark.parametrize("size", [40, 1 << 20])
def test_invalid_value_names_file_row_column_and_value(tmp_path, size):
    long = "x" * 200
    table = table_of(
        tmp_path, "Day,Clicks\n" + "2026-01-01,1\n" * 40 + f"2026-01-01,{long}\n" + "2026-01-01,1\n" * 40
    )
    plan = plan_of(table.header, [Kind.DATE, Kind.INTEGER])
    lines, said, _ = by_block(table, plan, size=size)
    assert lines.count(b"\n") == 40
    assert said.startswith(InvalidValue.__name__)
    assert f'the report, row 41, column "Clicks": "{"x" * 60}..." does not fit type integer.' in said
    assert {"impact", "2026-01-01..2026-01-31", "job-1"} <= set(re.split(r"[ ,:]+", said))
    assert '"invalid_values": "null"' in said


def test_first_bad_row_is_named_whichever_column_it_is_in(tmp_path):
    table = table_of(tmp_path, "A,B\n1,1\n1,x\ny,1\n")
    with pytest.raises(InvalidValue, match=r'row 2, column "B"'):
        list(records(table, plan_of(table.header, [Kind.INTEGER] * 2), CONTEXT))


@pytest.mark.parametrize("size", [40, 1 << 20])
def test_misfits_become_null_and_are_counted(tmp_path, size):
    table = table_of(tmp_path, "A,B\n" + "1,2026-01-01\nx,2026-1-1\ny,\n" * 20)
    plan = plan_of(table.header, [Kind.INTEGER, Kind.DATE], invalid_values="null")
    _, error, tally = by_block(table, plan, size=size)
    assert error is None
    assert tally.nulled == Counter(a=40, b=20)


CELLS = {
    Kind.STRING: ["text", "half \ud800", 5, Number("1E+3"), True],
    Kind.INTEGER: [5, Number("1.0"), "1,234", 2**70, None],
    Kind.NUMBER: [5, Number("1.50"), Number("1E+3"), Number("6.2e-7"), "$5"],
    Kind.BOOLEAN: [True, 1, 0, "no", Number("1")],
    Kind.DATE: ["2026-01", 20260101],
    Kind.DATE_TIME: ["2026-01-01 05:00", 20260101],
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("uniform", [True, False])
def test_typed_cells_come_out_the_same_by_both_paths(kind, uniform):
    for cell in CELLS[kind]:
        cells = [cell] if uniform else [cell, *CELLS[kind], None]
        rows = [[cell, "x"] for cell in cells] * (2 * CHUNK_ROWS // len(cells))
        table = typed_table(("A", "B"), rows)
        plan = plan_of(table.header, [kind, Kind.STRING])
        assert by_block(table, plan) == by_row(table, plan)


def test_typed_cells_of_another_kind_are_refused():
    table = typed_table(("A", "B"), [[1, "x"]] * CHUNK_ROWS + [[True, "x"]])
    plan = plan_of(table.header, [Kind.INTEGER, Kind.STRING])
    lines, error, _ = by_block(table, plan)
    assert error == by_row(table, plan)[1]
    assert f'row {CHUNK_ROWS + 1}, column "A": "True" does not fit type integer' in error
    assert lines.count(b"\n") == CHUNK_ROWS


QUICK = {
    Kind.STRING: ["a", "é😀", None, "", "1", "a\nb"],
    Kind.INTEGER: ["1", "-20", "0", None, "999999999999999999"],
    Kind.NUMBER: ["1.50", "-0", "1e5", None, "0.000"],
    Kind.DATE: ["2026-01-31", "2024-02-29", None],
    Kind.DATE_TIME: ["2026-01-31T10:20:30Z", "2026-01-31T10:20:30.123Z", None],
}
ODD = [
    "\ud800",
    " 1 ",
    "+5",
    "1\n2",
    "x",
    "1,000",
    "2026-02-30",
    "2026-1-1",
    "2026-08-03T10:00:00-05:00",
    0,
    False,
]
ODD += [Number("1.5"), Number("0"), 10**30]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("raw", [True, False])
def test_columns_are_converted_at_once_as_one_by_one(kind, raw):
    convert = raw_number if raw and kind is Kind.NUMBER else converter(kind)

    def shown(values):
        return [bytes(value) if isinstance(value, msgspec.Raw) else value for value in values]

    for odd in (None, *ODD):
        cells = [*QUICK.get(kind, ()), *([] if odd is None else [odd])]
        found = plain_column(kind, cells, raw=raw)
        if found is not None:
            assert shown(found) == shown(map(convert, cells))
            assert list(map(type, found)) == list(map(type, map(convert, cells)))
        else:
            assert odd is not None or kind is Kind.BOOLEAN or (kind is Kind.NUMBER and not raw)
