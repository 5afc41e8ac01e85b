"""Records without a key, and rows that are not of their slice's days: both ways notice the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from emitting import CONTEXT, assert_same, by_block, by_row, plan_of, table_of
from test_batch import config_of, stream_of

from tap_reports.emit.batch import batches
from tap_reports.emit.plan import SliceContext, Tally
from tap_reports.models import FileFormat, Kind

pytestmark = pytest.mark.usefixtures("both_ways")

KINDS = [Kind.DATE, Kind.STRING, Kind.INTEGER]
FILL = "".join(f"2026-01-{day:02},c{day},{day}\n" for day in range(1, 29))
BODY = FILL + "Total,,406\n" + FILL + ",c,1\n2026-01-05,,x\n" + FILL


def plan_with(table, *, keys=("day", "country"), **more):
    plan = plan_of(table.header, KINDS, **more)
    return replace(
        plan, fields=tuple(replace(field, required=field.property in keys) for field in plan.fields)
    )


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize("body", [BODY, "Total,,406\n"], ids=["among others", "alone"])
def test_records_without_a_key_are_left_out_and_counted(tmp_path, size, body):
    table = table_of(tmp_path, f"Day,Country,Clicks\n{body}")
    plan = plan_with(table, invalid_values="null")
    assert_same(table, plan, size)
    lines, error, tally = by_block(table, plan, size=size)
    assert error is None
    assert b'"day":null' not in lines
    assert b'"country":null' not in lines
    if body == BODY:
        assert tally.left_out == Counter(day=2, country=1)
        assert tally.nulled == Counter(clicks=1)
        assert lines.endswith(b'"_report_row":87}' + lines[lines.rindex(b',"time') :])


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize(("cell", "says"), [("", "a key is empty"), ("Total", "does not fit type date")])
def test_a_record_without_a_key_is_an_error_that_names_row_and_column(tmp_path, size, cell, says):
    table = table_of(tmp_path, f"Day,Country,Clicks\n{FILL}{cell},c,1\n{FILL}")
    plan = plan_with(table)
    assert_same(table, plan, size)
    _, error, _ = by_block(table, plan, size=size)
    assert 'row 29, column "Day"' in error
    assert says in error


def test_a_key_that_json_leaves_out_is_null(tmp_path):
    table = table_of(
        tmp_path,
        '[{"Day":"2026-01-01","Country":"a"},{"Country":"b"},{"Day":"2026-01-02"}]',
        format_=FileFormat.JSON,
    )
    plan = plan_of(table.header, KINDS[:2], invalid_values="null")
    plan = replace(plan, fields=(replace(plan.fields[0], required=True), *plan.fields[1:]))
    assert_same(table, plan)
    assert by_block(table, plan)[2].left_out == Counter(day=1)


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_batch_files_leave_them_out_too_and_count_the_files_rows(tmp_path, format_):
    table = table_of(tmp_path, f"Day,Country,Clicks\n{BODY}")
    plan, tally = plan_with(table, invalid_values="null"), Tally()
    messages = list(batches(table, plan, CONTEXT, config_of(tmp_path, format_, None), stream_of(), tally))
    assert sum(message.rows for message in messages) == 87
    assert tally == by_row(table, plan)[2]


def test_rows_that_are_all_left_out_count_and_make_no_message(tmp_path):
    table = table_of(tmp_path, "Day,Country,Clicks\n,,1\n,,2\n")
    (message,) = batches(
        table, plan_with(table, invalid_values="null"), CONTEXT, config_of(tmp_path), stream_of()
    )
    assert (message.manifest, message.rows) == ((), 2)


DAYS = {
    "within": ("2026-01-31\n2026-01-01\n", ("2026-01-01", "2026-01-31", 2, 0)),
    "a day before and after": ("2026-02-01\n2025-12-31\n", ("2025-12-31", "2026-02-01", 2, 0)),
    "some outside": ("2026-02-02\n2026-01-07\n,\n".replace(",", ""), ("2026-01-07", "2026-02-02", 2, 1)),
    "all outside": ('2024-01-01\n"Mar 1, 2026"\n', ("2024-01-01", "2026-03-01", 2, 2)),
}


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.DATE_TIME])
@pytest.mark.parametrize("days", DAYS.values(), ids=DAYS)
def test_days_outside_of_the_slice_are_counted(tmp_path, kind, days):
    body, expected = days
    lines = "".join(f"{line},x\n" for line in body.splitlines())
    table = table_of(tmp_path, f"Day,Country\n{lines}")
    plan = replace(plan_of(table.header, [kind, Kind.STRING]), dated_by="day")
    assert_same(table, plan, 16)
    tally = by_block(table, plan, size=16)[2]
    assert (tally.first_day, tally.last_day, tally.dated, tally.outside) == expected
    assert by_block(table, plan, SliceContext(job_id="j"))[2].outside == 0
