"""Second Nature: settings and report types."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from second_nature_account import ADMIN, KEY, LIST_URL, NAMES, connect, restored

from tap_reports.exceptions import BadAnswer, CallBroken, ConfigError
from tap_reports.models import FileFormat, Kind
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.second_nature import VENDOR


@pytest.mark.parametrize(
    ("block", "start"),
    [
        ({"status_path": "/v2/{ticket_id}", "reports": [ADMIN]}, None),
        ({"status_path": "/reports/status/"}, "status_path: must hold {ticket_id}"),
        ({"list_path": "https://elsewhere.example/reports/"}, "list_path: must be a path"),
        ({"request_fields": {"start_time": "end_time"}}, "request_fields: start_time, end_time must each"),
        ({"request_fields": {"format": ""}}, "request_fields: format must each"),
        ({"reports": [{**ADMIN, "filters": {"course_id": 1}}]}, "reports[0].filters.course_id: the tap sets"),
        ({"reports": [{**ADMIN, "slice_days": 7}]}, "reports[0].slice_days: a snapshot has no dates"),
        ({"reports": [{**ADMIN, "replication_key": "d"}]}, "reports[0].replication_key: a snapshot"),
    ],
)
def test_check_names_what_is_wrong_with_the_block(block, start):
    errors = list(VENDOR.check({"api_key": KEY, **block}))
    assert [text.startswith(start) for text in errors] == ([True] if start else [])


def test_name_and_dates_are_known_from_the_settings_and_yesterday_is_final(client):
    assert VENDOR.report_name(ADMIN) == "admin-xls-report"
    assert [VENDOR.is_dated(report) for report in (ADMIN, {**ADMIN, "dated": True})] == [False, True]
    assert client.final_day(restored(client)) == dt.date(2026, 1, 9)


@pytest.mark.parametrize(
    "answer",
    [
        {"reports": NAMES},
        NAMES,
        [{"report_name": name, "title": "x"} for name in NAMES],
        {"reports": [{"report_name": name} for name in NAMES]},
        [*NAMES, NAMES[0]],
    ],
)
def test_without_configured_reports_all_that_are_listed_are_snapshots(clock, api, answer):
    api.get(LIST_URL, json=answer)
    types = list(connect(clock, listed=True).report_types())
    assert [type_.report for type_ in types] == NAMES
    assert [type_.name for type_ in types] == ["admin_xls_report", "session_overview"]
    assert {(type_.dated, type_.layout.format) for type_ in types} == {(False, FileFormat.XLSX)}
    assert api.last_request.headers["Authorization"] == f"Token {KEY}"


def test_a_report_type_takes_its_columns_from_a_file_and_knows_the_glossary(clock, api):
    report = {**ADMIN, "name": "Course Completion", "format": "json", "course_id": "c-1", "dated": True}
    [type_] = connect(clock, report).report_types()
    assert (type_.name, type_.report) == ("course_completion", "admin-xls-report")
    assert (type_.dated, type_.infers_columns, type_.columns) == (True, True, ())
    assert type_.layout.format is FileFormat.JSON
    assert type_.known_kinds["best_ai_score"] is Kind.NUMBER
    assert type_.known_kinds["first_to_best_calculation"] is Kind.STRING
    assert api.call_count == 1


def test_names_that_are_not_listed_are_warned_of_with_the_nearest(clock, api, caplog):
    client = connect(clock, {"report_name": "admin_xls_report"}, ADMIN, {"report_name": "zzz"})
    assert len(list(client.report_types())) == 3
    assert api.call_count == 1
    wrong, unlike = caplog.messages
    assert 'no report named "admin_xls_report". Did you mean "admin-xls-report"?' in wrong
    assert 'no report named "zzz". It lists: admin-xls-report, session-overview' in unlike


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status_code": 404}, ConfigError),
        ({"status_code": 503}, CallBroken),
        ({"json": {"names": NAMES}}, BadAnswer),
        ({"json": [{"title": "x"}]}, BadAnswer),
        ({"json": "x"}, BadAnswer),
        ({"text": "<html>"}, BadAnswer),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error_where_it_is_needed_and_else_a_warning(
    clock, client, api, caplog, answer, error
):
    api.get(LIST_URL, **answer)
    with pytest.raises(error):
        connect(clock, listed=True).report_types()
    with caplog.at_level(logging.WARNING):
        assert [type_.report for type_ in client.report_types()] == ["admin-xls-report"]
    assert "The report names are not checked" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("name", "title", "report", "sheet"),
    [
        ("admin_xls_report", "admin-xls-report", "admin-xls-report", None),
        ("admin_xls_report", "", "admin-xls-report", None),
        ("admin_xls_report__quiz_1", "admin-xls-report / Quiz 1", "admin-xls-report", "Quiz 1"),
        ("admin_xls_report__a_b", "admin-xls-report / A / B", "admin-xls-report", "A / B"),
        ("admin_xls_report__quiz_1", "", "admin-xls-report", "quiz_1"),
        ("by_course", "admin-xls-report", "admin-xls-report", None),
        ("by_course__quiz_1", "admin-xls-report / Quiz 1", "admin-xls-report", "Quiz 1"),
        ("renamed", "admin-xls-report / Quiz 1", "admin-xls-report", "Quiz 1"),
        ("by_course__quiz_1", "old-report / Quiz 1", "admin-xls-report", "Quiz 1"),
    ],
)
def test_restore_finds_report_and_sheet_without_a_call(clock, requests_mock, name, title, report, sheet):
    client = connect(clock, ADMIN, {**ADMIN, "name": "By course", "course_id": "c-1"})
    type_ = client.restore(CatalogStream(name=name, title=title))
    assert (type_.name, type_.report, type_.layout.sheet) == (name, report, sheet)
    assert type_.parameters["asked"].get("course_id") == ("c-1" if name.startswith("by_course") else None)
    assert requests_mock.call_count == 0


@pytest.mark.parametrize("title", ["", "admin-xls", "admin-xls-report-2", "other / Quiz 1"])
def test_restore_knows_a_report_that_is_not_configured_only_where_all_are_wanted(clock, requests_mock, title):
    known = CatalogStream(name="other__quiz_1", title=title)
    assert connect(clock).restore(known) is None
    type_ = connect(clock, listed=True).restore(known)
    assert (type_ and (type_.name, type_.report, type_.layout.sheet)) == (
        ("other__quiz_1", title.partition(" / ")[0], title.partition(" / ")[2] or None) if title else None
    )
    assert requests_mock.call_count == 0
