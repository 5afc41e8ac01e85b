"""Second Nature: whole runs whose polls are answered with what the vendor's page does not show."""

from __future__ import annotations

import json

import pytest
from scenarios import SCENARIOS, run_here

from tap_reports.sandbox import Sandbox

SCENARIO = SCENARIOS["second_nature"]
WAITED_OUT = ("JobTimeout", 1, 3600)
NOT_AN_ANSWER = ("StreamError", 1, 70)
ENDED = ("JobFailed", 2, 70)
"""Class of the error, submissions, and seconds that the run takes at most."""


@pytest.fixture(scope="module")
def catalog():
    with Sandbox(rows=2, speed=1e6, delay=0) as sandbox:
        return run_here(SCENARIO.config(sandbox, job_ledger="off")).tap.catalog_dict


@pytest.mark.parametrize(
    ("answer", "end", "said"),
    [
        ({"status": "archiving"}, WAITED_OUT, 'still "archiving" (unknown to this tap) after 3600 s'),
        ({"status": 7}, WAITED_OUT, 'still "7" (unknown to this tap)'),
        ({"status": None}, NOT_AN_ANSWER, "no status came"),
        ({"status": True}, NOT_AN_ANSWER, "no status came"),
        ({"status": ["complete"]}, NOT_AN_ANSWER, "no status came"),
        ({"status": {"word": "complete"}}, NOT_AN_ANSWER, "no status came"),
        ({"state": "complete"}, NOT_AN_ANSWER, "no status came, only: state"),
        ({}, NOT_AN_ANSWER, "no status came, only: nothing"),
        (["complete"], NOT_AN_ANSWER, "no JSON object came"),
        (None, NOT_AN_ANSWER, "no JSON object came: null"),
        ({"status": "complete"}, NOT_AN_ANSWER, "report_url is missing"),
        ({"status": "complete", "report_url": 5}, NOT_AN_ANSWER, "report_url is missing"),
        ({"status": "complete", "report_url": [["a"]]}, NOT_AN_ANSWER, "report_url is missing"),
        ({"status": "complete", "report_url": "ftp://x/y"}, NOT_AN_ANSWER, "neither https nor a loopback"),
        ({"status": "failed", "error": ["no", {"b": 1}]}, ENDED, "ended as \"failed\": ['no', {'b': 1}]"),
    ],
    ids=str,
)
def test_an_odd_answer_ends_in_words_and_nothing_is_bought_again(catalog, answer, end, said):
    error, submissions, most = end
    block = {"slice_days": 24, "poll_interval_seconds": 15, "poll_max_interval_seconds": 30}
    with Sandbox(rows=2, speed=1e6, delay=0) as sandbox:
        kind = {"vendor": "second_nature", "kind": "poll", "times": 0}
        sandbox.faults.add("status", status=200, body=json.dumps(answer), **kind)
        ran = run_here(SCENARIO.config(sandbox, job_ledger="off", block=block), catalog=catalog)
        assert sandbox.submissions("second_nature").calls == submissions
    assert (ran.status, ran.error_class, ran.records(SCENARIO.stream)) == (1, error, [])
    assert said in ran.error
    assert ran.seconds <= most + 0.1
    assert len(ran.pending(SCENARIO.stream)) == (end != ENDED), "the next run goes on with the job"
