"""Second Nature: what a request sends, tickets, links, the pace of calls and `--test`."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from second_nature_account import (
    ADMIN,
    API,
    DAYS,
    KEY,
    LINK,
    LIST_URL,
    NAMES,
    NOW,
    REQUEST_URL,
    STATUS_URL,
    complete,
    connect,
    request_for,
    submitted,
)

from tap_reports import redaction
from tap_reports.exceptions import BadAnswer, LinkExpired
from tap_reports.models import JobStatus
from tap_reports.vendor import CatalogStream

# --- requests -----------------------------------------------------------------------------------------

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
    sent = {name: [value] for name, value in SENT.items()}
    assert api.last_request.qs == {**sent, "force_update": ["true"]}


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
    plain, other = connect(clock), connect(clock, {**ADMIN, **report}, **values)
    assert (request_for(other, days).key == request_for(plain).key) is is_same
    sheet = plain.restore(CatalogStream(name="admin_xls_report__a", title=""))
    assert plain.requests(sheet, None)[0].key == request_for(plain).key


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
    paths = {"request_path": "v2/ask", "status_path": "v2/ask/{ticket_id}/status", "list_path": "/v2/names"}
    client = connect(clock, **paths)
    api.post(f"{API}/v2/ask", json={"ticket_id": 17})
    api.get(f"{API}/v2/ask/17/status", json={"status": "pending"})
    api.get(f"{API}/v2/names", json=NAMES)
    client.report_types()
    client.poll(submitted(client))
    called = [urlsplit(call.url).path for call in api.request_history]
    assert called == ["/api/v2/names", "/api/v2/ask", "/api/v2/ask/17/status"]


# --- tickets ------------------------------------------------------------------------------------------

OWN = "https://app.secondnature.ai/media/r.xlsx"


@pytest.mark.parametrize(
    ("report_url", "files"),
    [
        (LINK, [(LINK, None, False)]),
        ([LINK, f"{LINK}2"], [(LINK, None, False), (f"{LINK}2", None, False)]),
        (
            [{"sheet_name": "Quiz 1", "url": LINK}, {"sheet_name": "", "url": f"{LINK}2"}],
            [(LINK, "Quiz 1", False), (f"{LINK}2", "", False)],
        ),
        ([{"url": LINK}], [(LINK, None, False)]),
        (
            [{"sheet_name": "S", "url": LINK}, {"sheet_name": "S", "url": f"{LINK}2"}],
            [(LINK, "S", False), (f"{LINK}2", "S_2", False)],
        ),
        pytest.param(OWN, [(OWN, None, True)], id="the API's own origin gets the key"),
        ("http://app.secondnature.ai/r.xlsx", [("http://app.secondnature.ai/r.xlsx", None, False)]),
        ("/media/r.xlsx", [(OWN, None, True)]),
        ("media/r.xlsx", [(OWN, None, True)]),
    ],
)
def test_a_complete_ticket_has_a_file_or_one_for_each_sheet(client, api, report_url, files):
    job = complete(client, api, report_url)
    assert job.status is JobStatus.SUCCEEDED
    assert [(file.url, file.sheet, file.authenticated) for file in client.downloads(job)] == files


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        *(
            ({"status": status}, "no status came, only: status")
            for status in (None, True, ["complete"], {"word": "complete"})
        ),
        ({"state": "complete"}, "no status came, only: state"),
        ({}, "no status came, only: nothing"),
        (["complete"], "no JSON object came"),
        ({"status": "complete"}, "status is complete, but report_url is missing"),
        *(
            ({"status": "complete", "report_url": url}, "report_url is missing")
            for url in (None, "", 5, [], [None], [["a"]], [{"sheet_name": "a"}], [LINK, ""])
        ),
    ],
    ids=str,
)
def test_a_status_that_makes_no_sense_is_a_bad_answer(client, api, answer, said):
    api.get(STATUS_URL, json=answer)
    with pytest.raises(BadAnswer, match=said):
        client.poll(submitted(client))


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ({"status": 7}, JobStatus.RUNNING, ""),
        ({"status": "failed", "error": "worker died"}, JobStatus.FAILED_RETRYABLE, "worker died"),
        ({"status": "failed", "error": ["no", {"b": 1}]}, JobStatus.FAILED_RETRYABLE, "['no', {'b': 1}]"),
    ],
)
def test_an_unknown_status_is_waited_out_and_a_failed_ticket_says_why(client, api, answer, status, message):
    api.get(STATUS_URL, json=answer)
    job = client.poll(submitted(client))
    assert (job.status, job.message, job.unknown_word) == (status, message, status is JobStatus.RUNNING)


def test_each_poll_brings_the_ticket_s_link_and_without_one_it_has_expired(client, api):
    job = complete(client, api, LINK)
    api.get(STATUS_URL, json={"status": "complete", "report_url": "https://files.example.com/new?s=1"})
    again = client.poll(job)
    assert [download.url for download in client.downloads(again)] == ["https://files.example.com/new?s=1"]
    with pytest.raises(LinkExpired, match="t-1"):
        client.downloads(replace(job, links={}))


def test_links_are_shown_nowhere_and_are_no_handle_which_the_ledger_keeps(client, api):
    query = "Signature=only-in-this-test"
    job = complete(client, api, f"https://files.example.com/r.csv?{query}")
    shown = [repr(job), repr(client.downloads(job)), redaction.redact(f"GET with {query}")]
    assert not [text for text in shown if "only-in-this-test" in text]
    assert job.handle == {}


# --- --test -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "course_status", "ok", "said", "calls"),
    [
        (200, 500, True, "2 reports are available", [LIST_URL]),
        (404, 200, True, "list_path", [LIST_URL, f"{API}/course-status/"]),
        (404, 401, False, "/course-status/", [LIST_URL, f"{API}/course-status/"]),
        (401, 200, False, "api_key", [LIST_URL]),
        (403, 200, False, "not an Admin", [LIST_URL]),
    ],
)
def test_check_lists_the_reports_or_makes_a_call_that_any_key_may_make(
    client, api, listed, course_status, ok, said, calls
):
    if listed != 200:
        api.get(LIST_URL, status_code=listed, text=KEY)
    api.get(f"{API}/course-status/", json=[], status_code=course_status)
    [check] = client.check()
    assert (check.ok, said in check.detail, KEY in check.detail) == (ok, True, False)
    assert [call.url for call in api.request_history] == calls
