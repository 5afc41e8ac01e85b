"""Rows that are not of their slice, and equal files of two slices: the vendor ignored the dates."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from contextlib import closing
from dataclasses import replace

import pytest
from made_reports import made

from tap_reports.emit.plan import Tally
from tap_reports.exceptions import FileError
from tap_reports.jobs.task import Task
from tap_reports.ledger.ledger import Ledger
from tap_reports.models import Column, Kind, ReportFile, ReportJob, ReportRequest, ReportType, Slice
from tap_reports.sync.guards import EqualFiles, check_days
from tap_reports.sync.report import Report

MARCH = Slice(dt.date(2026, 3, 1), dt.date(2026, 3, 31))


def of(dated, outside):
    return Tally(first_day="2026-01-01", last_day="2026-01-31", dated=dated, outside=outside)


def test_a_file_with_all_rows_outside_its_slice_is_an_error():
    with pytest.raises(FileError, match=r"ignored the dates: 5 rows, all outside of 2026-03-01"):
        check_days(MARCH, of(5, 5))


def test_some_rows_outside_are_a_warning():
    assert check_days(MARCH, of(5, 2)).startswith("2 of 5 rows")


@pytest.mark.parametrize(("days", "tally"), [(MARCH, of(5, 0)), (MARCH, of(0, 0)), (None, of(5, 5))])
def test_rows_within_the_slice_and_snapshots_cause_no_warning(days, tally):
    assert check_days(days, tally) == ""


# --- equal files --------------------------------------------------------------------------------------


def report_with(*columns: Column, date_column: str | None = None) -> Report:
    return made(ReportType(name="spend", report="spend", columns=columns, date_column=date_column))


CAMPAIGN, SPEND = Column("Campaign", "campaign", Kind.STRING), Column("Spend", "spend", Kind.NUMBER)
BY_CAMPAIGN = report_with(CAMPAIGN, SPEND)


@pytest.fixture
def check(tmp_path):
    """Check the files of days in March, one file a day; of a snapshot if there is no day."""

    def run(*bodies: bytes, report: Report = BY_CAMPAIGN, dated: bool = True, first: int = 1) -> None:
        guard = EqualFiles(report, tmp_path, ledger)
        for number, body in enumerate(bodies, start=first):
            path = tmp_path / f"job-{number}"
            path.write_bytes(body)
            day = dt.date(2026, 3, number)
            request = ReportRequest(
                vendor="v", account="a", api_url="u", report="r", slice=Slice(day, day) if dated else None
            )
            file = ReportFile(path=path, job_id=str(number), bytes=len(body))
            content = guard.check(Task(request, number, files=(file,)))
            job = ReportJob(request=request, id=str(number), submitted_at=dt.datetime.now(dt.UTC))
            ledger.emitted(job, stream=report.stream, rows=1, content=content)

    with closing(Ledger.open("off")) as ledger:
        yield run


ROWS = b"Campaign,Spend\nA,12.5\nB,0\n"


def zipped(body: bytes, *, year: int, name: str = "report.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), body)
    return out.getvalue()


@pytest.mark.parametrize(
    "bodies",
    [
        (ROWS, b"Campaign,Spend\nC,1\n", ROWS),
        (gzip.compress(ROWS, mtime=1), gzip.compress(ROWS, 1, mtime=2)),
        (zipped(ROWS, year=2025), zipped(ROWS, year=2026)),
        (ROWS, gzip.compress(ROWS)),
    ],
    ids=["plain", "gzip of another time and level", "zip of another time", "packed or not"],
)
def test_the_rows_of_an_earlier_slice_are_refused_before_they_are_emitted(check, bodies):
    with pytest.raises(FileError, match=r"the file of .* is the same as that of 2026-03-01") as raised:
        check(*bodies)
    assert "slice_days" in raised.value.remedy


@pytest.mark.parametrize("first", [4, 6])
def test_the_file_of_a_neighbouring_slice_of_an_earlier_run_is_refused(check, first):
    check(ROWS, first=5)
    with pytest.raises(FileError, match="is the same as that of 2026-03-05"):
        check(ROWS, first=first)


def test_a_slice_extracted_again_and_a_distant_day_may_equal_those_of_an_earlier_run(check):
    check(ROWS)
    check(ROWS)
    check(ROWS, first=3)


def test_a_neighbouring_slice_counts_as_it_was_last_emitted(check):
    check(ROWS)
    check(b"Campaign,Spend\nA,12.5\nB,3\n")
    check(ROWS, first=2)


def test_a_workbook_made_at_another_time_is_the_same(check):
    openpyxl = pytest.importorskip("openpyxl")

    def workbook(spend: float, hour: int) -> bytes:
        book, out = openpyxl.Workbook(), io.BytesIO()
        book.properties.created = dt.datetime(2026, 3, 1, hour)
        for row in (["Campaign", "Spend"], ["A", spend]):
            book.active.append(row)
        book.save(out)
        return out.getvalue()

    check(workbook(12.5, 1), workbook(13.5, 1))
    with pytest.raises(FileError, match="is the same"):
        check(workbook(12.5, 1), workbook(12.5, 2))


@pytest.mark.parametrize("body", [b"", b"Campaign,Spend\n", b"Campaign,Spend\nA,0\nB,0.00\nC,\n"])
def test_days_without_rows_or_with_nothing_but_zeros_may_be_equal(check, body):
    check(body, body)
    check(body, first=3)


def test_equal_files_without_number_columns_are_refused_too(check):
    with pytest.raises(FileError, match="is the same"):
        check(b"Campaign\nA\n", b"Campaign\nA\n", report=report_with(CAMPAIGN))


def test_files_of_a_report_with_dates_and_of_a_snapshot_may_be_equal(check):
    day = Column("Day", "day", Kind.DATE)
    check(ROWS, ROWS, report=report_with(day, CAMPAIGN, SPEND, date_column="Day"))
    snapshot = replace(BY_CAMPAIGN, type=replace(BY_CAMPAIGN.type, dated=False))
    check(ROWS, ROWS, report=snapshot, dated=False)
