from __future__ import annotations

import datetime as dt
import json

import pytest
import requests
from impact_account import BASE, NOW, PREFIX, SID, TOKEN, client_of, clock_at, request_of

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRefused,
    CallRejected,
    JobUnknown,
    NotSent,
    QuotaSpent,
    SubmissionLost,
)
from tap_reports.models import JobStatus, ReportJob
from tap_reports.vendor import Estimates, Replays, Retries

EXPORT = f"{PREFIX}/ReportExport/x"
JOB = f"{PREFIX}/Jobs/j-1"
REPLAY = f"{JOB}/Replay"
QUEUED = {
    "Status": "QUEUED",
    "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1",
    "ResultUri": f"/Mediapartners/{SID}/Jobs/j-1/Download",
}
OLD, NEW = "2026-02-01T10:00:00-06:00", "2026-03-02T04:40:00Z"


def job_object(status="COMPLETED", **more):
    return {
        "Id": "j-1",
        "Status": status,
        "StatusMessage": None,
        "CreatedDate": "2026-02-01T09:59:00-06:00",
        "CompletedDate": OLD if status == "COMPLETED" else "",
        "RecordsProcessed": "250",
        "Replayable": "true",
        **more,
    }


@pytest.fixture
def clock():
    return clock_at()


@pytest.fixture
def client(clock):
    return client_of([{"id": "x"}], clock=clock, timezone="America/Chicago")


@pytest.fixture
def request_(client):
    return request_of(client)


@pytest.fixture
def job(request_):
    return ReportJob(request=request_, id="j-1", submitted_at=NOW)


def test_the_client_can_replay_and_retry_but_not_estimate(client):
    assert isinstance(client, Replays)
    assert isinstance(client, Retries)
    assert not isinstance(client, Estimates)


# --- submit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        QUEUED,
        {"Status": "QUEUED", "QueuedUri": f"{BASE}/Mediapartners/{SID}/Jobs/j-1"},
        {"Status": "QUEUED", "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1/?x=1"},
        {"Status": "RUNNING", "ResultUri": f"/Mediapartners/{SID}/Jobs/j-1/Download"},
        {"Status": "COMPLETED", "QueuedUri": "/elsewhere/j-1"},
        {"Status": "ERROR", "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1"},
        {"Id": "j-1", "Status": "QUEUED"},
    ],
)
def test_a_submission_s_job_is_found_in_its_links_and_is_to_be_polled(
    requests_mock, client, request_, answer
):
    requests_mock.get(EXPORT, json=answer)
    job = client.submit(request_, refresh=True)
    assert (job.id, job.status, job.submitted_at) == ("j-1", JobStatus.PENDING, NOW)
    assert (job.word, job.handle, requests_mock.call_count) == (answer["Status"], {}, 1)


@pytest.mark.parametrize(
    ("account_type", "prefix"),
    [("brand", "Advertisers"), ("partner", "Mediapartners"), ("agency", "Agencies")],
)
def test_each_account_type_submits_to_its_own_path(requests_mock, account_type, prefix):
    requests_mock.get(f"{BASE}/{prefix}/{SID}/ReportExport/x", json=QUEUED)
    client = client_of([{"id": "x"}], account_type=account_type)
    assert client.submit(request_of(client)).id == "j-1"


def test_an_error_within_an_http_200_says_what_the_vendor_said_and_what_to_do(
    requests_mock, client, request_
):
    errors = [{"Field": "SUBAID", "Message": "Not a numeric value"}]
    requests_mock.get(EXPORT, json={"Status": "ERROR", "Message": "Validation Failed", "Errors": errors})
    with pytest.raises(CallRejected) as caught:
        client.submit(request_)
    assert str(caught.value) == (
        f"GET /Mediapartners/{SID}/ReportExport/x: HTTP 200: Validation Failed; SUBAID: Not a numeric value"
    )
    assert caught.value.remedy


@pytest.mark.parametrize("answer", [{"Status": "QUEUED"}, [], "text"])
def test_an_answer_without_a_job_is_a_bad_answer(requests_mock, client, request_, answer):
    requests_mock.get(EXPORT, json=answer)
    with pytest.raises(BadAnswer):
        client.submit(request_)


def test_an_answer_that_is_no_json_is_a_bad_answer(requests_mock, client, request_):
    requests_mock.get(EXPORT, text="<ImpactRadiusResponse/>")
    with pytest.raises(BadAnswer, match="ImpactRadiusResponse"):
        client.submit(request_)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status_code": 500}, CallRefused),
        ({"status_code": 503}, CallRefused),
        ({"status_code": 429}, CallRefused),
        ({"status_code": 502}, SubmissionLost),
        ({"exc": requests.ReadTimeout}, SubmissionLost),
        ({"exc": requests.ConnectTimeout}, NotSent),
        ({"status_code": 401}, AccessDenied),
        ({"status_code": 403}, AccessDenied),
        ({"status_code": 404}, CallRejected),
    ],
)
def test_a_submission_is_sent_once_and_its_failure_says_if_it_was_accepted(
    requests_mock, client, request_, answer, error
):
    requests_mock.get(EXPORT, **answer)
    with pytest.raises(error):
        client.submit(request_)
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "36000"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 36000)},
        {"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "36000"},
        {"Retry-After": "36000"},
    ],
)
def test_a_long_refusal_is_a_spent_quota_with_its_reset_time(requests_mock, client, request_, headers):
    requests_mock.get(EXPORT, status_code=429, headers=headers)
    with pytest.raises(QuotaSpent) as caught:
        client.submit(request_)
    assert "spent until 2026-03-02 14:30 UTC" in str(caught.value)
    assert '"reports_per_day"' in caught.value.remedy


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Retry-After": "30"},
        {"X-RateLimit-Reset": "900"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3500"},
        {"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "3500", "Retry-After": "3500"},
    ],
)
def test_the_hourly_limit_is_to_be_waited_for(requests_mock, client, request_, headers):
    requests_mock.get(EXPORT, status_code=429, headers=headers)
    with pytest.raises(CallRefused) as caught:
        client.submit(request_)
    assert '"calls_per_hour"' in caught.value.remedy


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"X-RateLimit-Remaining": "812", "X-RateLimit-Reset": "900"}, "Rate limit exceeded"),
        ({"X-RateLimit-Remaining-hour": "812", "Retry-After": "600"}, "Rate limit exceeded"),
        ({}, "Daily limit of 100 requests exceeded"),
    ],
)
def test_a_refusal_while_the_hour_has_calls_left_is_the_day_s_quota(
    requests_mock, client, request_, headers, answer
):
    requests_mock.get(EXPORT, status_code=429, headers=headers, json={"Message": answer})
    with pytest.raises(QuotaSpent, match="quota is spent"):
        client.submit(request_)


def test_the_calls_are_kept_below_the_hourly_limit(requests_mock, clock):
    requests_mock.get(JOB, json=job_object("RUNNING"))
    client = client_of([{"id": "x"}], clock=clock, calls_per_hour=10)
    job = ReportJob(request=request_of(client), id="j-1", submitted_at=clock.now())
    for _ in range(20):
        client.poll(job)
    assert clock.monotonic() >= 3600


def test_what_the_vendor_says_is_left_slows_the_calls_down(requests_mock, client, clock, job):
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "10", "X-RateLimit-Reset": "600"}
    requests_mock.get(JOB, json=job_object("RUNNING"), headers=headers)
    client.poll(job)
    client.poll(job)
    assert clock.monotonic() >= 60


# --- poll ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "unknown"),
    [
        ("QUEUED", JobStatus.PENDING, False),
        ("RUNNING", JobStatus.RUNNING, False),
        ("COMPLETED", JobStatus.SUCCEEDED, False),
        ("Completed", JobStatus.SUCCEEDED, False),
        ("CANCELLED", JobStatus.FAILED_RETRYABLE, False),
        ("ERROR", JobStatus.FAILED_RETRYABLE, False),
        ("FAILED", JobStatus.FAILED_RETRYABLE, False),
        ("PAUSED", JobStatus.RUNNING, True),
    ],
)
def test_status_words_are_known_and_others_are_waited_out(requests_mock, client, job, word, status, unknown):
    requests_mock.get(JOB, json=job_object(word))
    found = client.poll(job)
    assert (found.status, found.word, found.unknown_word) == (status, word, unknown)


@pytest.mark.parametrize("word", ["", None])
def test_a_job_without_a_status_is_a_bad_answer_and_not_waited_out(requests_mock, client, job, word):
    requests_mock.get(JOB, json=job_object(word))
    with pytest.raises(BadAnswer, match="no Status came"):
        client.poll(job)


def test_a_poll_reads_dates_and_counts_in_the_vendor_s_loose_types(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object(RecordsProcessed="250", CompletedDate=OLD))
    found = client.poll(job)
    assert found.rows == 250
    assert found.created_at == dt.datetime(2026, 2, 1, 15, 59, tzinfo=dt.UTC)
    assert found.finished_at == dt.datetime(2026, 2, 1, 16, 0, tzinfo=dt.UTC)
    assert found.submitted_at == NOW


@pytest.mark.parametrize(("records", "rows"), [(0, 0), ("0", 0), (12, 12), ("", None), (None, None)])
def test_rows_are_numbers_texts_or_missing(requests_mock, client, job, records, rows):
    requests_mock.get(JOB, json=job_object(RecordsProcessed=records))
    assert client.poll(job).rows == rows


def test_rows_of_an_unfinished_job_are_not_believed(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object("RUNNING", RecordsProcessed=100))
    assert client.poll(job).rows is None


@pytest.mark.parametrize("empty", ["", None, "soon"])
def test_a_job_without_dates_ended_when_it_was_seen(requests_mock, client, job, empty):
    requests_mock.get(JOB, json=job_object(CompletedDate=empty, CreatedDate=empty))
    found = client.poll(job)
    assert (found.created_at, found.finished_at) == (None, NOW)


def test_a_date_without_offset_is_the_account_s(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object(CompletedDate="2026-02-01T10:00:00"))
    assert client.poll(job).finished_at == dt.datetime(2026, 2, 1, 16, 0, tzinfo=dt.UTC)


def test_a_failure_brings_the_vendor_s_words(requests_mock, client, job):
    failed = job_object("FAILED", StatusMessage="Range too wide", FailedDate="2026-03-02T04:00:00Z")
    requests_mock.get(JOB, json=failed)
    found = client.poll(job)
    assert (found.message, found.rows) == ("Range too wide", None)
    assert found.finished_at == dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)


def test_a_job_the_vendor_does_not_know_is_unknown(requests_mock, client, job):
    requests_mock.get(JOB, status_code=404, json={"Status": "ERROR", "Message": "Not found"})
    with pytest.raises(JobUnknown, match="Not found"):
        client.poll(job)


def test_an_error_envelope_is_no_failed_job(requests_mock, client, job):
    requests_mock.get(JOB, json={"Status": "ERROR", "Message": "Try later"})
    with pytest.raises(CallRejected, match="Try later"):
        client.poll(job)


# --- replay ----------------------------------------------------------------------------------------------


def test_a_replay_is_an_empty_put_to_the_job(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object())
    put = requests_mock.put(REPLAY, json=job_object("QUEUED"))
    replayed = client.replay(job)
    assert (put.last_request.headers["Content-Length"], put.last_request.body) == ("0", None)
    assert (replayed.id, replayed.status, replayed.finished_at) == ("j-1", JobStatus.PENDING, None)
    assert json.loads(json.dumps(replayed.handle)) == {"replayed_from": {"CompletedDate": OLD}}


def test_a_replayed_job_is_not_done_before_its_completion_date_changes(requests_mock, client, job):
    requests_mock.put(REPLAY, json={})
    states = [
        job_object(),  # read before the replay
        job_object(),  # the earlier run still shows
        job_object("RUNNING", CompletedDate=OLD),
        job_object(),
        job_object(CompletedDate=NEW, RecordsProcessed=300),
    ]
    requests_mock.get(JOB, [{"json": state} for state in states])
    replayed = client.replay(job)
    seen = []
    for _ in states[1:]:
        replayed = client.poll(replayed)
        seen.append((replayed.status, replayed.rows))
    running = (JobStatus.RUNNING, None)
    assert seen == [running, running, running, (JobStatus.SUCCEEDED, 300)]
    assert replayed.finished_at == dt.datetime(2026, 3, 2, 4, 40, tzinfo=dt.UTC)


@pytest.mark.parametrize("word", ["FAILED", "CANCELLED", "ERROR"])
def test_a_failed_job_is_retried_by_replay_and_its_old_failure_is_not_taken_for_a_new_one(
    requests_mock, client, job, word
):
    requests_mock.put(REPLAY, json={})
    first = job_object(word, FailedDate=OLD)
    again = job_object(word, FailedDate=NEW, StatusMessage="again")
    requests_mock.get(JOB, [{"json": first}, {"json": first}, {"json": again}])
    retried = client.retry(job)
    assert client.poll(retried).status is JobStatus.RUNNING
    assert client.poll(retried).status is JobStatus.FAILED_RETRYABLE


def test_a_failed_job_without_dates_is_believed_after_its_replay(requests_mock, client, job):
    requests_mock.put(REPLAY, json={})
    requests_mock.get(JOB, [{"json": job_object("ERROR")}, {"json": job_object(CompletedDate="")}])
    assert client.poll(client.retry(job)).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    "answer", [{"Id": "j-2", "Status": "QUEUED"}, {"ResultUri": f"/Mediapartners/{SID}/Jobs/j-2/Download"}]
)
def test_a_replay_may_be_a_new_job_that_nothing_earlier_hides(requests_mock, client, job, answer):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, json=answer)
    requests_mock.get(f"{PREFIX}/Jobs/j-2", json=job_object(Id="j-2"))
    replayed = client.replay(job)
    assert (replayed.id, replayed.handle) == ("j-2", {})
    assert client.poll(replayed).status is JobStatus.SUCCEEDED


def test_an_empty_answer_to_a_replay_keeps_the_job(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, text="")
    assert client.replay(job).id == "j-1"


def test_a_job_that_runs_already_is_not_replayed_again(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object("RUNNING", CompletedDate=OLD))
    put = requests_mock.put(REPLAY, json={})
    assert client.replay(job).handle == {"replayed_from": {"CompletedDate": OLD}}
    assert put.call_count == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 403, "json": {"Status": "ERROR", "Message": "Not replayable"}},
        {"status_code": 200, "json": {"Status": "ERROR", "Message": "Not replayable"}},
    ],
)
def test_a_job_that_cannot_be_replayed_is_rejected_and_not_an_access_problem(
    requests_mock, client, job, answer
):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, **answer)
    with pytest.raises(CallRejected, match="Not replayable") as caught:
        client.replay(job)
    assert not isinstance(caught.value, AccessDenied)


def test_a_replay_of_an_unknown_job_says_so(requests_mock, client, job):
    requests_mock.get(JOB, status_code=404)
    with pytest.raises(JobUnknown):
        client.replay(job)


def test_wrong_credentials_are_an_access_problem_in_a_replay_too(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, status_code=401)
    with pytest.raises(AccessDenied):
        client.replay(job)


def test_a_replay_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(requests_mock, client, job):
    requests_mock.get(JOB, [{"json": job_object()}, {"json": job_object("RUNNING")}])
    put = requests_mock.put(REPLAY, exc=requests.ReadTimeout)
    assert client.replay(job).handle == {"replayed_from": {"CompletedDate": OLD}}
    assert put.call_count == 1


def test_a_lost_replay_that_was_not_accepted_is_sent_again(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object())
    put = requests_mock.put(REPLAY, [{"status_code": 502}, {"json": job_object("QUEUED")}])
    assert client.replay(job).id == "j-1"
    assert put.call_count == 2


def test_a_refused_replay_is_sent_again_after_the_time_asked_for(requests_mock, client, clock, job):
    requests_mock.get(JOB, json=job_object())
    answers = [{"status_code": 429, "headers": {"Retry-After": "30"}}, {"json": job_object("QUEUED")}]
    put = requests_mock.put(REPLAY, answers)
    client.replay(job)
    assert (put.call_count, clock.slept) == (2, [30.0])


def test_a_replay_that_stays_refused_is_a_broken_call(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, status_code=503)
    with pytest.raises(CallBroken):
        client.replay(job)


def test_a_replay_refused_for_long_is_a_spent_quota(requests_mock, client, clock, job):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, status_code=429, headers={"Retry-After": "36000"})
    with pytest.raises(QuotaSpent):
        client.replay(job)
    assert clock.slept == []


# --- secrets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"status_code": 400}, {"status_code": 200}, {"status_code": 429}])
def test_no_secret_stands_in_an_error(requests_mock, client, request_, answer):
    requests_mock.get(EXPORT, json={"Status": "QUEUED"})
    with pytest.raises(BadAnswer):
        client.submit(request_)
    basic = requests_mock.last_request.headers["Authorization"].removeprefix("Basic ")
    echo = {"Status": "ERROR", "Message": f"bad token {TOKEN} in {basic}"}
    requests_mock.get(EXPORT, json=echo, headers={"Retry-After": "5"}, **answer)
    with pytest.raises((CallRejected, CallRefused)) as caught:
        client.submit(request_)
    assert "[redacted]" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert basic not in str(caught.value)
