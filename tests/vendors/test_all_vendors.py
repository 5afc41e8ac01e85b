"""What all vendors do alike: one call for a submission, errors in words, no secret in any of them."""

from __future__ import annotations

import base64
import re

import impact_account as impact
import pytest
import requests
import second_nature_account as nature
import similarweb_account as similarweb
from all_accounts import ACCOUNTS, POLLED
from digital_turbine_account import TOKEN, TOKEN_URL

from tap_reports import redaction
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallError,
    CallRefused,
    CallRejected,
    JobUnknown,
    NotSent,
    SubmissionLost,
)
from tap_reports.models import JobStatus

LOST = {"exc": requests.ReadTimeout}
BASIC = base64.b64encode(f"{impact.SID}:{impact.TOKEN}".encode()).decode()
SIGNED = "https://files.example.com/r.csv?X-Signature=5ecret5ignature"


@pytest.fixture
def account(request, requests_mock):
    found = ACCOUNTS[request.param]
    redaction.add_secrets([one.secret for one in ACCOUNTS.values()])  # as reading a configuration of all does
    requests_mock.post(TOKEN_URL, json={"accessToken": TOKEN})
    return found


def of(*names):
    """Run a test with these vendors' accounts."""
    return pytest.mark.parametrize("account", names or tuple(ACCOUNTS), indirect=True)


def refused(client, call, argument, kind):
    """Return the text of a call's error, which is of this very kind, on one line and without secrets."""
    with pytest.raises(CallError) as caught:
        getattr(client, call)(argument)
    assert type(caught.value) is kind
    text = f"{caught.value} {caught.value.remedy} {caught.value!r}"
    assert not [one for one in (*(a.secret for a in ACCOUNTS.values()), "5ecret5ignature") if one in text]
    assert caught.value.remedy
    assert "\n" not in text
    assert len(text) < 3000
    return text


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


ODD_BODIES = {
    "nothing": b"",
    "a page": b"<html>\n<body>No, for reasons\n of ours</body></html>",
    "bytes": b"\xff\xfe\x00no, for reasons\x80",
    "a text": b'"no, for reasons"',
    "a number": b"7",
    "null": b"null",
    "a list": b'["no", 1, null]',
    "words in objects": b'{"errors": {"domains": [{"code": 1, "text": "no, for reasons"}]}}',
    "words in lists": b'{"Message": [["no"], 1], "error": null, "detail": {"a": []}}',
    "half an object": b'{"errors": ["no, for',
    "very long": b'{"message": "%s"}' % (b"no, for reasons; " * 9999),
    "very deep": b"[" * 5000,
    "secrets": f'{{"errors": ["{SIGNED} and {[one.secret for one in ACCOUNTS.values()]}"]}}'.encode(),
}


@of()
@pytest.mark.parametrize("status", [400, 404, 409, 422, 451])
def test_a_refusal_of_any_shape_is_told_in_words(account, requests_mock, status):
    client = account.connect()
    for body in ODD_BODIES.values():
        requests_mock.register_uri(*account.submits, status_code=status, content=body)
        text = refused(client, "submit", account.request(client), CallRejected)
        assert f"HTTP {status}" in text
        assert "for reasons" in text or b"for reasons" not in body


@of(*POLLED)
def test_a_poll_of_any_shape_is_told_in_words(account, requests_mock):
    client = account.connect()
    job = account.job(client)
    for body in ODD_BODIES.values():
        requests_mock.get(account.polls, content=body)
        with pytest.raises((BadAnswer, CallRejected)):
            client.poll(job)
        requests_mock.get(re.compile(".*/j-1"), status_code=404, content=body)
        assert "HTTP 404" in refused(client, "poll", job, JobUnknown)
        requests_mock.get(account.polls, status_code=422, content=body)
        assert "HTTP 422" in refused(client, "poll", job, CallRejected)


WORDS = {
    "similarweb": {
        "pending": JobStatus.PENDING,
        "retry": JobStatus.PENDING,
        "processing": JobStatus.RUNNING,
        "in_progress": JobStatus.RUNNING,
        "bad_request": JobStatus.FAILED,
        "bad request": JobStatus.FAILED,
        "Bad-Request": JobStatus.FAILED,
        "internal_error": JobStatus.FAILED_RETRYABLE,
        "Internal Error": JobStatus.FAILED_RETRYABLE,
        "failed": JobStatus.FAILED_RETRYABLE,
    },
    "impact": {
        "QUEUED": JobStatus.PENDING,
        "RUNNING": JobStatus.RUNNING,
        "COMPLETED": JobStatus.SUCCEEDED,
        "Completed": JobStatus.SUCCEEDED,
        "CANCELLED": JobStatus.FAILED_RETRYABLE,
        "ERROR": JobStatus.FAILED_RETRYABLE,
        "FAILED": JobStatus.FAILED_RETRYABLE,
    },
    "second_nature": {
        "pending": JobStatus.PENDING,
        "in_progress": JobStatus.RUNNING,
        "In-Progress": JobStatus.RUNNING,
        "failed": JobStatus.FAILED_RETRYABLE,
    },
}


@pytest.mark.parametrize(("account", "words"), list(WORDS.items()), indirect=["account"], ids=WORDS)
def test_status_words_are_known_and_any_other_is_still_running_and_marked(account, requests_mock, words):
    client = account.connect()
    for word, status in {**words, "???": JobStatus.RUNNING}.items():
        requests_mock.get(account.polls, json={"Id": "j-1", "Status": word, "status": word})
        found = client.poll(account.job(client))
        assert (found.status, found.word, found.unknown_word) == (status, word, word == "???")


@of(*POLLED)
def test_a_job_is_polled_by_its_id_alone_which_stays_within_its_path(account, requests_mock):
    requests_mock.get(re.compile(".*"), json={"Id": "x", "Status": "RUNNING", "status": "pending"})
    client = account.connect()
    client.poll(account.job(client, "../credits?x={y}"))
    assert requests_mock.last_request.url == account.polls.replace("j-1", "..%2Fcredits%3Fx%3D%7By%7D")


@of(*POLLED)
def test_a_broken_poll_is_repeated(account, requests_mock):
    good = {"json": {"Id": "j-1", "Status": "RUNNING", "status": "pending"}}
    sent = requests_mock.get(account.polls, [{"status_code": 500}, good])
    client = account.connect()
    assert client.poll(account.job(client)).status in {JobStatus.PENDING, JobStatus.RUNNING}
    assert sent.call_count == 2
