"""A report type with the user's settings laid over it: keys, dates, slices, columns."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tap_reports.models import Column, FileOptions, Granularity, Kind, Layout, ReportType, Slice
from tap_reports.settings.read import read
from tap_reports.sync.configured import build_report, with_catalog
from tap_reports.sync.planning import StreamPlanner, group_slices
from tap_reports.sync.report import ROW, SLICE_END, SLICE_START, find_column
from tap_reports.sync.slices import add_days, first_day
from tap_reports.sync.state import StreamState
from tap_reports.vendor import ReportConfig
from tap_reports.vendors import all_vendors

COLUMNS = (
    Column("Date", "date", Kind.DATE),
    Column("Campaign ID", "campaign_id", Kind.STRING),
    Column("Spend", "spend", Kind.NUMBER),
)
DATED = ReportType(name="spend", report="spend", columns=COLUMNS, date_column="Date")
SNAPSHOT = ReportType(name="list", report="list", columns=COLUMNS, dated=False)


def made(type_, report=None, block=None, **top):
    block = {"client_id": "abcd1234", "client_secret": "word-word", **(block or {})}
    settings = read({"start_date": "2026-01-01", "digital_turbine": block, **top}, version="1")
    vendor = all_vendors()["digital_turbine"]
    return build_report(type_, vendor, settings.vendors[0], settings, report or ReportConfig())


def day(text):
    return dt.date.fromisoformat(text)


def slices_of(report, *, start, final, bookmark=None):
    days = report.slicing.days(first_day(start, bookmark, report.lookback_days), final, not_before=start)
    return report.slicing.slices(days)


def test_a_keyed_dated_report_keeps_its_keys_and_its_date_column():
    report = made(replace(DATED, primary_keys=("Date", "Campaign ID")))
    assert (report.primary_keys, report.replication_key, report.grid) == (
        ("date", "campaign_id"),
        "date",
        False,
    )
    assert (report.slice_days, report.lookback_days) == (90, 1)


def test_a_keyless_dated_report_lies_on_the_grid():
    report = made(DATED)
    assert report.primary_keys == (SLICE_START, ROW)
    assert (report.replication_key, report.grid) == ("date", True)
    found = slices_of(report, start=day("2026-01-10"), final=day("2026-03-05"))
    assert found == [
        Slice(day("2026-01-10"), day("2026-01-31")),
        Slice(day("2026-02-01"), day("2026-02-28")),
        Slice(day("2026-03-01"), day("2026-03-05")),
    ]


def test_a_partial_grid_slice_is_extracted_whole_again():
    report = made(DATED)
    found = slices_of(report, start=day("2026-01-10"), bookmark=day("2026-03-05"), final=day("2026-03-06"))
    assert found == [Slice(day("2026-03-01"), day("2026-03-06"))]


def test_what_a_running_job_leaves_of_a_grid_slice_comes_out_with_it_alone_or_in_the_next_run():
    """By slice and number, by its own days, as a sum over the slice that can't be added up."""
    keyed = replace(DATED, primary_keys=("Date", "Campaign ID"))
    found = []
    for type_ in (DATED, keyed, replace(keyed, date_column=None, primary_keys=("Campaign ID",))):
        report = made(type_, ReportConfig(slice_days=7))
        days = replace(report, grid=True).slicing.grid_slice(day("2026-01-14"))
        job = Slice(days.start, add_days(days.start, 2))
        groups, notes = group_slices(report, report.slicing.slices(days, [job]), [job])
        found.append(([len(group) for group in groups], len(notes)))
    assert found == [([2], 0), ([1, 1], 0), ([1], 1)]


@pytest.mark.parametrize(
    ("marks", "bookmark"),
    [(["2026-02-28", "2026-01-31"], "2026-01-31"), (["2026-02-28", None], None), ([], None)],
)
def test_of_the_streams_of_one_report_the_earliest_bookmark_counts(marks, bookmark):
    states = [StreamState({"replication_key_value": mark}) for mark in marks]
    planner = StreamPlanner(report=made(DATED), client=None, run=None, states=states)
    assert planner._bookmark() == (bookmark and day(bookmark))


def test_rows_without_a_date_are_extracted_day_by_day():
    report = made(replace(DATED, date_column=None, primary_keys=("Campaign ID",)))
    assert report.primary_keys == ("campaign_id", SLICE_START)
    assert (report.replication_key, report.slice_days, report.grid) == (SLICE_END, 1, True)


def test_slice_days_says_otherwise():
    report = made(replace(DATED, date_column=None), ReportConfig(slice_days=7))
    assert (report.slice_days, report.primary_keys) == (7, (SLICE_START, ROW))


def test_a_keyless_snapshot_is_numbered():
    report = made(SNAPSHOT)
    assert (report.primary_keys, report.replication_key, report.grid) == ((ROW,), None, False)


def test_lineage_columns_that_are_keys_are_always_on():
    report = made(DATED, lineage_columns=False)
    assert [column.property for column in report.lineage] == [SLICE_START, ROW]
    assert made(replace(DATED, primary_keys=("Date",)), lineage_columns=False).lineage == ()


@pytest.mark.parametrize("name", ["Campaign ID", "campaign_id"])
def test_users_name_columns_by_header_or_property(name):
    config = ReportConfig(primary_keys=(name,), columns={name: Kind.INTEGER}, replication_key="Date")
    report = made(DATED, config)
    assert report.primary_keys == ("campaign_id",)
    assert find_column(name, report.columns).kind is Kind.INTEGER


def test_a_column_only_the_user_knows_joins_the_schema():
    report = made(DATED, ReportConfig(columns={"Locking Date": Kind.DATE}))
    assert report.columns[-1] == Column("Locking Date", "locking_date", Kind.DATE)


def test_settings_come_from_report_then_block_then_type_then_vendor():
    type_ = replace(DATED, slice_days=30, lookback_days=5)
    block = {"slice_days": 20, "lookback_days": 4}
    own = ReportConfig(slice_days=10, lookback_days=3)
    found = [made(type_, own, block), made(type_, None, block), made(type_), made(DATED)]
    assert [(one.slice_days, one.lookback_days) for one in found] == [(10, 3), (20, 4), (30, 5), (90, 1)]


def test_no_setting_exceeds_what_the_vendor_takes():
    assert made(replace(DATED, max_slice_days=1), None, {"slice_days": 30}).slice_days == 1


def test_monthly_slices_are_whole_months_that_have_ended():
    report = made(replace(DATED, granularity=Granularity.MONTHLY, primary_keys=("Date",)))
    found = slices_of(report, start=day("2026-01-15"), final=day("2026-03-30"))
    assert (found[0].start, found[-1].end) == (day("2026-01-01"), day("2026-02-28"))


def test_data_is_settled_once_the_lookback_has_passed():
    report = made(replace(DATED, lookback_days=2))
    assert report.settled_on(Slice(day("2026-01-01"), day("2026-01-31"))) == day("2026-02-03")
    assert report.settled_on(None) is None


def test_a_catalog_finds_back_to_columns_keys_and_kinds():
    report = made(replace(DATED, primary_keys=("Date",)))
    bare = made(replace(DATED, columns=(), primary_keys=()))
    again = with_catalog(bare, report.schema, ["date"], "date", lineage_columns=True)
    assert (again.columns, again.primary_keys, again.replication_key) == (
        report.columns,
        report.primary_keys,
        report.replication_key,
    )


def test_settings_for_all_sheets_count_where_the_sheet_has_the_columns():
    sheet = replace(SNAPSHOT, infers_columns=True, layout=Layout(sheet="One"))
    config = ReportConfig(
        primary_keys=("Campaign ID",), columns={"spend": Kind.STRING, "elsewhere": Kind.DATE}
    )
    with_columns = made(sheet, config)
    assert with_columns.primary_keys == ("campaign_id",)
    assert [column.header for column in with_columns.columns] == ["Date", "Campaign ID", "Spend"]
    without = made(replace(sheet, columns=COLUMNS[:1]), config)
    assert without.primary_keys == (ROW,)


def test_what_the_user_says_of_the_files_is_part_of_their_layout():
    options = FileOptions(delimiter=";", footer_rows=1)
    assert made(DATED, ReportConfig(file=options)).type.layout.options == options
