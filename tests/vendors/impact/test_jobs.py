"""impact.com: what a poll of a job says, and a job that is run again."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import requests
from impact_account import JOB, NEW, NOW, OLD, PREFIX, REPLAY, SID, job_object

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRejected,
    JobUnknown,
    QuotaSpent,
    TapReportsError,
)
from tap_reports.models import JobStatus


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
FAILED_AT = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)
FAILED = {"Status": "FAILED", "StatusMessage": "Range too wide", "FailedDate": "2026-03-02T04:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"created_at": BEGAN, "finished_at": ENDED, "submitted_at": NOW, "rows": 250, "message": ""}),
        pytest.param(
            {"CompletedDate": "2026-02-01T10:00:00"}, {"finished_at": ENDED}, id="in the account's zone"
        ),
        *(
            ({"CompletedDate": none, "CreatedDate": none}, {"created_at": None, "finished_at": NOW})
            for none in ("", None, "soon")
        ),
        *(({"RecordsProcessed": number}, {"rows": int(number)}) for number in (0, "0", 12)),
        *(({"RecordsProcessed": none}, {"rows": None}) for none in ("", None)),
        pytest.param({"Status": "RUNNING"}, {"rows": None}, id="rows are not believed before the end"),
        (FAILED, {"message": "Range too wide", "rows": None, "finished_at": FAILED_AT}),
    ],
)
def test_a_poll_reads_dates_rows_and_the_vendor_s_words(requests_mock, client, job, changes, expected):
    requests_mock.get(JOB, json={**job_object(), **changes})
    polled = client.poll(job)
    assert {name: getattr(polled, name) for name in expected} == expected


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
