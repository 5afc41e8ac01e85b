"""What is special about each vendor, with the whole program against the sandbox."""

from __future__ import annotations

import datetime as dt

import pytest
from scenarios import run_here
from virtual_clock import FakeClock

from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.options import Accounts, Time
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports

TODAY = dt.date(2026, 8, 15)


@pytest.fixture
def sandbox():
    with Sandbox(rows=3, speed=1000, delay=0, today=TODAY) as running:
        yield running


def similarweb(sandbox, *reports, **settings):
    config = {**sandbox.config("similarweb"), "start_date": "2026-07-01", "end_date": "2026-07-31"}
    block = {**config["similarweb"], "domains": ["a.com"], "countries": ["WW"], "reports": list(reports)}
    return {**config, "similarweb": block, **settings}


def test_a_result_that_ends_at_the_limit_is_warned_of(sandbox, caplog):
    ran = run_here(similarweb(sandbox, {"table": "referrals"}))
    assert len(ran.records("similarweb_referrals_monthly")) == 100
    assert "exactly 100 rows, which is the limit" in caplog.text
    caplog.clear()
    ran = run_here(similarweb(sandbox, {"table": "referrals", "limit": 200}))
    assert len(ran.records("similarweb_referrals_monthly")) == 150
    assert "which is the limit" not in caplog.text


@pytest.mark.parametrize(("name", "paid"), [({"account": "us"}, 1), ({}, 2)])
def test_a_named_account_s_jobs_are_reused_after_its_key_changed(sandbox, tmp_path, name, paid):
    for key in ("the-key-of-last-year", "the-key-of-this-year"):
        sandbox.accounts = Accounts(similarweb_key=key)
        config = similarweb(sandbox, {"table": "website"}, job_ledger=str(tmp_path / "jobs.sqlite"))
        config["similarweb"] |= name
        assert len(run_here(config).records("similarweb_website_monthly")) == 1
    assert sandbox.submissions("similarweb").accepted == paid


def test_a_start_before_the_described_history_begins_with_it(sandbox, caplog):
    report = {"table": "traffic_and_engagement", "metrics": ["desktop_visits"]}
    ran = run_here(similarweb(sandbox, report, start_date="2010-01-01"))
    assert ran.status == 0
    assert ran.records("similarweb_traffic_and_engagement_monthly")[0]["date"] == "2021-01-01"
    assert "the data begins on 2021-01-01, later than start_date (2010-01-01)" in caplog.text


def test_a_warning_of_validation_is_logged_once(sandbox, caplog):
    report = {"table": "website", "filters": {"domains": ["nodata.com"]}}
    run_here(similarweb(sandbox, report))
    assert caplog.text.count("nodata.com has no data") == 1


def impact(sandbox, **block):
    config = {**sandbox.config("impact"), "start_date": "2026-07-01", "end_date": "2026-07-31"}
    return {**config, "impact": {**config["impact"], **block}}


LISTING = {"id": "mp_action_listing_fast", "slice_days": 1}


@pytest.fixture
def hourly(monkeypatch):
    """impact.com on the clock of the runs: an hour of its limit takes no time."""
    clock = FakeClock()
    monkeypatch.setattr(Time, "monotonic", lambda _: clock.monotonic())
    with Sandbox(rows=1, speed=1, delay=0, today=TODAY, requests_per_hour=60) as running:
        yield running, clock


def test_calls_are_spread_over_hours_so_that_none_is_refused(hourly, caplog):
    sandbox, clock = hourly
    ran = run_here(impact(sandbox, reports=[LISTING], lookback_days=0), clock)
    assert (ran.status, len(ran.records("impact_mp_action_listing_fast"))) == (0, 31)
    calls = sandbox.calls_of("impact")
    assert len(calls) > 60, "more than an hour has"
    assert {call.status for call in calls} <= {200, 302}
    assert 1800 < ran.seconds < 7200
    assert "quota" not in caplog.text


def test_an_hour_that_another_program_has_used_up_is_waited_for(hourly):
    sandbox, clock = hourly
    config = impact(sandbox, reports=[LISTING], lookback_days=0, calls_per_hour=9999, timezone="UTC")
    catalog = TapReports(config=config, mode=Mode.DISCOVER).catalog_dict
    sandbox._vendors["impact"]._hour._times.extend([clock.monotonic()] * 60)
    ran = run_here(config, clock, catalog=catalog)
    assert (ran.status, len(ran.records("impact_mp_action_listing_fast"))) == (0, 31)
    assert 429 in {call.status for call in sandbox.calls_of("impact")}
    assert sandbox.submissions("impact").accepted == 31


def test_a_spent_day_quota_is_not_taken_for_a_spent_hour_and_ends_the_stream():
    with Sandbox(rows=1, speed=1000, delay=0, today=TODAY, reports_per_day=2) as sandbox:
        ran = run_here(impact(sandbox, reports=[LISTING], lookback_days=0, reports_per_day=100))
        refused = [call for call in sandbox.calls_of("impact", "submit") if call.status == 429]
    assert ran.status == 1
    assert ran.seconds < 60
    assert "Daily limit of 2 requests exceeded" in ran.error
    assert '"reports_per_day"' in ran.error
    assert ran.bookmark("impact_mp_action_listing_fast") == "2026-07-02", "what was had is out"
    assert len(refused) == 1


def test_a_report_without_dates_is_a_snapshot_by_its_metadata_and_from_a_catalog(sandbox):
    config = impact(sandbox, reports=[{"id": "mp_vanity_links"}])
    ran = run_here(config)
    assert ran.status == 0
    assert len(ran.records("impact_mp_vanity_links")) == 3
    assert sandbox.submissions("impact").accepted == 1
    assert "START_DATE" not in str(sandbox.calls_of("impact", "submit"))
    catalog = ran.tap.catalog_dict
    again = run_here(config, catalog=catalog)
    assert again.status == 0
    assert len(again.records("impact_mp_vanity_links")) == 3, "a snapshot, with the catalog too"
    assert sandbox.submissions("impact").accepted == 1, "the same job, replayed or reused"


def test_a_file_without_rows_is_warned_of_if_the_vendor_counts_some(sandbox, caplog):
    sandbox.faults.add("header_only", vendor="impact", kind="download")
    report = {"id": "mp_action_listing_fast", "slice_days": 31}
    ran = run_here(impact(sandbox, reports=[report], lookback_days=0))
    assert (ran.status, ran.records("impact_mp_action_listing_fast")) == (0, [])
    assert "is complete and has no rows, but the vendor counts 93" in caplog.text


def test_jobs_of_another_report_of_the_table_bring_no_warnings_of_metrics(sandbox, program, tmp_path):
    table = "traffic_and_engagement"
    config = similarweb(sandbox, {"table": table}, job_ledger=str(tmp_path / "jobs.sqlite"))
    config["similarweb"]["reports"] = [{"table": table, "granularity": "daily"}, {"table": table}]
    program.run(config, "--submit")
    assert "metrics have values for a part" not in program.run(config).stderr


def test_credits_go_to_the_first_slices_however_slow_their_validation(sandbox, program):
    """In real time: validations are made at the same time."""
    report = {"table": "traffic_and_engagement", "granularity": "daily", "slice_days": 10}
    config = similarweb(sandbox, report, job_ledger=str(program.ledger))
    estimate = program.run(config, "--plan", "--format", "json").json["totals"]["estimated_credits"]
    sandbox.faults.add("hang", vendor="similarweb", kind="validate", seconds=0.5)
    config["similarweb"]["max_credits_per_run"] = estimate / 2
    ran = program.run(config)
    assert ran.status == 1
    assert sandbox.submissions("similarweb").accepted == 1
    assert ran.bookmark("similarweb_traffic_and_engagement_daily") == "2026-07-10"
