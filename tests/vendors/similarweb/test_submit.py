"""Similarweb: estimate and submit, in all versions."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
import requests
from similarweb_account import API, ERRORS, HOOK, KEY, SUBMIT, VALIDATE, clock_at, connect, request

from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, SubmissionLost
from tap_reports.models import RESULT_HOURS, Estimate, JobStatus

ANY = re.compile(f"^{re.escape(API)}/.*")
SAID = "granularity should be one of the following - daily.; no such country"


# --- bodies ------------------------------------------------------------------------------------------

FILTERS = {"domains": ["a.com"], "countries": ["WW", "US"], "include_subdomains": True}
METRICS = ["desktop_visits", "global_rank"]


QUERY = {"granularity": "monthly", "filters": FILTERS, "metrics": METRICS}
DELIVERY = {"response_format": "csv", "delivery_method": "download_link"}
MONTHS = {"start_date": "2023-02", "end_date": "2023-03"}
WEEK = {"start_date": "2023-09-04", "end_date": "2023-09-10"}


def body(wanted, delivery=DELIVERY, **query):
    """Return the body of a request by the documents of v4 and v5."""
    table = {"vtable": "traffic_and_engagement", **QUERY, **query}
    return {"report_name": wanted.key, "delivery_information": delivery, "report_query": {"tables": [table]}}


PLAIN, WEEKLY = request(), request("weekly", "2023-09-04", "2023-09-10")
DAILY, NEWEST = request("daily", "2023-09-04", "2023-09-10"), replace(PLAIN, slice=None)
LIMITED = replace(request(limit=5000), options={"retention_days": 365})
KEPT = {**DELIVERY, "delivery_method_params": {"retention_days": 365}}
FULL_DATES = {"start_date": "2023-02-01", "end_date": "2023-03-31"}


@pytest.mark.parametrize(
    ("version", "path", "wanted", "sent"),
    [
        ("v5", "/batch/v5", PLAIN, body(PLAIN, **MONTHS)),
        ("v4", "/batch/v4", PLAIN, body(PLAIN, **MONTHS)),
        ("v3", "/v3/batch/traffic_and_engagement", PLAIN, {**QUERY, **FULL_DATES, **DELIVERY}),
        ("v5", "/batch/v5", DAILY, body(DAILY, granularity="daily", **WEEK)),
        ("v5", "/batch/v5", WEEKLY, body(WEEKLY, granularity="weekly", **WEEK)),
        ("v5", "/batch/v5", NEWEST, body(NEWEST, latest=True)),
        ("v5", "/batch/v5", LIMITED, body(LIMITED, KEPT, **MONTHS, paging={"limit": 5000})),
    ],
)
def test_the_body_of_a_validation_and_a_submission(requests_mock, version, path, wanted, sent):
    requests_mock.post(f"{API}{path}/request-report", json={"report_id": 7})
    requests_mock.post(f"{API}{path}/request-validate", json={"estimated_credits": "1.5", "warnings": "!"})
    client = connect(api_version=version)
    assert client.estimate(wanted) == Estimate(credits=Decimal("1.5"), warnings=("!",))
    job = client.submit(wanted)
    assert [call.json() for call in requests_mock.request_history] == [sent, sent]
    assert requests_mock.last_request.headers["api-key"] == KEY
    assert (job.id, job.status, job.submitted_at) == ("7", JobStatus.PENDING, clock_at().now())
    assert job.handle == ({RESULT_HOURS: 365 * 24} if wanted is LIMITED else {})


@pytest.mark.parametrize("version", ["v3", "v4", "v5"])
def test_the_webhook_goes_where_the_version_wants_it_and_only_to_submissions(requests_mock, version):
    requests_mock.post(ANY, json={"report_id": "r", "estimated_credits": 1, "is_valid": True})
    client = connect(api_version=version, callback_url=HOOK)

    client.submit(request())
    sent = requests_mock.last_request.json()
    assert (sent if version == "v3" else sent["delivery_information"])["webhook_url"] == HOOK

    client.estimate(request())
    assert HOOK not in requests_mock.last_request.text


# --- estimate ----------------------------------------------------------------------------------------


PLAIN_TEXT = "Request failed due to invalid start/end date."
INVALID = {"json": {**ERRORS, "is_valid": False, "warnings": []}}


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (200, INVALID, SAID),
        (400, INVALID, SAID),
        (200, {"json": ERRORS}, SAID),
        (400, {"json": ERRORS}, SAID),
        pytest.param(200, {"json": {"is_valid": False}}, '{"is_valid": false}', id="without words"),
        (400, {"text": PLAIN_TEXT}, PLAIN_TEXT),
    ],
)
def test_an_invalid_request_is_rejected_in_the_vendors_words_by_either_status(
    requests_mock, status, answer, said
):
    requests_mock.post(VALIDATE, status_code=status, **answer)
    with pytest.raises(CallRejected) as caught:
        connect().estimate(request())
    assert (type(caught.value), caught.value.answer, caught.value.status) == (CallRejected, said, status)
    assert caught.value.remedy


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_path_names_the_version_setting(requests_mock, status):
    requests_mock.post(VALIDATE, status_code=status)
    requests_mock.post(SUBMIT, status_code=status)
    client = connect()
    for call in (client.estimate, client.submit):
        with pytest.raises(CallRejected) as caught:
            call(request())
        assert "api_version" in caught.value.remedy


@pytest.mark.parametrize("answer", [{"json": {"is_valid": True}}, {"text": "<html>"}, {"json": [1]}])
def test_an_estimate_without_a_number_is_a_bad_answer(requests_mock, answer):
    requests_mock.post(VALIDATE, **answer)
    with pytest.raises(BadAnswer):
        connect().estimate(request())


# --- submit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer"), [(400, ERRORS), (200, ERRORS), (200, {**ERRORS, "is_valid": False})]
)
def test_a_rejected_submission_carries_the_vendors_words_and_a_remedy(requests_mock, status, answer):
    requests_mock.post(SUBMIT, json=answer, status_code=status)
    with pytest.raises(CallRejected) as caught:
        connect(retries=3).submit(request())
    assert caught.value.answer == SAID
    assert caught.value.remedy
    assert str(caught.value) == f"POST /batch/v5/request-report: HTTP {status}: {SAID}"
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(("status", "remedy"), [(401, "Batch API"), (403, "limit of Batch credits")])
def test_a_refused_key_is_access_denied(requests_mock, status, remedy):
    requests_mock.post(SUBMIT, text="invalid API key", status_code=status)
    with pytest.raises(AccessDenied, match="invalid API key") as caught:
        connect().submit(request())
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "answer",
    [
        {"exc": requests.ReadTimeout},
        {"status_code": 502},
        {"text": "<html>Welcome</html>"},
        {"json": {"status": "pending"}},
        {"json": ["r-1"]},
    ],
)
def test_a_submission_without_a_readable_answer_is_lost_and_never_sent_again(requests_mock, answer):
    requests_mock.post(SUBMIT, **answer)
    with pytest.raises(SubmissionLost) as caught:
        connect(retries=3).submit(request())
    assert request().key in caught.value.remedy, "the name under which the account shows it"
    assert requests_mock.call_count == 1
