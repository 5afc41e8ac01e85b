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
    TapReportsError,
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


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"json": {"Status": "QUEUED"}}, None),
        ({"json": []}, None),
        ({"json": "text"}, None),
        ({"text": "<ImpactRadiusResponse/>"}, "ImpactRadiusResponse"),
    ],
)
def test_an_answer_without_a_job_is_a_bad_answer(requests_mock, client, request_, answer, said):
    requests_mock.get(EXPORT, **answer)
    with pytest.raises(BadAnswer, match=said):
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


UNTIL = "spent until 2026-03-02 14:30 UTC"
SPENT, LEFT = {"X-RateLimit-Remaining": "0"}, {"X-RateLimit-Remaining": "812"}


@pytest.mark.parametrize(
    ("headers", "answer", "said"),
    [
        ({**SPENT, "X-RateLimit-Reset": "36000"}, "", UNTIL),
        ({**SPENT, "X-RateLimit-Reset": str(int(NOW.timestamp()) + 36000)}, "", UNTIL),
        ({"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "36000"}, "", UNTIL),
        ({"Retry-After": "36000"}, "", UNTIL),
        ({**LEFT, "X-RateLimit-Reset": "900"}, "Rate limit exceeded", "is spent"),
        ({"X-RateLimit-Remaining-hour": "812", "Retry-After": "600"}, "Rate limit exceeded", "is spent"),
        ({}, "Daily limit of 100 requests exceeded", "is spent"),
        ({}, "", None),
        ({"Retry-After": "30"}, "", None),
        ({"X-RateLimit-Reset": "900"}, "", None),
        ({**SPENT, "X-RateLimit-Reset": "3500"}, "", None),
        ({"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "3500", "Retry-After": "3500"}, "", None),
    ],
)
def test_a_refusal_is_the_day_s_quota_if_it_is_long_or_the_hour_has_calls_left_and_else_waited_for(
    requests_mock, client, request_, headers, answer, said
):
    requests_mock.get(EXPORT, status_code=429, headers=headers, json={"Message": answer})
    with pytest.raises(QuotaSpent if said else CallRefused, match=said) as caught:
        client.submit(request_)
    assert ('"reports_per_day"' if said else '"calls_per_hour"') in caught.value.remedy


LEFT_FEW = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "10", "X-RateLimit-Reset": "600"}


@pytest.mark.parametrize(
    ("values", "headers", "polls", "seconds"),
    [
        pytest.param({"calls_per_hour": 10}, {}, 20, 3600, id="the hourly limit"),
        pytest.param({}, LEFT_FEW, 2, 60, id="what the vendor says is left"),
    ],
)
def test_the_calls_are_kept_below(requests_mock, clock, values, headers, polls, seconds):
    requests_mock.get(JOB, json=job_object("RUNNING"), headers=headers)
    client = client_of([{"id": "x"}], clock=clock, **values)
    job = ReportJob(request=request_of(client), id="j-1", submitted_at=clock.now())
    for _ in range(polls):
        client.poll(job)
    assert clock.monotonic() >= seconds


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


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"json": job_object("")}, BadAnswer, "no Status came"),
        ({"json": job_object(None)}, BadAnswer, "no Status came"),
        ({"status_code": 404, "json": {"Status": "ERROR", "Message": "Not found"}}, JobUnknown, "Not found"),
        ({"json": {"Status": "ERROR", "Message": "Try later"}}, CallRejected, "Try later"),
    ],
)
def test_an_answer_without_a_status_is_an_error_and_no_failed_job(
    requests_mock, client, job, answer, error, said
):
    requests_mock.get(JOB, **answer)
    with pytest.raises(error, match=said):
        client.poll(job)


BEGAN, ENDED = (dt.datetime(2026, 2, 1, *at, tzinfo=dt.UTC) for at in ((15, 59), (16, 0)))


@pytest.mark.parametrize(
    ("changes", "created", "finished"),
    [
        ({}, BEGAN, ENDED),
        pytest.param({"CompletedDate": "2026-02-01T10:00:00"}, BEGAN, ENDED, id="in the account's zone"),
        *(({"CompletedDate": empty, "CreatedDate": empty}, None, NOW) for empty in ("", None, "soon")),
    ],
)
def test_a_poll_reads_dates_and_a_job_without_them_ended_when_it_was_seen(
    requests_mock, client, job, changes, created, finished
):
    requests_mock.get(JOB, json=job_object(**changes))
    found = client.poll(job)
    assert (found.created_at, found.finished_at, found.submitted_at) == (created, finished, NOW)
    assert found.rows == 250


@pytest.mark.parametrize(
    ("word", "records", "rows"),
    [
        ("COMPLETED", 0, 0),
        ("COMPLETED", "0", 0),
        ("COMPLETED", 12, 12),
        ("COMPLETED", "", None),
        ("COMPLETED", None, None),
        pytest.param("RUNNING", 100, None, id="not believed before the end"),
    ],
)
def test_rows_are_numbers_texts_or_missing(requests_mock, client, job, word, records, rows):
    requests_mock.get(JOB, json=job_object(word, RecordsProcessed=records))
    assert client.poll(job).rows == rows


def test_a_failure_brings_the_vendor_s_words(requests_mock, client, job):
    failed = job_object("FAILED", StatusMessage="Range too wide", FailedDate="2026-03-02T04:00:00Z")
    requests_mock.get(JOB, json=failed)
    found = client.poll(job)
    assert (found.message, found.rows) == ("Range too wide", None)
    assert found.finished_at == dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)


# --- replay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"json": job_object("QUEUED")}, {"text": ""}])
def test_a_replay_is_an_empty_put_to_the_job(requests_mock, client, job, answer):
    requests_mock.get(JOB, json=job_object())
    put = requests_mock.put(REPLAY, **answer)
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


def test_a_job_that_runs_already_is_not_replayed_again(requests_mock, client, job):
    requests_mock.get(JOB, json=job_object("RUNNING", CompletedDate=OLD))
    put = requests_mock.put(REPLAY, json={})
    assert client.replay(job).handle == {"replayed_from": {"CompletedDate": OLD}}
    assert put.call_count == 0


NOT_REPLAYABLE = {"Status": "ERROR", "Message": "Not replayable"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param({"status_code": 403, "json": NOT_REPLAYABLE}, CallRejected, id="no access problem"),
        pytest.param({"status_code": 200, "json": NOT_REPLAYABLE}, CallRejected, id="an error in a 200"),
        ({"status_code": 401}, AccessDenied),
        pytest.param({"status_code": 503}, CallBroken, id="refused for ever"),
        pytest.param({"status_code": 429, "headers": {"Retry-After": "36000"}}, QuotaSpent, id="for long"),
    ],
)
def test_a_replay_that_is_not_possible_is_an_error(requests_mock, client, clock, job, answer, error):
    requests_mock.get(JOB, json=job_object())
    requests_mock.put(REPLAY, **answer)
    with pytest.raises(TapReportsError) as caught:
        client.replay(job)
    assert type(caught.value) is error
    assert bool(clock.slept) == (error is CallBroken)
    assert "Not replayable" in str(caught.value) or "json" not in answer


def test_a_replay_of_an_unknown_job_says_so(requests_mock, client, job):
    requests_mock.get(JOB, status_code=404)
    with pytest.raises(JobUnknown):
        client.replay(job)


def test_a_replay_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(requests_mock, client, job):
    requests_mock.get(JOB, [{"json": job_object()}, {"json": job_object("RUNNING")}])
    put = requests_mock.put(REPLAY, exc=requests.ReadTimeout)
    assert client.replay(job).handle == {"replayed_from": {"CompletedDate": OLD}}
    assert put.call_count == 1


@pytest.mark.parametrize(
    ("answer", "slept"),
    [
        pytest.param({"status_code": 429, "headers": {"Retry-After": "30"}}, 30, id="after the time asked"),
        pytest.param({"status_code": 502}, None, id="if it was lost and not accepted"),
    ],
)
def test_a_refused_replay_is_sent_again(requests_mock, client, clock, job, answer, slept):
    requests_mock.get(JOB, json=job_object())
    put = requests_mock.put(REPLAY, [answer, {"json": job_object("QUEUED")}])
    assert client.replay(job).id == "j-1"
    assert put.call_count == 2
    assert clock.slept == [slept] or slept is None


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
