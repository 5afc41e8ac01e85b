from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from tap_reports.sandbox import Switch
from tap_reports.sandbox.second_nature_data import COURSES, REPORTS

SHEETS = [sheet.name for sheet in REPORTS["admin-xls-report"]]


def seconds(day):
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())


def link(client, **body):
    return client.nature_status(client.nature(**body).json()["ticket_id"])["report_url"]


def test_a_workbook_holds_typed_cells_and_a_title_above_one_header(client):
    book = openpyxl.load_workbook(io.BytesIO(client.http.get(link(client)).content))
    assert book.sheetnames == SHEETS
    lines = [list(line) for line in book["Session Overview"].iter_rows(values_only=True)]
    assert lines[0][:2] == ["Session Overview, all teams", None]
    expected = client.sandbox.expected("second_nature", "admin-xls-report", sheet="Session Overview")
    assert lines[1] == list(expected[0])
    assert isinstance(lines[2][4], dt.timedelta)
    shown = [dict(zip(lines[1], line, strict=True)) for line in lines[2:]]
    for got, wanted in zip(shown, expected, strict=True):
        assert got | {"session_date": got["session_date"].date()} == wanted
    codes = [line[4] for line in book[SHEETS[0]].iter_rows(min_row=2, values_only=True)]
    assert all(code.startswith("00") for code in codes)


def test_csv_with_several_sheets_is_a_list_of_links_or_a_zip(start, table):
    client = start()
    links = link(client, format="csv")
    assert [entry["sheet_name"] for entry in links] == SHEETS
    rows = table(client.http.get(links[1]["url"]).content)
    zipped = start(switches=frozenset({Switch.SN_ZIP}))
    with zipfile.ZipFile(io.BytesIO(zipped.http.get(link(zipped, format="csv")).content)) as package:
        assert package.namelist() == [f"{name}.csv" for name in SHEETS]
        assert table(package.read("Quiz Overview.csv")) == rows


def test_the_time_filter_and_the_course_choose_the_rows(client, table):
    days = (dt.date(2026, 8, 1), dt.date(2026, 8, 2))
    course = list(COURSES)[1]
    body = {"start_time": seconds(days[0]), "end_time": seconds(days[1]) + 86_399, "course_id": course}
    rows = table(client.http.get(link(client, format="csv", **body)[2]["url"]).content)
    assert [row["session_date"] for row in rows] == ["2026-08-01"] * 3 + ["2026-08-02"] * 3
    assert {row["course_name"] for row in rows} == {COURSES[course]}


def test_who_may_not_is_told_apart(client):
    codes = [
        client.get("/api/reports/", headers={"Authorization": f"Token {word}"}).status_code
        for word in ("wrong", client.accounts.second_nature_no_admin, client.accounts.second_nature_key)
    ]
    assert codes == [401, 403, 200]


@pytest.mark.parametrize("body", [{"report": "no-such"}, {"course_id": "no-such"}])
def test_unknown_names_are_404(client, body):
    assert client.nature(**body).status_code == 404


def test_a_result_is_cached_until_an_update_is_forced(start):
    client = start(delay=1000)
    first = client.nature().json()["ticket_id"]
    assert client.nature_status(first) == {"status": "pending", "report_url": None, "error": None}
    client.sandbox.jobs.get("second_nature", first).seconds = 0
    cached, forced = client.nature().json()["ticket_id"], client.nature(force_update=True).json()["ticket_id"]
    assert len({first, cached, forced}) == 3
    assert client.nature_status(cached)["status"] == "complete"
    assert client.nature_status(forced)["status"] == "pending"


def test_calls_a_minute_are_limited_for_all_tickets_together(start):
    client = start(sn_requests_per_minute=2)
    codes = [client.get("/api/reports/", headers=client.admin).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
