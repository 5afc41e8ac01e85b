"""A file's header against what a stream knows of its columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tap_reports.exceptions import FileError
from tap_reports.files import Table
from tap_reports.models import Column, FileFormat, Kind, ReportType
from tap_reports.settings.read import read
from tap_reports.sync.configured import build_report
from tap_reports.sync.report import MAX_NAMED_COLUMNS, Report, absent_columns, quoted, with_new_columns
from tap_reports.vendor import ReportConfig
from tap_reports.vendors import all_vendors

COLUMNS = (Column("Date", "date", Kind.DATE), Column("Spend", "spend", Kind.NUMBER))


@pytest.fixture
def report() -> Report:
    block = {"client_id": "abcd1234", "client_secret": "word-word"}
    settings = read({"start_date": "2026-01-01", "digital_turbine": block}, version="1")
    type_ = ReportType(name="spend", report="spend", columns=COLUMNS, date_column="Date")
    vendor = all_vendors()["digital_turbine"]
    return build_report(type_, vendor, settings.vendors[0], settings, ReportConfig())


def table(*header):
    return Table(name="spend.csv", sheet=None, format=FileFormat.CSV, header=header, read=lambda: iter([]))


@pytest.mark.parametrize("policy", ["add", "ignore", "fail"])
def test_a_file_with_the_columns_that_are_known_changes_nothing(report, policy):
    """What is not another report gets no new SCHEMA message."""
    wider, new = with_new_columns(report, table("Spend", "Date"), policy)
    assert wider is report
    assert new == []


def test_a_new_column_widens_the_report_or_is_named_only(report):
    wider, new = with_new_columns(report, table("Date", "Spend", "Clicks"), "add")
    assert [column.header for column in wider.columns] == ["Date", "Spend", "Clicks"]
    assert new == ["Clicks"]
    same, new = with_new_columns(report, table("Date", "Spend", "Clicks"), "ignore")
    assert same is report
    assert new == ["Clicks"]


def test_new_columns_get_free_names_in_the_style_of_the_others(report):
    file = table("Date", "Click Rate", "Spend ", "click rate")
    wider, new = with_new_columns(report, file, "add")
    assert [(column.header, column.property) for column in wider.columns[2:]] == [
        ("Click Rate", "click_rate"),
        ("click rate", "click_rate_2"),
    ]
    assert new == ["Click Rate", "click rate"]
    assert wider.schema["properties"]["click_rate"] == {"type": ["string", "null"], "title": "Click Rate"}
    wider, _ = with_new_columns(replace(report, column_names="verbatim"), file, "add")
    assert wider.columns[2] == Column("Click Rate", "Click Rate", Kind.STRING)


def test_a_new_column_can_be_an_error(report):
    with pytest.raises(FileError, match=r'spend\.csv has new columns: "Clicks"'):
        with_new_columns(report, table("Date", "Spend", "Clicks"), "fail")


def test_a_file_without_a_column_that_was_asked_for_by_name_is_not_the_report(report):
    asked = replace(report, type=replace(report.type, asked=("Date", "Spend")))
    assert absent_columns(asked, table("Date", "spend")) == []
    with pytest.raises(FileError, match=r'is not this report: .* not "Spend"'):
        absent_columns(asked, table("Date", "Spend (USD)"))


def test_the_columns_that_a_file_lacks_are_quoted(report):
    keyless = replace(report, primary_keys=("_report_row",), replication_key=None)
    assert absent_columns(keyless, table("Date")) == ["Spend"]


@pytest.mark.parametrize(
    "header",
    [
        ("Report server busy", " please wait a minute and ask again."),
        ("Spend", "Clicks"),
        ("Country", "Installs", "Cost"),
    ],
    ids=["an error text", "the key column missing", "another report"],
)
def test_the_file_of_another_report_is_an_error(report, header):
    with pytest.raises(FileError, match="is not this report: it has the columns"):
        absent_columns(report, table(*header))


def test_most_columns_unknown_and_most_known_ones_missing_is_another_report(report):
    keyless = replace(report, primary_keys=("_report_row",), replication_key=None)
    wide = replace(keyless, columns=(*COLUMNS, Column("Clicks", "clicks", Kind.INTEGER)))
    with pytest.raises(FileError, match=r"file\.header_row"):
        absent_columns(wide, table("Date", "Name", "City"))
    assert absent_columns(wide, table("Date", "City")) == ["Spend", "Clicks"]


def test_a_message_names_some_columns_and_counts_the_others():
    assert quoted(["a\x1b[31m", "b" * 100]) == f'"a [31m", "{"b" * 60}..."'
    assert quoted(str(number) for number in range(10_000)).endswith(
        f'"19" and {10_000 - MAX_NAMED_COLUMNS:,} more'
    )


@pytest.mark.parametrize("header", [["c"] * 10_000, [f"c{number}" for number in range(10_000)]])
def test_ten_thousand_columns_take_no_time_that_grows_with_their_square(report, header):
    """It would take minutes."""
    wider, new = with_new_columns(report, table("Date", "Spend", *header), "add")
    assert len(new) == 10_000
    assert absent_columns(wider, table("Date", "Spend", *header)) == []
