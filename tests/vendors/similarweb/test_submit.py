"""Similarweb: estimate and submit, in all versions."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from similarweb_account import API, ERRORS, HOOK, KEY, VALIDATE, clock_at, connect, request

from tap_reports.exceptions import BadAnswer, CallError, CallRejected
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


@pytest.mark.parametrize(
    ("status", "answer", "kind", "said"),
    [
        *(
            (status, {"json": {**ERRORS, **more}}, CallRejected, f"HTTP {status}: {SAID}")
            for status in (200, 400)
            for more in ({}, {"is_valid": False, "warnings": []})
        ),
        pytest.param(200, {"json": {"is_valid": False}}, CallRejected, '{"is_valid": false}', id="no words"),
        (400, {"text": PLAIN_TEXT}, CallRejected, PLAIN_TEXT),
        (404, {}, CallRejected, 'set another "api_version"'),
        (410, {}, CallRejected, 'set another "api_version"'),
        (200, {"json": {"is_valid": True}}, BadAnswer, "no estimated_credits came"),
        (200, {"text": "<html>"}, BadAnswer, "no JSON came"),
        (200, {"json": [1]}, BadAnswer, "no JSON object came"),
    ],
)
def test_an_estimate_that_the_vendor_does_not_give_is_an_error_in_its_words(
    requests_mock, status, answer, kind, said
):
    requests_mock.post(VALIDATE, status_code=status, **answer)
    with pytest.raises(CallError) as caught:
        connect().estimate(request())
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert said in f"{caught.value}. {caught.value.remedy}"
    assert caught.value.remedy
