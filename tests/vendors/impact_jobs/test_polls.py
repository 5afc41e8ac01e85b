"""impact.com: what a poll of a job says."""

from __future__ import annotations

import datetime as dt

import pytest
from impact_account import NOW
from impact_job_cases import JOB, job_object

from tap_reports.exceptions import BadAnswer, CallRejected, JobUnknown


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
