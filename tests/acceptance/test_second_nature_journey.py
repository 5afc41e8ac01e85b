"""Second Nature: a snapshot, a dated report of two sheets, a file that only settings can read."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openpyxl
from journey import NUMBER, SECRET, SIGNATURE, TEXT, Journey, Stream


def xlsx(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHEET = [
    ["Trainee Email", "Score", "Pass Rate"],
    ["a@example.com", 68, "44%"],
    ["b@example.com", 91.5, "7%"],
]
SCORES = {"trainee_email": TEXT, "score": NUMBER, "pass_rate": TEXT}
SECOND_NATURE = Journey(
    vendor="second_nature",
    path="/api",
    days=("2026-01-01", "2026-01-02"),
    settings={
        "api_key": SECRET,
        "reports": [{"report_name": "admin-xls-report", "course_id": "c-1"}],
    },
    answers={
        "POST /api/reports/export/": [{"ticket_id": "t-1"}],
        "GET /api/reports/export/t-1/": [
            {"status": "pending", "report_url": None, "error": None},
            {"status": "in_progress", "report_url": None, "error": None},
            {"status": "complete", "report_url": f"{{url}}/f/1.xlsx?token={SIGNATURE}", "error": None},
        ],
        "GET /f/1.xlsx": [xlsx(SHEET)],
    },
    headers={("POST /api/reports/export/", "authorization"): f"Token {SECRET}"},
    sent={
        "POST /api/reports/export/": [
            {"report_name": "admin-xls-report", "format": "xlsx", "course_id": "c-1"}
        ]
    },
    streams={
        "second_nature_admin_xls_report": Stream(
            keys=["_report_row"],
            types=SCORES,
            records=[
                {"trainee_email": mail, "score": score, "pass_rate": rate}
                | {"_report_job_id": "t-1", "_report_row": row}
                for row, (mail, score, rate) in enumerate(
                    [("a@example.com", 68, "44%"), ("b@example.com", Decimal("91.5"), "7%")], 1
                )
            ],
            rows=2,
        )
    },
)


STREAM = "second_nature_admin_xls_report"
EXPORT = "POST /api/reports/export/"


def test_a_snapshot_is_asked_for_by_defaults_and_is_a_full_table_keyed_by_row(program):
    SECOND_NATURE.check(program)


def midnight(day: str) -> int:
    return int(dt.datetime.fromisoformat(f"{day}T00:00:00Z").timestamp())


def exported(number: int, content: Any) -> dict[str, list[Any]]:
    """Return the answers to a ticket whose file holds this."""
    done = {"status": "complete", "report_url": f"{{url}}/f/{number}?token={SIGNATURE}", "error": None}
    return {f"GET /api/reports/export/t-{number}/": [done], f"GET /f/{number}": [content]}


def sheets(**rows: Any) -> str:
    named = [{"report_name": "r", "sheet_name": name, "data": data} for name, data in rows.items()]
    return json.dumps({"reports": named})


def test_a_dated_report_is_sliced_by_months_and_a_slice_that_lacks_a_sheet_fails_that_sheet_alone(program):
    both = sheets(Sessions=[{"Score": 1}], Quiz=[{"Region": "Field"}])
    journey = replace(
        SECOND_NATURE,
        days=("2026-01-10", "2026-02-05"),
        settings={
            "api_key": SECRET,
            "reports": [{"report_name": "admin-xls-report", "dated": True, "format": "json"}],
        },
        answers={
            EXPORT: [{"ticket_id": "t-1"}, {"ticket_id": "t-2"}],
            **exported(1, both),
            **exported(2, sheets(Sessions=[{"Score": 2}])),
        },
    )
    ran, server = journey.run(program)
    spans = sorted((body["start_time"], body["end_time"]) for body in server.bodies(EXPORT))
    assert spans == [
        (midnight("2026-01-10"), midnight("2026-02-01") - 1),
        (midnight("2026-02-01"), midnight("2026-02-06") - 1),
    ]
    assert (ran.status, "Quiz" in ran.stderr.splitlines()[-2]) == (1, True)
    assert ran.schemas(f"{STREAM}__sessions")[0]["key_properties"] == ["_report_slice_start", "_report_row"]
    assert len(ran.records(f"{STREAM}__sessions")) == 2
    assert ran.mark(f"{STREAM}__sessions") == {
        "replication_key": "_report_slice_end",
        "replication_key_value": "2026-02-05",
        "pending_jobs": [],
    }
    assert ran.bookmark(f"{STREAM}__quiz") is None


FILE_SETTINGS = {
    "encoding": "cp1252",
    "delimiter": ";",
    "decimal_separator": ",",
    "header_row": 3,
    "footer_rows": 1,
    "null_words": ["n/a"],
    "date_format": "DD/MM/YYYY",
}
FILE = """Report;Quiz überblick
Made;2026-01-21
Trainee;Day;Score;Bonus
Ada;08/01/2026;1.091,50;n/a
Bo;09/01/2026;0,125;3
Total;;1.091,625;3
"""


def test_the_file_settings_read_what_cannot_be_told(program):
    report = {
        "report_name": "admin-xls-report",
        "format": "csv",
        "file": FILE_SETTINGS,
        "columns": {"Score": "number"},
    }
    answers = {EXPORT: [{"ticket_id": "t-1"}], **exported(1, FILE.encode("cp1252"))}
    ran, _ = replace(SECOND_NATURE, answers=answers).run(program, reports=[report])
    assert ran.status == 0, ran.stderr
    properties = ran.schemas(STREAM)[0]["schema"]["properties"]
    assert (properties["day"]["format"], properties["bonus"]["type"][0]) == ("date", "number")
    names = ("trainee", "day", "score", "bonus")
    rows = [[record[name] for name in names] for record in ran.records(STREAM)]
    assert rows == [["Ada", "2026-01-08", Decimal("1091.5"), None], ["Bo", "2026-01-09", Decimal("0.125"), 3]]
