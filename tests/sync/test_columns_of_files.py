"""A file's header against what a stream knows of its columns."""

from __future__ import annotations

import pytest

from tap_reports.exceptions import FileError
from tap_reports.files.table import Table
from tap_reports.models import Column, FileFormat, Kind, ReportType
from tap_reports.settings.read import read
from tap_reports.sync.columns import with_new_columns
from tap_reports.sync.report import Report, configured
from tap_reports.vendor import ReportConfig
from tap_reports.vendors import all_vendors

COLUMNS = (Column("Date", "date", Kind.DATE), Column("Spend", "spend", Kind.NUMBER))


@pytest.fixture
def report() -> Report:
    block = {"client_id": "abcd1234", "client_secret": "word-word"}
    settings = read({"start_date": "2026-01-01", "digital_turbine": block}, version="1")
    type_ = ReportType(name="spend", report="spend", columns=COLUMNS, date_column="Date")
    vendor = all_vendors()["digital_turbine"]
    return configured(type_, vendor, settings.vendors[0], ReportConfig(), settings)


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


def test_a_new_column_can_be_an_error(report):
    with pytest.raises(FileError, match=r'spend\.csv has new columns: "Clicks"'):
        with_new_columns(report, table("Date", "Spend", "Clicks"), "fail")
