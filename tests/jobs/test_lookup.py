"""How a request comes to its job, by what the state and the ledger know of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from tap_reports.jobs.lookup import lookup
from tap_reports.ledger.records import JobRecord
from tap_reports.models import ReportRequest, Slice
from tap_reports.settings.read import read
from tap_reports.vendors import all_vendors

NOW = dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC)
DAYS = Slice(dt.date(2026, 3, 1), dt.date(2026, 3, 9))
REQUEST = ReportRequest(
    vendor="impact", account="a", api_url="https://x.example", report="r", slice=DAYS, settled_on=None
)
IMPACT = {"account_sid": "IR1", "auth_token": "t", "account_type": "partner"}


def record(
    status: str, *, hours_ago: float, is_out: bool, downloaded_at: dt.datetime | None = None, **handle: Any
) -> JobRecord:
    at = NOW - dt.timedelta(hours=hours_ago)
    return JobRecord(
        row=1,
        key=REQUEST.key,
        vendor="impact",
        account="a",
        slice=DAYS,
        job_id="j1",
        status=status,
        submitted_at=at,
        finished_at=at,
        is_out=is_out,
        downloaded_at=downloaded_at,
        handle=handle,
    )


def action(
    entry: JobRecord | None,
    known: dict[str, Any] | None = None,
    settled_on: dt.date | None = None,
    **top: Any,
) -> str:
    top = {"start_date": "2026-01-01", "impact": IMPACT, "reuse_job_hours": 6} | top
    settings = read(top, version="0")
    (config,) = settings.vendors
    request, vendor = replace(REQUEST, settled_on=settled_on), all_vendors()["impact"]
    decision = lookup(request, entry, known, vendor=vendor, config=config, can_replay=True, now=NOW)
    return str(decision.action)


@pytest.mark.parametrize("top", [{}, {"reuse_finished_jobs": False}])
def test_a_finished_job_that_no_run_has_had_out_is_collected_whatever_its_age(top):
    assert action(record("succeeded", hours_ago=7, is_out=False), **top) == "reuse"
    assert action(record("empty", hours_ago=7, is_out=False), **top) == "reuse"


@pytest.mark.parametrize("known", [None, {"id": "j1"}])
def test_a_job_whose_file_was_refused_is_run_again_only_if_the_user_says_so(known):
    refused = record("succeeded", hours_ago=1, is_out=False, downloaded_at=NOW)
    assert action(refused, known) == ("resume" if known else "reuse")
    assert action(refused, known, reuse_finished_jobs=False) == "replay"


def test_a_finished_job_whose_records_are_out_is_reused_within_reuse_job_hours_only():
    assert action(record("succeeded", hours_ago=5, is_out=True)) == "reuse"
    assert action(record("succeeded", hours_ago=7, is_out=True)) == "replay"


def test_a_result_of_the_day_on_which_nothing_changes_any_more_is_reused_always_and_none_before():
    old = record("succeeded", hours_ago=24, is_out=True)
    assert action(old, settled_on=NOW.date() - dt.timedelta(days=1)) == "reuse"
    assert action(old, settled_on=NOW.date()) == "replay"


def test_a_result_that_the_vendor_no_longer_keeps_is_asked_for_again():
    assert action(record("succeeded", hours_ago=24 * 400, is_out=False)) == "submit"


def test_how_long_a_result_is_kept_is_the_job_s_own_whatever_the_settings_have_become():
    assert action(record("succeeded", hours_ago=25, is_out=False, result_hours=24)) == "submit"
    assert action(record("succeeded", hours_ago=24 * 300, is_out=False, result_hours=24 * 365)) == "reuse"


def test_a_failed_job_is_asked_for_again_unless_the_state_names_a_later_one():
    failed = record("failed", hours_ago=1, is_out=False)
    assert action(failed) == "submit"
    assert action(failed, {"id": "j1"}) == "submit"
    assert action(failed, {"id": "j2"}) == "resume"


def test_a_running_job_and_one_that_the_state_names_are_resumed():
    assert action(record("running", hours_ago=1, is_out=False)) == "resume"
    assert action(record("succeeded", hours_ago=7, is_out=True), {"id": "j1"}) == "resume"
    assert action(None, {"id": "j1"}) == "resume"
