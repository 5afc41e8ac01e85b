"""What all vendors do alike with polls: odd answers, status words, ids, repeated and paced calls."""

from __future__ import annotations

import re

import pytest
from all_accounts import ODD_BODIES, POLLED, of, refused

from tap_reports.exceptions import BadAnswer, CallRejected, JobUnknown
from tap_reports.models import JobStatus

LEFT_FEW = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "10", "X-RateLimit-Reset": "600"}


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
        polled = client.poll(account.job(client))
        assert (polled.status, polled.word, polled.unknown_word) == (status, word, word == "???")


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


@pytest.mark.parametrize(
    ("account", "values", "headers", "times"),
    [
        ("second_nature", {"requests_per_minute": 3}, {}, [0, 0, 0, 60, 60, 60, 120]),
        pytest.param("second_nature", {}, {}, [0] * 30, id="without a limit"),
        pytest.param("similarweb", {}, {}, [0] * 10 + [1] * 10 + [2], id="ten calls a second"),
        ("impact", {"calls_per_hour": 4}, {}, [0, 0, 1800, 3600, 4500]),
        pytest.param("impact", {}, LEFT_FEW, [0, 60, 120], id="what the vendor says is left"),
    ],
    indirect=["account"],
)
def test_calls_keep_to_the_vendor_s_pace(account, requests_mock, values, headers, times):
    requests_mock.get(
        account.polls, json={"Id": "j-1", "Status": "RUNNING", "status": "pending"}, headers=headers
    )
    client, poll_times = account.connect(**values), []
    for _ in times:
        client.poll(account.job(client))
        poll_times.append(client.clock.monotonic())
    assert poll_times == pytest.approx(times, abs=0.1)
