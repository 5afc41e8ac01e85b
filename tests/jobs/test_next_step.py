"""What happens to a job: the decisions that the scripts of `test_scripts` do not show."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from tap_reports.exceptions import FileError, JobFailed, JobTimeout, NotSent
from tap_reports.jobs import next_step
from tap_reports.jobs.next_step import (
    Rules,
    Step,
    after_finish,
    after_refused_replay,
    after_submission_error,
    failure,
    find_job,
    is_outdated,
)
from tap_reports.jobs.task import Attempts
from tap_reports.ledger.records import JobRecord
from tap_reports.models import REPLAYED, JobStatus, ReportJob, ReportRequest, Slice
from tap_reports.settings.read import read
from tap_reports.vendors import all_vendors

NOW = dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DAYS = Slice(dt.date(2026, 3, 1), dt.date(2026, 3, 9))
REQUEST = ReportRequest(vendor="impact", account="a", api_url="https://x.example", report="r", slice=DAYS)
NONE = Rules()
TWO_RETRIES = Rules(retries=2)
ONE_MORE = Rules(resubmissions=1)


def ended(status=JobStatus.SUCCEEDED, *, hours_ago=0.0, message="", days=DAYS):
    finished_at = NOW - dt.timedelta(hours=hours_ago)
    request = replace(REQUEST, slice=days)
    return ReportJob(
        request=request, id="1", status=status, submitted_at=NOW, finished_at=finished_at, message=message
    )


def test_the_table_at_the_start_of_the_module_names_each_decision_and_each_step():
    decisions = [name for name in vars(next_step) if name == "find_job" or name.startswith("after_")]
    assert len(decisions) == 7
    assert [name for name in (*decisions, *Step.__members__) if name not in next_step.__doc__] == []


# --- finding the job ---------------------------------------------------------------------------------


def record(status: str, hours_ago: float = 1, *, is_emitted: bool = False, **values: Any) -> JobRecord:
    at = NOW - dt.timedelta(hours=hours_ago)
    values = {"finished_at": at, "job_id": "j1"} | values
    return JobRecord(
        row=1,
        key=REQUEST.key,
        vendor="impact",
        account="a",
        slice=DAYS,
        status=status,
        submitted_at=at,
        is_emitted=is_emitted,
        **values,
    )


BLOCKS = {
    "impact": {"account_sid": "IR1", "auth_token": "t", "account_type": "partner"},
    "digital_turbine": {"client_id": "c", "client_secret": "s", "reports": []},
    "similarweb": {"api_key": "k", "domains": ["example.com"]},
}
REFUSED = record("succeeded", downloaded_at=NOW)
IN_STATE, OTHER_IN_STATE = {"id": "j1"}, {"id": "j2"}
OFF = {"reuse_finished_jobs": False}


def find(entry, known=None, *, vendor="impact", settled_on=None, can_replay=True, **top):
    top = {"start_date": "2026-01-01", vendor: BLOCKS[vendor], "reuse_job_hours": 6} | top
    (config,) = read(top, version="0").vendors
    return find_job(
        replace(REQUEST, settled_on=settled_on),
        entry,
        known,
        vendor=all_vendors()[vendor],
        config=config,
        can_replay=can_replay,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("entry", "known", "more", "action", "step"),
    [
        (None, None, {}, "submit", Step.SUBMIT),
        (None, IN_STATE, {}, "resume", Step.POLL),
        (record("running"), None, {}, "resume", Step.POLL),
        (record("failed"), None, {}, "submit", Step.SUBMIT),
        (record("failed"), IN_STATE, {}, "submit", Step.SUBMIT),
        (record("failed"), OTHER_IN_STATE, {}, "resume", Step.POLL),
        # Not emitted: whatever its age.
        (record("succeeded", 7), None, {}, "reuse", Step.POLL),
        (record("succeeded", 7), None, OFF, "reuse", Step.POLL),
        (record("empty", 7), None, {}, "reuse", Step.READY),
        # Not emitted, as its file was refused.
        (REFUSED, None, {}, "reuse", Step.POLL),
        (REFUSED, IN_STATE, {}, "resume", Step.POLL),
        (REFUSED, None, OFF, "replay", Step.REPLAY),
        (REFUSED, IN_STATE, OFF, "replay", Step.REPLAY),
        # Emitted.
        (record("succeeded", 5, is_emitted=True), None, {}, "reuse", Step.POLL),
        (record("succeeded", 7, is_emitted=True), None, {}, "replay", Step.REPLAY),
        (record("succeeded", 7, is_emitted=True), None, {"can_replay": False}, "submit", Step.REFRESH),
        (record("succeeded", 7, is_emitted=True), IN_STATE, {}, "resume", Step.POLL),
        (
            record("succeeded", 24, is_emitted=True),
            None,
            {"settled_on": NOW.date() - DAY},
            "reuse",
            Step.POLL,
        ),
        (record("succeeded", 24, is_emitted=True), None, {"settled_on": NOW.date()}, "replay", Step.REPLAY),
        # Kept by the vendor, or not any more; how long is the job's own.
        (record("succeeded", 24 * 400), None, {}, "submit", Step.REFRESH),
        (record("succeeded", 25, handle={"result_hours": 24}), None, {}, "submit", Step.REFRESH),
        (record("succeeded", 24 * 300, handle={"result_hours": 24 * 365}), None, {}, "reuse", Step.POLL),
        # Without an answer, or a link.
        (record("lost", job_id=""), None, {}, "submit", Step.SUBMIT),
        (None, IN_STATE, {"vendor": "digital_turbine"}, "submit", Step.SUBMIT),
    ],
)
def test_what_the_ledger_and_the_state_know_leads_to_a_step(entry, known, more, action, step):
    lookup = find(entry, known, **more)
    assert (lookup.action, lookup.step) == (action, step)


@pytest.mark.parametrize(
    ("entry", "known", "more", "said"),
    [
        (record("lost", job_id=""), None, {"vendor": "similarweb"}, "never answered"),
        (record("lost", job_id=""), None, {}, None),
        (record("succeeded", 24 * 400), None, {}, "older than impact.com keeps"),
        (None, IN_STATE, {"vendor": "digital_turbine"}, "can't be resumed from state alone"),
        (record("failed"), None, {}, None),
    ],
)
def test_a_submission_in_place_of_an_earlier_one_is_warned_of(entry, known, more, said):
    warning = find(entry, known, **more).warning
    assert (said in warning and "submitted again now" in warning) if said else warning == ""


# --- submissions --------------------------------------------------------------------------------------


IN_VAIN = NotSent("GET /x", "")
IN_VAIN.is_worth_repeating = False


@pytest.mark.parametrize(
    ("error", "values", "step"),
    [
        (NotSent("GET /x", ""), {"times": 5, "wait": 1, "seconds_left": 1}, Step.SUBMIT),
        (NotSent("GET /x", ""), {"times": 6, "wait": 1, "seconds_left": 1}, Step.FAIL),
        (NotSent("GET /x", ""), {"times": 1, "wait": 2, "seconds_left": 1}, Step.FAIL),
        (IN_VAIN, {"times": 1, "wait": 1, "seconds_left": 1}, Step.FAIL),
    ],
)
def test_a_submission_that_was_not_sent_is_sent_where_that_may_help(error, values, step):
    assert after_submission_error(error, Rules(max_retries=5), **values) is step


# --- jobs that are done -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "attempts", "rules", "is_outdated", "step"),
    [
        (JobStatus.SUCCEEDED, Attempts(), NONE, False, Step.DOWNLOAD),
        (JobStatus.SUCCEEDED, Attempts(), Rules(downloads_results=False), False, Step.READY),
        (JobStatus.EMPTY, Attempts(), NONE, False, Step.READY),
        (JobStatus.SUCCEEDED, Attempts(), NONE, True, Step.REPLAY),
        (JobStatus.EMPTY, Attempts(), NONE, True, Step.REPLAY),
        (JobStatus.SUCCEEDED, Attempts(replays=1), NONE, True, Step.DOWNLOAD),
        (JobStatus.FAILED_RETRYABLE, Attempts(), NONE, False, Step.FAIL),
        (JobStatus.FAILED_RETRYABLE, Attempts(), TWO_RETRIES, False, Step.RETRY),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=1), TWO_RETRIES, False, Step.RETRY),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=2), TWO_RETRIES, False, Step.FAIL),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=1, replays=1), TWO_RETRIES, False, Step.FAIL),
        (JobStatus.FAILED_RETRYABLE, Attempts(), ONE_MORE, False, Step.RESUBMIT),
        (JobStatus.FAILED_RETRYABLE, Attempts(resubmissions=1), ONE_MORE, False, Step.FAIL),
        (JobStatus.EXPIRED, Attempts(), ONE_MORE, False, Step.RESUBMIT),
        (JobStatus.EXPIRED, Attempts(resubmissions=1), ONE_MORE, False, Step.FAIL),
        (JobStatus.EXPIRED, Attempts(), TWO_RETRIES, False, Step.FAIL),
        (JobStatus.FAILED, Attempts(), Rules(retries=2, resubmissions=1), False, Step.FAIL),
    ],
)
def test_a_status_leads_to_a_step(status, attempts, rules, is_outdated, step):
    assert after_finish(ended(status), attempts, rules, is_outdated=is_outdated) is step


@pytest.mark.parametrize(
    ("hours_ago", "settled_on", "expected"),
    [
        pytest.param(0.0, None, False, id="finished after its submission"),
        pytest.param(5, None, False, id="before, and within reuse_job_hours"),
        pytest.param(7, None, True, id="long before"),
        pytest.param(48, NOW.date() - 3 * DAY, False, id="when its data could no longer change"),
    ],
)
def test_a_job_that_ended_before_it_was_submitted_is_outdated(hours_ago, settled_on, expected):
    top = {"start_date": "2026-01-01", "impact": BLOCKS["impact"], "reuse_job_hours": 6}
    (config,) = read(top, version="0").vendors
    job = ended(hours_ago=hours_ago)
    job = replace(job, request=replace(job.request, settled_on=settled_on))
    assert is_outdated(job, all_vendors()["impact"], config) is expected
    replayed = replace(job, handle={REPLAYED: True})
    assert not is_outdated(replayed, all_vendors()["impact"], config)


@pytest.mark.parametrize(
    ("is_handed_back", "end", "step"),
    [
        pytest.param(False, DAYS.end, Step.REFRESH, id="found"),
        pytest.param(True, DAYS.end, Step.DOWNLOAD, id="handed back"),
        pytest.param(True, NOW.date(), Step.FAIL, id="handed back, of a slice that was not over"),
    ],
)
def test_a_refused_replay_leads_to_a_step(is_handed_back, end, step):
    job = ended(days=Slice(DAYS.start, end))
    assert after_refused_replay(job, is_handed_back=is_handed_back) is step


@pytest.mark.parametrize(
    ("status", "attempts", "kind"),
    [
        (JobStatus.FAILED, Attempts(), JobFailed),
        (JobStatus.EXPIRED, Attempts(resubmissions=1), JobTimeout),
        (JobStatus.EXPIRED, Attempts(resubmissions=1, expired_links=3), FileError),
    ],
)
def test_a_job_without_a_result_says_how_it_ended(status, attempts, kind):
    error = failure(ended(status, message="sorry"), attempts)
    assert type(error) is kind
    assert f'the job ended as "{status}": sorry. Run again' in str(error)


@pytest.mark.parametrize("days", [DAYS, Slice(DAYS.start, DAYS.start)])
@pytest.mark.parametrize(
    "said", ["The result is too large.", "Row limit exceeded", "query timed out", "OUT OF MEMORY"]
)
def test_a_job_that_is_too_large_is_told_of_smaller_slices(said, days):
    error = failure(ended(JobStatus.FAILED, message=said, days=days), Attempts())
    assert ("smaller slice_days" in str(error)) is (days.days > 1)
