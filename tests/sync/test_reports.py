"""A report type with the user's settings applied: keys, dates, slices, columns."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from made_reports import made

from tap_reports.models import Column, FileOptions, Granularity, Kind, Layout, ReportType, Slice
from tap_reports.models.columns import ROW, SLICE_END, SLICE_START
from tap_reports.sync.columns import find_column
from tap_reports.sync.configured import with_catalog
from tap_reports.sync.planning import StreamPlanner, group_slices
from tap_reports.sync.slices import add_days, first_day
from tap_reports.sync.state import StreamState
from tap_reports.vendor import ReportConfig

COLUMNS = (
    Column("Date", "date", Kind.DATE),
    Column("Campaign ID", "campaign_id", Kind.STRING),
    Column("Spend", "spend", Kind.NUMBER),
)
KEYLESS = ReportType(name="spend", report="spend", columns=COLUMNS, date_column="Date")
KEYED = replace(KEYLESS, primary_keys=("Date", "Campaign ID"))
SUMMED = replace(KEYLESS, date_column=None, primary_keys=("Campaign ID",))
SNAPSHOT = ReportType(name="list", report="list", columns=COLUMNS, dated=False)


def day(text):
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("type_", "slice_days", "keys", "replication_key", "grid"),
    [
        (KEYED, 90, ("date", "campaign_id"), "date", False),
        (KEYLESS, 90, (SLICE_START, ROW), "date", True),
        (SUMMED, 1, ("campaign_id", SLICE_START), SLICE_END, True),
        (replace(SUMMED, primary_keys=()), 1, (SLICE_START, ROW), SLICE_END, True),
        (replace(KEYED, max_slice_days=7), 7, ("date", "campaign_id"), "date", False),
        (SNAPSHOT, 1, (ROW,), None, False),
    ],
    ids=["keyed", "keyless", "rows without a date", "neither", "what the vendor takes at most", "a snapshot"],
)
def test_keys_and_slices_follow_from_the_known_keys_and_dates(type_, slice_days, keys, replication_key, grid):
    report = made(type_)
    assert (report.slice_days, report.primary_keys) == (slice_days, keys)
    assert (report.replication_key, report.on_grid) == (replication_key, grid)


@pytest.mark.parametrize(
    ("type_", "start", "bookmark", "final", "expected"),
    [
        (
            KEYLESS,
            "2026-01-10",
            None,
            "2026-03-05",
            "2026-01-10..2026-01-31 2026-02-01..2026-02-28 2026-03-01..2026-03-05",
        ),
        (KEYLESS, "2026-01-10", "2026-03-05", "2026-03-06", "2026-03-01..2026-03-06"),
        (
            replace(KEYED, granularity=Granularity.MONTHLY),
            "2026-01-15",
            None,
            "2026-03-30",
            "2026-01-01..2026-02-28",
        ),
    ],
    ids=["on the grid", "a part of a grid slice again, whole", "whole months that have ended"],
)
def test_a_report_s_days_become_slices(type_, start, bookmark, final, expected):
    report, start = made(type_), day(start)
    first = first_day(start, bookmark and day(bookmark), report.lookback_days)
    days = report.slicing.days(first, day(final), not_before=start)
    assert " ".join(map(str, report.slicing.slices(days))) == expected


@pytest.mark.parametrize(
    ("type_", "groups", "notes"), [(KEYLESS, [2], 0), (KEYED, [1, 1], 0), (SUMMED, [1], 1)]
)
def test_what_a_running_job_leaves_of_a_grid_slice_joins_it_or_comes_alone_or_waits(type_, groups, notes):
    """By slice and number, by its own days, as a sum over the slice that can't be added up."""
    report = replace(made(type_, ReportConfig(slice_days=7)), on_grid=True)
    days = report.slicing.grid_slice(day("2026-01-14"))
    job = Slice(days.start, add_days(days.start, 2))
    grouped, said = group_slices(report, report.slicing.slices(days, [job]), [job])
    assert [len(group) for group in grouped] == groups
    assert len(said) == notes


@pytest.mark.parametrize(
    ("marks", "bookmark"),
    [(["2026-02-28", "2026-01-31"], "2026-01-31"), (["2026-02-28", None], None), ([], None)],
)
def test_of_the_streams_of_one_report_the_earliest_bookmark_counts(marks, bookmark):
    states = [StreamState({"replication_key_value": mark}) for mark in marks]
    planner = StreamPlanner(report=made(KEYLESS), client=None, run=None, states=states)
    assert planner._bookmark() == (bookmark and day(bookmark))


def test_lineage_columns_that_are_keys_are_always_on():
    report = made(KEYLESS, lineage_columns=False)
    assert [column.property for column in report.lineage] == [SLICE_START, ROW]
    assert made(KEYED, lineage_columns=False).lineage == ()


@pytest.mark.parametrize("name", ["Campaign ID", "campaign_id"])
def test_users_name_columns_by_header_or_property(name):
    config = ReportConfig(primary_keys=(name,), columns={name: Kind.INTEGER}, replication_key="Date")
    report = made(KEYLESS, config)
    assert report.primary_keys == ("campaign_id",)
    assert find_column(name, report.columns).kind is Kind.INTEGER


def test_a_column_only_the_user_knows_joins_the_schema():
    report = made(KEYLESS, ReportConfig(columns={"Locking Date": Kind.DATE}))
    assert report.columns[-1] == Column("Locking Date", "locking_date", Kind.DATE)


def test_settings_come_from_report_then_block_then_type_then_vendor():
    type_ = replace(KEYLESS, slice_days=30, lookback_days=5)
    block = {"slice_days": 20, "lookback_days": 4}
    own = ReportConfig(slice_days=10, lookback_days=3)
    reports = [made(type_, own, block), made(type_, None, block), made(type_), made(KEYLESS)]
    assert [(report.slice_days, report.lookback_days) for report in reports] == [
        (10, 3),
        (20, 4),
        (30, 5),
        (90, 1),
    ]


def test_data_is_settled_once_the_lookback_has_passed():
    report = made(replace(KEYLESS, lookback_days=2))
    assert report.settled_on(Slice(day("2026-01-01"), day("2026-01-31"))) == day("2026-02-03")
    assert report.settled_on(None) is None


def test_a_report_restored_from_its_schema_has_the_same_columns_and_keys():
    report = made(replace(KEYLESS, primary_keys=("Date",)))
    bare = made(replace(KEYLESS, columns=()))
    again = with_catalog(bare, report.schema, ["date"], "date", lineage_columns=True)
    assert again.columns == report.columns
    assert (again.primary_keys, again.replication_key) == (report.primary_keys, report.replication_key)


def test_settings_for_all_sheets_apply_to_a_sheet_that_has_the_columns():
    sheet = replace(SNAPSHOT, infers_columns=True, layout=Layout(sheet="One"))
    columns = {"spend": Kind.STRING, "elsewhere": Kind.DATE}
    config = ReportConfig(primary_keys=("Campaign ID",), columns=columns)
    with_columns = made(sheet, config)
    assert with_columns.primary_keys == ("campaign_id",)
    assert [column.header for column in with_columns.columns] == ["Date", "Campaign ID", "Spend"]
    assert made(replace(sheet, columns=COLUMNS[:1]), config).primary_keys == (ROW,)


def test_what_the_user_says_of_the_files_is_part_of_their_layout():
    options = FileOptions(delimiter=";", footer_rows=1)
    assert made(KEYLESS, ReportConfig(file=options)).type.layout.options == options
