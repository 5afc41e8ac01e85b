"""What all vendors do alike with submissions: one call, errors in words, no secret in any of them."""

from __future__ import annotations

import base64

import impact_account as impact
import pytest
import requests
import second_nature_account as nature
import similarweb_account as similarweb
from all_accounts import ODD_BODIES, SIGNED, of, refused

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallRefused,
    CallRejected,
    NotSent,
    SubmissionLost,
)

LOST = {"exc": requests.ReadTimeout}
BASIC = base64.b64encode(f"{impact.SID}:{impact.TOKEN}".encode()).decode()


@of()
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status_code": 429, "headers": {"Retry-After": "7"}}, CallRefused),
        ({"status_code": 500}, CallRefused),
        ({"status_code": 503}, CallRefused),
        ({"status_code": 502}, SubmissionLost),
        ({"status_code": 504}, SubmissionLost),
        ({"exc": requests.ReadTimeout}, SubmissionLost),
        ({"exc": requests.ConnectionError("reset")}, SubmissionLost),
        ({"exc": requests.ConnectTimeout}, NotSent),
        ({"status_code": 403}, AccessDenied),
        ({"status_code": 400}, CallRejected),
    ],
    ids=str,
)
def test_a_submission_is_sent_once_and_its_failure_says_if_it_was_accepted(
    account, requests_mock, answer, kind
):
    sent = requests_mock.register_uri(*account.submits, **answer)
    client = account.connect()
    refused(client, "submit", account.request(client), kind)
    assert sent.call_count == 1


SAID = "granularity should be one of the following - daily.; no such country"
ANSWERS = {
    "digital_turbine": [
        ({"json": {"status": "ok", "link": SIGNED}}, BadAnswer, "no signed_url came, only: status, link"),
        ({"json": [SIGNED]}, BadAnswer, "no JSON object came"),
        ({"json": {"signed_url": 5}}, BadAnswer, "no signed_url"),
        ({"json": {"signed_url": "http://[::1/f"}}, BadAnswer, "not an address"),
        ({"text": "<html>Gateway</html>"}, BadAnswer, "Gateway"),
        ({"json": {"error": "bad metric", "message": SIGNED}}, CallRejected, "bad metric"),
    ],
    "second_nature": [
        ({"status_code": 404, "text": "nope"}, CallRejected, "no such report_name (admin-xls-report) or"),
        ({"status_code": 401, "text": nature.KEY}, AccessDenied, "has expired"),
        ({"status_code": 403}, AccessDenied, "not an Admin"),
        ({"json": {"id": "t-1"}}, BadAnswer, "no ticket_id came, only: id"),
        ({"json": {"ticket_id": ""}}, BadAnswer, "no ticket_id"),
        ({"json": ["t-1"]}, BadAnswer, "no JSON object came"),
        ({"text": f"<a href='{SIGNED}'>"}, BadAnswer, "no JSON"),
    ],
    "impact": [
        ({"json": {"Status": "QUEUED"}}, BadAnswer, "names no job"),
        ({"json": []}, BadAnswer, "no JSON object came"),
        ({"json": "text"}, BadAnswer, "no JSON object came"),
        ({"text": "<ImpactRadiusResponse/>"}, BadAnswer, "ImpactRadiusResponse"),
        (
            {
                "json": {
                    "Status": "ERROR",
                    "Message": "Validation Failed",
                    "Errors": [{"Field": "SUBAID", "Message": "Not a numeric value"}],
                }
            },
            CallRejected,
            "ReportExport/x: HTTP 200: Validation Failed; SUBAID: Not a numeric value",
        ),
        ({"json": {"Status": "ERROR", "Message": f"bad {BASIC}"}}, CallRejected, "[redacted]"),
    ],
    "similarweb": [
        ({"status_code": 400, "json": similarweb.ERRORS}, CallRejected, f"request-report: HTTP 400: {SAID}"),
        ({"json": similarweb.ERRORS}, CallRejected, f"request-report: HTTP 200: {SAID}"),
        ({"json": {**similarweb.ERRORS, "is_valid": False}}, CallRejected, SAID),
        ({"status_code": 401, "text": "invalid API key"}, AccessDenied, "Batch API, switched on there"),
        ({"status_code": 403}, AccessDenied, "limit of Batch credits"),
        *(({"status_code": status}, CallRejected, 'set another "api_version"') for status in (404, 410)),
        *(
            (answer, SubmissionLost, f'named "{similarweb.request().key}"')
            for answer in ({"text": "<html>"}, {"json": {"status": "pending"}}, {"json": ["r-1"]}, LOST)
        ),
    ],
}


@pytest.mark.parametrize(
    ("account", "answer", "kind", "said"),
    [(vendor, *row) for vendor, rows in ANSWERS.items() for row in rows],
    indirect=["account"],
    ids=str,
)
def test_an_answer_to_a_submission_that_names_no_job_is_an_error_in_words(
    account, requests_mock, answer, kind, said
):
    sent = requests_mock.register_uri(*account.submits, **answer)
    client = account.connect()
    assert said in refused(client, "submit", account.request(client), kind)
    assert sent.call_count == 1


@of()
@pytest.mark.parametrize("status", [400, 404, 409, 422, 451])
def test_a_refusal_of_any_shape_is_told_in_words(account, requests_mock, status):
    client = account.connect()
    for body in ODD_BODIES.values():
        requests_mock.register_uri(*account.submits, status_code=status, content=body)
        text = refused(client, "submit", account.request(client), CallRejected)
        assert f"HTTP {status}" in text
        assert "for reasons" in text or b"for reasons" not in body
