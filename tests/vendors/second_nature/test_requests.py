"""Second Nature: what makes a request, and its submission."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import pytest
from second_nature_account import (
    ADMIN,
    API,
    DAYS,
    KEY,
    LINK,
    NAMES,
    NOW,
    REQUEST_URL,
    connect,
    request_for,
    submitted,
)

from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected
from tap_reports.models import JobStatus
from tap_reports.vendor import CatalogStream

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
