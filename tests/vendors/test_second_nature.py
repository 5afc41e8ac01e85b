"""Second Nature's client against a mocked API, on a clock of its own."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from one_account import FakeClock, block, tools

from tap_reports import redaction
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRefused,
    CallRejected,
    ConfigError,
    JobUnknown,
    LinkExpired,
    SubmissionLost,
)
from tap_reports.models import FileFormat, JobStatus, ReportJob, Slice
from tap_reports.vendor import CatalogStream, ReportConfig
from tap_reports.vendors.second_nature import VENDOR, SecondNature

API = "https://app.secondnature.ai/api"
REQUEST_URL, LIST_URL = f"{API}/reports/export/", f"{API}/reports/"
STATUS_URL = f"{API}/reports/export/t-1/"
KEY = "the-k3y-of-an-admin"
LINK = "https://files.example.com/r/report.xlsx?Signature=c0ffee&Expires=9"
NOW = dt.datetime(2026, 1, 10, 23, 59, tzinfo=dt.UTC)
DAYS = Slice(dt.date(2026, 1, 1), dt.date(2026, 1, 9))
ADMIN = {"report_name": "admin-xls-report"}
NAMES = ["admin-xls-report", "session-overview"]


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def client(clock):
    return connect(clock)


@pytest.fixture
def api(requests_mock):
    """The API as it works, with a ticket that is complete at once."""
    requests_mock.get(LIST_URL, json={"reports": NAMES})
    requests_mock.post(REQUEST_URL, json={"ticket_id": "t-1"})
    requests_mock.get(STATUS_URL, json={"status": "complete", "report_url": LINK, "error": None})
    return requests_mock


def connect(clock, *reports, listed=False, **values):
    redaction.add_secrets([KEY])  # as reading the configuration does
    paths = {
        "request_path": "/reports/export/",
        "status_path": "/reports/export/{ticket_id}/",
        "list_path": "/reports/",
        "request_method": "POST",
    }
    configured = tuple(ReportConfig(values=report, name=report.get("name")) for report in reports or (ADMIN,))
    config = block(
        VENDOR.name,
        {"api_key": KEY, **paths, **values},
        api_url=API,
        reports=None if listed else configured,
        max_jobs_in_flight=4,
        poll_interval_seconds=15,
        poll_max_interval_seconds=30,
    )
    return SecondNature(config, tools(API, clock))


def restored(client):
    return client.restore(CatalogStream(name="admin_xls_report", title="admin-xls-report"))


def request_for(client, days=None):
    [request] = client.requests(restored(client), days)
    return request


def submitted(client, days=None, *, refresh=False):
    return client.submit(request_for(client, days), refresh=refresh)


def complete(client, api, report_url):
    api.get(STATUS_URL, json={"status": "complete", "report_url": report_url})
    return client.poll(submitted(client))


# --- data --------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("dated", [False, True])
def test_name_and_dates_are_known_from_the_settings_and_yesterday_is_final(client, dated):
    report = {**ADMIN, "dated": True} if dated else ADMIN
    assert VENDOR.report_name(report) == "admin-xls-report"
    assert VENDOR.is_dated(report) is dated
    assert client.final_day(restored(client)) == dt.date(2026, 1, 9)


# --- reports -----------------------------------------------------------------------------------------


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
    assert type_.parameters["known_kinds"]["best_ai_score"] == "number"
    assert type_.parameters["known_kinds"]["first_to_best_calculation"] == "string"
    assert api.call_count == 1


def test_names_that_are_not_listed_are_warned_of_with_the_nearest(clock, api, caplog):
    client = connect(clock, {"report_name": "admin_xls_report"}, ADMIN, {"report_name": "zzz"})
    assert len(list(client.report_types())) == 3
    assert api.call_count == 1
    wrong, unlike = caplog.messages
    assert 'no report named "admin_xls_report". Did you mean "admin-xls-report"?' in wrong
    assert 'no report named "zzz". It lists: admin-xls-report, session-overview' in unlike


@pytest.mark.parametrize("answer", [{"status_code": 404}, {"status_code": 503}, {"json": {"names": []}}])
def test_configured_reports_go_on_with_one_warning_where_the_list_cannot_be_read(client, api, caplog, answer):
    api.get(LIST_URL, **answer)
    with caplog.at_level(logging.WARNING):
        [type_] = client.report_types()
    assert type_.report == "admin-xls-report"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "not checked" in caplog.text


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
def test_a_list_that_is_needed_and_cannot_be_read_is_an_error(clock, api, answer, error):
    api.get(LIST_URL, **answer)
    with pytest.raises(error):
        connect(clock, listed=True).report_types()


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


# --- requests ----------------------------------------------------------------------------------------


SENT = {"report_name": "admin-xls-report", "format": "xlsx"}
FIRST = int(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp())
LAST = int(dt.datetime(2026, 1, 9, 23, 59, 59, tzinfo=dt.UTC).timestamp())
CSV = {"format": "csv", "course_id": "c-1"}
RENAMED = {"report_name": "report", "start_time": "from", "end_time": "to"}
OTHERS = {"report": "admin-xls-report", "format": "xlsx", "team": ["A"], "from": FIRST, "to": LAST}


@pytest.mark.parametrize(
    ("report", "names", "days", "sent"),
    [
        ({}, {}, None, SENT),
        ({**CSV, "dated": True}, {}, DAYS, {**SENT, **CSV, "start_time": FIRST, "end_time": LAST}),
        ({"dated": True, "filters": {"team": ["A"]}}, RENAMED, DAYS, OTHERS),
    ],
)
def test_the_body_of_a_submission(clock, api, report, names, days, sent):
    job = submitted(connect(clock, {**ADMIN, **report}, request_fields=names), days)
    assert api.last_request.json() == sent
    assert api.last_request.headers["Authorization"] == f"Token {KEY}"
    assert (job.id, job.status, job.submitted_at) == ("t-1", JobStatus.PENDING, NOW)


def test_a_request_by_get_has_its_fields_in_the_query(clock, api):
    api.get(REQUEST_URL, json={"ticket_id": "t-1"})
    submitted(connect(clock, {**ADMIN, "force_update": True}, request_method="GET"))
    assert api.last_request.qs == {
        "report_name": ["admin-xls-report"],
        "format": ["xlsx"],
        "force_update": ["true"],
    }


@pytest.mark.parametrize(
    ("report", "values", "days", "is_same"),
    [
        pytest.param({"force_update": True}, {}, None, True, id="force_update is not"),
        ({"format": "csv"}, {}, None, False),
        ({"course_id": "c-1"}, {}, None, False),
        ({"filters": {"team": "A"}}, {}, None, False),
        ({}, {"api_key": "another"}, None, False),
        ({}, {"request_fields": {"start_time": "from"}}, None, False),
        ({}, {"request_method": "GET"}, None, False),
        ({}, {}, DAYS, False),
    ],
)
def test_what_changes_the_result_is_a_request_s_identity(clock, report, values, days, is_same):
    other = request_for(connect(clock, {**ADMIN, **report}, **values), days)
    assert (other.key == request_for(connect(clock)).key) is is_same
    sheet = connect(clock).restore(CatalogStream(name="admin_xls_report__a", title=""))
    assert connect(clock).requests(sheet, None)[0].key == request_for(connect(clock)).key


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize(
    ("setting", "sent"), [({}, None), ({"force_update": True}, True), ({"force_update": False}, False)]
)
def test_force_update_is_sent_to_refresh_or_if_set_and_never_if_off(clock, api, setting, refresh, sent):
    sent = refresh if sent is None else sent
    client = connect(clock, {**ADMIN, **setting}, {**ADMIN, "course_id": "c-1", "force_update": not sent})
    submitted(client, refresh=refresh)
    assert api.last_request.json().get("force_update", False) is sent


def test_paths_are_settings(clock, api):
    client = connect(
        clock, request_path="v2/ask", status_path="v2/ask/{ticket_id}/status", list_path="/v2/names"
    )
    api.post(f"{API}/v2/ask", json={"ticket_id": 17})
    api.get(f"{API}/v2/ask/17/status", json={"status": "pending"})
    api.get(f"{API}/v2/names", json=NAMES)
    client.report_types()
    client.poll(submitted(client))
    assert [urlsplit(call.url).path for call in api.request_history] == [
        "/api/v2/names",
        "/api/v2/ask",
        "/api/v2/ask/17/status",
    ]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            {"status_code": 404, "text": "nope"},
            CallRejected,
            "no such report_name (admin-xls-report) or course",
        ),
        ({"status_code": 401, "text": KEY}, AccessDenied, "has expired"),
        ({"status_code": 403}, AccessDenied, "not an Admin"),
        ({"status_code": 400, "text": "bad format"}, CallRejected, "bad format"),
        ({"status_code": 429}, CallRefused, "HTTP 429"),
        ({"status_code": 502}, SubmissionLost, "HTTP 502"),
        ({"exc": requests.ConnectionError("reset")}, SubmissionLost, "reset"),
        ({"json": {"id": "t-1"}}, BadAnswer, "no ticket_id came, only: id"),
        ({"json": {"ticket_id": ""}}, BadAnswer, "no ticket_id"),
        ({"json": ["t-1"]}, BadAnswer, "no JSON object came"),
        ({"text": f"<a href='{LINK}'>"}, BadAnswer, "no JSON"),
    ],
)
def test_a_submission_without_a_ticket_is_an_error_that_hides_the_key(client, api, answer, error, said):
    api.post(REQUEST_URL, **answer)
    with pytest.raises(error) as caught:
        submitted(client)
    assert said in f"{caught.value}. {caught.value.remedy}"
    assert api.call_count == 1
    assert KEY not in str(caught.value)
    assert "c0ffee" not in str(caught.value)


# --- polling and downloads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "unknown"),
    [
        ("pending", JobStatus.PENDING, False),
        ("in_progress", JobStatus.RUNNING, False),
        ("In-Progress", JobStatus.RUNNING, False),
        ("archiving", JobStatus.RUNNING, True),
        ("failed", JobStatus.FAILED_RETRYABLE, False),
    ],
)
def test_a_ticket_that_is_not_ready_is_waited_for_and_a_failed_one_says_why(
    client, api, word, status, unknown
):
    api.get(STATUS_URL, json={"status": word, "error": "worker died"})
    job = client.poll(submitted(client))
    assert (job.status, job.word, job.unknown_word) == (status, word, unknown)
    assert job.finished_at == (NOW if word == "failed" else None)
    assert job.message == "worker died" or word != "failed"


def test_a_ticket_can_be_polled_knowing_only_its_id(client, api):
    api.get(f"{API}/reports/export/a%2Fb/", json={"status": "complete", "report_url": LINK})
    job = ReportJob(request=request_for(client), id="a/b", submitted_at=NOW)
    assert client.poll(job).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("report_url", "files"),
    [
        (LINK, [(LINK, None)]),
        ([LINK, f"{LINK}2"], [(LINK, None), (f"{LINK}2", None)]),
        (
            [{"sheet_name": "Quiz 1", "url": LINK}, {"sheet_name": "", "url": f"{LINK}2"}],
            [(LINK, "Quiz 1"), (f"{LINK}2", "")],
        ),
        ([{"url": LINK}], [(LINK, None)]),
        (
            [{"sheet_name": "S", "url": LINK}, {"sheet_name": "S", "url": f"{LINK}2"}],
            [(LINK, "S"), (f"{LINK}2", "S_2")],
        ),
    ],
)
def test_a_complete_ticket_has_a_file_or_one_for_each_sheet(client, api, report_url, files):
    job = complete(client, api, report_url)
    assert (job.status, job.finished_at) == (JobStatus.SUCCEEDED, NOW)
    downloads = client.downloads(job)
    assert [(download.url, download.sheet) for download in downloads] == files
    assert not any(download.authenticated for download in downloads)


@pytest.mark.parametrize("report_url", [None, "", [], [None], [{"sheet_name": "a"}], [LINK, ""], 5])
def test_complete_without_a_link_is_a_bad_answer(client, api, report_url):
    with pytest.raises(BadAnswer, match="status is complete, but report_url is missing"):
        complete(client, api, report_url)


@pytest.mark.parametrize(
    ("link", "url", "authenticated"),
    [
        ("https://app.secondnature.ai/media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
        ("http://app.secondnature.ai/r.xlsx", "http://app.secondnature.ai/r.xlsx", False),
        ("/media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
        ("media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
    ],
)
def test_a_link_at_the_api_s_own_origin_is_fetched_with_the_key(client, api, link, url, authenticated):
    [download] = client.downloads(complete(client, api, link))
    assert (download.url, download.authenticated) == (url, authenticated)


def test_polling_a_complete_ticket_again_brings_its_new_link(client, api, clock):
    job = complete(client, api, LINK)
    clock.sleep(3600)
    api.get(STATUS_URL, json={"status": "complete", "report_url": "https://files.example.com/new?s=1"})
    again = client.poll(job)
    assert [download.url for download in client.downloads(again)] == ["https://files.example.com/new?s=1"]
    assert again.finished_at == NOW


def test_a_finished_job_whose_link_is_not_known_needs_a_new_one(client, api):
    job = replace(complete(client, api, LINK), links={})
    with pytest.raises(LinkExpired, match="t-1"):
        client.downloads(job)


def test_links_are_shown_nowhere_and_are_no_handle_which_the_ledger_keeps(client, api):
    query = "Signature=only-in-this-test"
    job = complete(client, api, f"https://files.example.com/r.csv?{query}")
    shown = [repr(job), repr(client.downloads(job)), redaction.redact(f"GET with {query}")]
    assert not [text for text in shown if "only-in-this-test" in text]
    assert job.handle == {}


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"status_code": 404}, JobUnknown, "HTTP 404"),
        ({"status_code": 401}, AccessDenied, "has expired"),
        ({"status_code": 403}, AccessDenied, "not an Admin"),
        ({"status_code": 500}, CallBroken, "HTTP 500"),
        ({"json": {"state": "complete"}}, BadAnswer, "no status came, only: state"),
        ({"json": {"status": None}}, BadAnswer, "no status"),
        ({"json": []}, BadAnswer, "no JSON object came: []"),
        ({"text": "<html>Login</html>"}, BadAnswer, "Login"),
    ],
)
def test_a_poll_without_a_status_is_an_error(client, api, answer, error, said):
    job = submitted(client)
    api.get(STATUS_URL, **answer)
    with pytest.raises(error) as caught:
        client.poll(job)
    assert said in f"{caught.value}. {caught.value.remedy}"


# --- pace and check ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"requests_per_minute": 3}, [0, 0, 60, 60, 60, 120]), pytest.param({}, [0] * 30, id="without a limit")],
)
def test_calls_of_all_tickets_keep_to_the_minute(clock, api, values, expected):
    client = connect(clock, **values)
    job, times = submitted(client), []
    for _ in expected:
        client.poll(job)
        times.append(clock.monotonic())
    assert times == pytest.approx(expected, abs=0.1)
    assert api.call_count == 1 + len(expected)


def test_repeated_calls_keep_to_the_minute_as_well(clock, api):
    api.get(LIST_URL, [{"status_code": 503}, {"json": NAMES}])
    connect(clock, requests_per_minute=1).report_types()
    assert clock.monotonic() == pytest.approx(60, abs=0.1)


def test_check_lists_the_reports_and_submits_nothing(client, api):
    [check] = client.check()
    assert (check.ok, check.detail) == (True, "2 reports are available")
    assert [(call.method, call.url) for call in api.request_history] == [("GET", LIST_URL)]


@pytest.mark.parametrize(
    ("status", "ok", "said"), [(200, True, "list_path"), (401, False, "/course-status/")]
)
def test_check_falls_back_to_a_call_that_any_key_may_make(client, api, status, ok, said):
    api.get(LIST_URL, status_code=404)
    api.get(f"{API}/course-status/", json=[], status_code=status)
    [check] = client.check()
    assert check.ok is ok
    assert said in check.detail


@pytest.mark.parametrize(("status", "said"), [(401, "api_key"), (403, "not an Admin")])
def test_check_says_what_is_wrong_with_the_key(client, api, status, said):
    api.get(LIST_URL, status_code=status, text=KEY)
    [check] = client.check()
    assert not check.ok
    assert said in check.detail
    assert KEY not in check.detail
    assert api.call_count == 1
