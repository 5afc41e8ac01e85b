"""Report files in a recording: cut to the shape of one row, and made again from it."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tap_reports.files.infer import infer
from tap_reports.files.tables import tables
from tap_reports.http.shareable import masked
from tap_reports.models import Kind, Layout, ReportFile
from tap_reports.sandbox import replay, xlsx
from tap_reports.sync.record import cut

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


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("26834.0", "11111.0"),
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
