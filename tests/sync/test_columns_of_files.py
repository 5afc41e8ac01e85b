"""A file's header compared with what a stream knows of its columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_reports import made

from tap_reports.exceptions import FileError
from tap_reports.files import Table
from tap_reports.models import Column, FileFormat, Kind, ReportType
from tap_reports.sync.columns import MAX_NAMED_COLUMNS, absent_columns, quoted, with_new_columns

COLUMNS = (Column("Date", "date", Kind.DATE), Column("Spend", "spend", Kind.NUMBER))
REPORT = made(ReportType(name="spend", report="spend", columns=COLUMNS, date_column="Date"))
KEYLESS = replace(REPORT, primary_keys=("_report_row",), replication_key=None)
WIDE = replace(KEYLESS, columns=(*COLUMNS, Column("Clicks", "clicks", Kind.INTEGER)))
ASKED = replace(REPORT, type=replace(REPORT.type, asked=("Date", "Spend")))


def table(*header):
    return Table(name="spend.csv", sheet=None, format=FileFormat.CSV, header=header, read=lambda: iter([]))


@pytest.mark.parametrize("policy", ["add", "ignore", "fail"])
def test_a_file_with_the_columns_that_are_known_changes_nothing(policy):
    """A changed report would be written as a new SCHEMA message."""
    same, new = with_new_columns(REPORT, table("Spend", "Date"), policy)
    assert same is REPORT
    assert new == []


def test_a_new_column_is_added_or_only_named_or_an_error():
    file = table("Date", "Spend", "Clicks")
    wider, new = with_new_columns(REPORT, file, "add")
    assert [column.header for column in wider.columns] == ["Date", "Spend", "Clicks"]
    assert new == ["Clicks"]
    assert with_new_columns(REPORT, file, "ignore") == (REPORT, ["Clicks"])
    with pytest.raises(FileError, match=r'spend\.csv has new columns: "Clicks"'):
        with_new_columns(REPORT, file, "fail")


def test_new_columns_get_free_names_in_the_style_of_the_others():
    file = table("Date", "Click Rate", "Spend ", "click rate")
    wider, new = with_new_columns(REPORT, file, "add")
    assert [(column.header, column.property) for column in wider.columns[2:]] == [
        ("Click Rate", "click_rate"),
        ("click rate", "click_rate_2"),
    ]
    assert new == ["Click Rate", "click rate"]
    assert wider.schema["properties"]["click_rate"] == {"type": ["string", "null"], "title": "Click Rate"}
    wider, _ = with_new_columns(replace(REPORT, column_names="verbatim"), file, "add")
    assert wider.columns[2] == Column("Click Rate", "Click Rate", Kind.STRING)


@pytest.mark.parametrize(
    ("report", "header", "absent"),
    [
        (ASKED, ("Date", "spend"), []),
        (KEYLESS, ("Date",), ["Spend"]),
        (WIDE, ("Date", "City"), ["Spend", "Clicks"]),
    ],
)
def test_the_columns_that_a_file_lacks_are_named(report, header, absent):
    assert absent_columns(report, table(*header)) == absent


@pytest.mark.parametrize(
    ("report", "header", "said"),
    [
        (REPORT, ("Report server busy", " please wait a minute and ask again."), "it has the columns"),
        (REPORT, ("Spend", "Clicks"), "it has the columns"),
        (REPORT, ("Country", "Installs", "Cost"), "it has the columns"),
        (ASKED, ("Date", "Spend (USD)"), 'not "Spend"'),
        (WIDE, ("Date", "Name", "City"), r"file\.header_row"),
    ],
    ids=["an error text", "no key column", "another report", "a requested column", "most columns unknown"],
)
def test_the_file_of_another_report_is_an_error(report, header, said):
    with pytest.raises(FileError, match=f"is not this report: .*{said}"):
        absent_columns(report, table(*header))


def test_a_message_names_some_columns_and_counts_the_others():
    assert quoted(["a\x1b[31m", "b" * 100]) == f'"a [31m", "{"b" * 60}..."'
    more = f'"19" and {10_000 - MAX_NAMED_COLUMNS:,} more'
    assert quoted(str(number) for number in range(10_000)).endswith(more)


@pytest.mark.parametrize("header", [["c"] * 10_000, [f"c{number}" for number in range(10_000)]])
def test_ten_thousand_columns_take_no_time_that_grows_with_their_square(header):
    """It would take minutes."""
    file = table("Date", "Spend", *header)
    wider, new = with_new_columns(REPORT, file, "add")
    assert len(new) == 10_000
    assert absent_columns(wider, file) == []
