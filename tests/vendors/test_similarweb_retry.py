"""Similarweb: retry and download; secrets and pace."""

import re

import pytest
from similarweb_account import (
    API,
    ERRORS,
    HOOK,
    KEY,
    LINK,
    RETRY,
    STATUS,
    SUBMIT,
    VALIDATE,
    clock_at,
    connect,
    job,
    request,
)

from tap_reports.exceptions import CallRejected, JobUnknown, LinkExpired
from tap_reports.http.links import DownloadSession
from tap_reports.models import JobStatus
from tap_reports.vendors.similarweb import VENDOR

ANY = re.compile(f"^{re.escape(API)}/.*")


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
    assert again.id == job_id
    assert again.status is JobStatus.PENDING
    assert again.finished_at is None
    assert again.submitted_at == failed.submitted_at
    assert (again.word, again.message) == ("", "")
    assert VENDOR.retries == 2


def test_a_retry_falls_back_to_the_path_without_version(requests_mock):
    requests_mock.post(f"{RETRY}/r-1", status_code=404)
    requests_mock.post(f"{API}/batch/retry/r-1", json={})
    assert connect().retry(job()).status is JobStatus.PENDING


@pytest.mark.parametrize(("status", "answer"), [(404, {}), (410, {}), (400, ERRORS), (200, ERRORS)])
def test_a_retry_that_is_not_possible_is_rejected(requests_mock, status, answer):
    for path in ("/v3/batch/retry/r-1", "/batch/retry/r-1"):
        requests_mock.post(f"{API}{path}", json=answer, status_code=status)
    with pytest.raises(CallRejected) as caught:
        connect().retry(job())
    assert not isinstance(caught.value, JobUnknown), "the job is known; it must not be submitted again"


# --- downloads, credentials, pace --------------------------------------------------------------------


def test_a_resumed_job_without_its_link_asks_for_a_new_one():
    with pytest.raises(LinkExpired):
        connect().downloads(job(status=JobStatus.SUCCEEDED))


def test_the_key_never_goes_to_the_link(requests_mock):
    requests_mock.get(f"{STATUS}/r-1", json={"status": "completed", "download_url": LINK})
    requests_mock.get(LINK, text="domain,date\n")
    client = connect()
    [download] = client.downloads(client.poll(job()))
    with DownloadSession(timeout=5, user_agent="t", loopback=True).get(download.url):
        pass

    assert "api-key" not in requests_mock.last_request.headers
    assert KEY not in str(requests_mock.last_request.headers)


def test_no_secret_is_in_any_exception(requests_mock):
    echo = f"key {KEY} and {LINK} and {HOOK}"
    requests_mock.post(SUBMIT, json={"errors": [echo]}, status_code=400)
    requests_mock.post(VALIDATE, json={"errors": [echo], "is_valid": False})
    requests_mock.post(f"{RETRY}/r-1", text=echo, status_code=404)
    requests_mock.post(f"{API}/batch/retry/r-1", text=echo, status_code=404)
    client = connect(callback_url=HOOK)
    for call, argument in ((client.submit, request()), (client.estimate, request()), (client.retry, job())):
        with pytest.raises(CallRejected) as caught:
            call(argument)
        for text in (str(caught.value), repr(caught.value), caught.value.answer):
            assert KEY not in text
            assert "5ecret5ignature" not in text
            assert "s3cr3t-hook" not in text

    requests_mock.get(f"{STATUS}/r-1", json={"status": "bad_request", "errors": [echo]})
    polled = client.poll(job())
    assert KEY not in polled.message
    assert "5ecret5ignature" not in polled.message


def test_at_most_ten_calls_are_sent_in_any_second(requests_mock):
    requests_mock.get(f"{STATUS}/r-1", json={"status": "pending"})
    clock = clock_at()
    client = connect(clock=clock)
    sent = []
    for _ in range(35):
        client.poll(job())
        sent.append(clock.monotonic())
    assert all(later - earlier >= 1 for earlier, later in zip(sent, sent[10:], strict=False))
    assert sent[9] == 0, "the first ten need not wait"
    assert sent[-1] < 4
