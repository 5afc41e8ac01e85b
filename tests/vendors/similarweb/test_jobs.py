"""Similarweb: poll and its paths, retry, download, pace."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from similarweb_account import (
    API,
    ERRORS,
    HOOK,
    KEY,
    LINK,
    RETRY,
    STATUS,
    VALIDATE,
    clock_at,
    connect,
    job,
    request,
)

from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, JobUnknown, LinkExpired
from tap_reports.models import JobStatus
from tap_reports.vendors.similarweb import VENDOR

# --- poll --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["completed", "complete"])
@pytest.mark.parametrize("name", ["download_url", pytest.param("S3_path", id="a path in a bucket")])
def test_a_completed_report_has_its_link_and_its_cost(requests_mock, word, name):
    answer = {"data_points_count": 1779429, name: LINK, "status": word, "used_quota": 35589}
    requests_mock.get(f"{STATUS}/r-1", json=answer)
    client = connect()
    polled = client.poll(job())
    assert (polled.status, polled.credits) == (JobStatus.SUCCEEDED, Decimal(35589))
    assert polled.rows is None, "data points are no rows"
    [download] = client.downloads(polled)
    assert (download.url, download.authenticated) == (LINK, False)
    assert "5ecret5ignature" not in repr(polled)
    with pytest.raises(LinkExpired):
        client.downloads(job(status=JobStatus.SUCCEEDED))


@pytest.mark.parametrize(
    "answer", [{"status": "completed"}, {"status": "completed", "download_url": None}, {"status": " "}]
)
def test_a_status_that_makes_no_sense_is_a_bad_answer(requests_mock, answer):
    requests_mock.get(f"{STATUS}/r-1", json=answer)
    with pytest.raises(BadAnswer):
        connect().poll(job())


def test_a_poll_passes_on_the_vendor_s_words_on_one_line_and_how_long_it_asks_to_wait(requests_mock):
    answer = {"status": "bad_request", "message": "invalid\n country"}
    requests_mock.get(f"{STATUS}/r-1", json=answer, headers={"Retry-After": "30"})
    polled = connect().poll(job())
    assert (polled.message, polled.retry_after) == ("invalid country", 30)


# --- paths -------------------------------------------------------------------------------------------


PATHS = ("/v3/batch/request-status", "/batch/request-status", "/batch/v5/request-status")


@pytest.mark.parametrize("missing", [404, 410])
@pytest.mark.parametrize("there", PATHS[1:])
def test_the_first_status_path_that_answers_is_kept(requests_mock, missing, there, caplog):
    caplog.set_level(logging.INFO)
    for path in PATHS:
        requests_mock.get(f"{API}{path}/r-1", status_code=missing)
    requests_mock.get(f"{API}{there}/r-1", json={"status": "pending"})
    client = connect()
    for _ in range(2):
        client.poll(job())
    tried = PATHS[: PATHS.index(there) + 1]
    assert [call.path for call in requests_mock.request_history] == [f"{one}/r-1" for one in (*tried, there)]
    assert caplog.text.count("is used in this run") == 1


@pytest.mark.parametrize(
    "statuses", [(404, 410, 404), pytest.param((404, 403, 405), id="a guessed path is forbidden")]
)
def test_a_job_that_no_path_knows_is_unknown(requests_mock, statuses):
    for path, status in zip(PATHS, statuses, strict=True):
        requests_mock.get(f"{API}{path}/r-1", status_code=status, json={"errors": ["report not found"]})
    with pytest.raises(JobUnknown, match="report not found") as caught:
        connect().poll(job())
    assert caught.value.what == "GET /v3/batch/request-status/r-1"
    assert requests_mock.call_count == 3


def test_a_404_on_the_kept_path_means_the_job(requests_mock):
    requests_mock.get(f"{STATUS}/r-1", json={"status": "pending"})
    requests_mock.get(f"{STATUS}/r-2", status_code=404)
    client = connect()
    client.poll(job())
    with pytest.raises(JobUnknown):
        client.poll(replace(job(), id="r-2"))
    assert requests_mock.call_count == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_refused_at_the_first_path_is_not_tried_elsewhere(requests_mock, status):
    requests_mock.get(f"{STATUS}/r-1", status_code=status)
    with pytest.raises(AccessDenied):
        connect().poll(job())
    assert requests_mock.call_count == 1


def test_a_status_path_of_the_user_replaces_the_default(requests_mock):
    requests_mock.get(f"{API}/mine/r-1/state", status_code=404)
    requests_mock.get(f"{API}/batch/request-status/r-1", json={"status": "pending"})
    connect(status_path="/mine/{report_id}/state").poll(job())
    paths = [call.path for call in requests_mock.request_history]
    assert paths == ["/mine/r-1/state", "/batch/request-status/r-1"]


# --- retry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "job_id"),
    [
        ({"json": {"report_id": "r-9", "status": "pending"}}, "r-9"),
        ({"json": {"status": "ok"}}, "r-1"),
        ({"json": []}, "r-1"),
        ({"text": "OK"}, "r-1"),
        ({"text": ""}, "r-1"),
    ],
)
def test_a_retried_job_is_pending_under_its_id(requests_mock, answer, job_id):
    requests_mock.post(f"{RETRY}/r-1", **answer)
    failed = job(
        status=JobStatus.FAILED_RETRYABLE, word="internal_error", finished_at=clock_at().now(), message="oops"
    )
    again = connect().retry(failed)
    assert (again.id, again.status, again.submitted_at) == (job_id, JobStatus.PENDING, failed.submitted_at)
    assert (again.finished_at, again.word, again.message) == (None, "", "")
    assert VENDOR.retries == 2


@pytest.mark.parametrize(("status", "answer"), [(404, {}), (410, {}), (400, ERRORS), (200, ERRORS)])
def test_a_retry_that_is_not_possible_is_rejected(requests_mock, status, answer):
    for path in ("/v3/batch/retry/r-1", "/batch/retry/r-1"):
        requests_mock.post(f"{API}{path}", json=answer, status_code=status)
    with pytest.raises(CallRejected) as caught:
        connect().retry(job())
    assert not isinstance(caught.value, JobUnknown), "the job is known; it must not be submitted again"


# --- credentials -------------------------------------------------------------------------------


def test_no_secret_is_in_what_validation_retry_and_status_say(requests_mock):
    echo = f"key {KEY} and {LINK} and {HOOK}"
    requests_mock.post(VALIDATE, json={"errors": [echo], "is_valid": False})
    requests_mock.post(re.compile(".*/retry/r-1"), text=echo, status_code=404)
    requests_mock.get(f"{STATUS}/r-1", json={"status": "bad_request", "errors": [echo]})
    client = connect(callback_url=HOOK)
    said = [client.poll(job()).message]
    for call, argument in ((client.estimate, request()), (client.retry, job())):
        with pytest.raises(CallRejected) as caught:
            call(argument)
        said += [str(caught.value), repr(caught.value)]
    assert not [text for text in said for secret in (KEY, "5ecret5ignature", "s3cr3t-hook") if secret in text]
