"""Report files in a recording: cut to the shape of one row, and made again from it."""

from __future__ import annotations

import datetime as dt
import json
import zipfile

import pytest

from tap_reports.commands.record import cut
from tap_reports.files.cells import infer
from tap_reports.files.tables import tables
from tap_reports.http.shareable import masked
from tap_reports.models import Kind, Layout, ReportFile
from tap_reports.sandbox import replay, xlsx

HEADER = ("name", "score", "is_passed", "day", "moment", "duration", "code")
DAY = dt.date(2026, 1, 2)
ROWS = [
    ("Ann Smith", None, None, None, None, None, None),
    (
        *("Bo", 68.5, True, DAY, dt.datetime(2026, 1, 2, 3, 4)),
        dt.timedelta(seconds=90),
        "007",
    ),
]
KINDS = [Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATE_TIME, Kind.STRING, Kind.STRING]


def kinds_of(path):
    file = ReportFile(path=path, job_id="1")
    (table,) = tables(file, Layout(), work_dir=path.parent)
    return infer(table.rows(), len(table.header), numbers_in_text=False, known=table.kinds)


def test_a_workbook_that_is_made_again_from_its_recording_has_columns_of_the_same_kinds(tmp_path):
    path = tmp_path / "report.xlsx"
    with path.open("wb") as file:
        xlsx.write(file, [xlsx.Sheet("Scores", [HEADER, *ROWS])])
    assert kinds_of(path) == KINDS
    text = json.dumps(cut(path))
    assert "Bo" not in text
    assert "68.5" not in text
    again = tmp_path / "again.xlsx"
    again.write_bytes(b"".join(replay.file_of(json.loads(text))))
    assert kinds_of(again) == KINDS


def test_a_zip_of_csv_files_that_is_made_again_has_its_sheets_and_columns(tmp_path):
    path, again = tmp_path / "report.zip", tmp_path / "again.zip"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("Scores.csv", "name,code\nBo,12\nAnn,0012\n")
        package.writestr("Days.csv", "day\n2026-01-02\n")
    again.write_bytes(b"".join(replay.file_of(json.loads(json.dumps(cut(path))))))
    for file in (path, again):
        found = list(tables(ReportFile(path=file, job_id="1"), Layout(), work_dir=tmp_path))
        assert [table.sheet for table in found] == ["Scores", "Days"]
        kinds = [infer(table.rows(), len(table.header)) for table in found]
        assert kinds == [[Kind.STRING, Kind.STRING], [Kind.DATE]]


@pytest.mark.parametrize(
    ("content", "made"),
    [
        (b"No data returned\n", b"No data returned"),
        (b"Ann is ill", b"xxx xx xxx"),
        (b"<html><body>Ann</body></html>", b"<html></html>"),
        (b'{"message": "Ann"', b"{}"),
        (b"Ann 7", b"\0"),
    ],
)
def test_of_what_is_not_a_report_only_a_message_stays(tmp_path, content, made):
    (tmp_path / "file").write_bytes(content)
    assert b"".join(replay.file_of(cut(tmp_path / "file"))) == made


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("26834.0", "11111.0"),
        ("00420", "00111"),
        ("0.25", "1.11"),
        ("2.6834E4", "1.1111E4"),
        ("6.2e-06", "1.1e-06"),
        ("-0.25", "-1.11"),
        ("1,234", "1,111"),
        ("Bo, 7", "xx, 1"),
        ("2026-01-02", "2026-01-02"),
        ("TRUE", "TRUE"),
    ],
)
def test_the_shape_of_a_cell_fits_the_same_columns_as_the_cell(text, shape):
    assert masked(text) == shape
