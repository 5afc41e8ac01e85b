"""How often a report is asked for: refusals, lost answers, earlier runs' jobs, quotas and credits."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from scenarios import SCENARIOS, counted, run_here
from virtual_clock import FakeClock

from tap_reports.sandbox import Sandbox

RESENT = {"impact": 6, "second_nature": 6, "digital_turbine": 2, "similarweb": 1}
"""Submissions of one slice in a run whose answers are all lost, by what another one costs."""


@pytest.fixture
def sandbox():
    with Sandbox(rows=2, speed=1e6, delay=0) as running:
        yield running


@pytest.fixture(params=SCENARIOS)
def scenario(request):
    return SCENARIOS[request.param]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def config(sandbox, scenario, tmp_path):
    """One slice, with a ledger."""
    return scenario.config(
        sandbox,
        block={"slice_days": 24},
        retry_backoff_seconds=1,
        job_ledger=str(tmp_path / "jobs.sqlite"),
    )


def is_whole(ran, scenario, sandbox):
    return ran.status == 0 and counted(ran.records(scenario.stream)) == counted(scenario.expected(sandbox))


def is_loud(ran, scenario):
    marks = ran.state["bookmarks"].get(scenario.stream, {})
    return ran.status == 1 and not ran.records(scenario.stream) and "replication_key_value" not in marks


# --- refused and lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refused_submission_is_sent_again(sandbox, scenario, config, clock, status):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=status, times=2)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    assert 3 * 0.75 <= ran.seconds <= 3 * 1.25 + 10


def test_submissions_that_stay_refused_end_the_stream(sandbox, scenario, config, clock):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=503, times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert len(sandbox.calls_of(scenario.vendor, "submit")) == 6
    sandbox.faults.clear()
    assert is_whole(run_here(config, clock, state=ran.state), scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1


def test_a_refusal_s_retry_after_is_honoured(sandbox, scenario, config, clock):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=429, retry_after=120)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert 120 <= ran.seconds <= 130


@pytest.mark.parametrize("fault", ["lost_answer", "reset", 502, 504])
def test_one_lost_answer_is_decided_by_what_another_submission_costs(
    sandbox, scenario, config, clock, caplog, fault
):
    values = {"action": fault} if isinstance(fault, str) else {"action": "status", "status": fault}
    sandbox.faults.add(vendor=scenario.vendor, kind="submit", **values)
    ran = run_here(config, clock)
    if scenario.vendor != "similarweb":
        assert is_whole(ran, scenario, sandbox)
        assert sandbox.submissions(scenario.vendor).calls == 2
        return
    assert is_loud(ran, scenario)
    assert sandbox.submissions(scenario.vendor).calls == 1
    assert "may or may not have accepted" in ran.error
    sent_at = sorted(part for part in ran.error.split() if part.startswith(str(clock.now().year)))
    clock.seconds += 600
    caplog.clear()
    again = run_here(config, clock, state=ran.state)
    assert is_whole(again, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).calls == 2
    (warning,) = [one.getMessage() for one in caplog.records if "never answered" in one.getMessage()]
    assert "submitted again now" in warning
    assert sent_at[0][:16] in warning.replace(" ", "T")


def test_answers_that_are_all_lost_never_exceed_the_law(sandbox, scenario, config, clock):
    sandbox.faults.add("lost_answer", vendor=scenario.vendor, kind="submit", times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert sandbox.submissions(scenario.vendor).calls == RESENT[scenario.vendor]


def test_impact_hands_back_the_job_whose_answer_was_lost(sandbox, clock):
    scenario = SCENARIOS["impact"]
    sandbox.faults.add("lost_answer", vendor="impact", kind="submit")
    assert is_whole(run_here(scenario.config(sandbox, block={"slice_days": 24}), clock), scenario, sandbox)
    assert sandbox.submissions("impact").jobs == 1


@pytest.mark.parametrize("body", ["<html>", "{", "[]", "null"])
def test_an_answer_to_a_submission_that_makes_no_sense_counts_as_lost(sandbox, scenario, config, clock, body):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=200, body=body)
    ran = run_here(config, clock)
    assert sandbox.submissions(scenario.vendor).calls == (1 if scenario.vendor == "similarweb" else 2)
    assert is_loud(ran, scenario) if scenario.vendor == "similarweb" else is_whole(ran, scenario, sandbox)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_rejected_submission_is_not_sent_again(sandbox, scenario, config, clock, status):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=status, times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    # Digital Turbine's token may have run out, so it is renewed once.
    expected = 2 if (scenario.vendor, status) == ("digital_turbine", 401) else 1
    assert len(sandbox.calls_of(scenario.vendor, "submit")) == expected
    assert f"HTTP {status}" in ran.error


# --- earlier runs' jobs -------------------------------------------------------------------------------


def with_job(scenario, sandbox, job_id):
    """Return a state that names a job which nobody knows, under the key that the run will ask for."""
    ran = run_here(scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off"))
    states = [one["value"] for one in ran.messages if one["type"] == "STATE"]
    state = next(one for one in states if one["bookmarks"].get(scenario.stream, {}).get("pending_jobs"))
    state["bookmarks"][scenario.stream]["pending_jobs"][0]["id"] = job_id
    sandbox.reset()
    return state


@pytest.mark.parametrize("job_id", ["gone", "../../etc/passwd", "a b?c=d#e", "漢字", 17])
def test_a_job_that_the_vendor_does_not_know_is_one_line_and_a_new_submission(
    sandbox, scenario, clock, caplog, job_id
):
    state = with_job(scenario, sandbox, job_id)
    caplog.clear()
    caplog.set_level(logging.INFO)
    ran = run_here(scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off"), clock, state=state)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    lines = [
        one.getMessage()
        for one in caplog.records
        if "submitted again" in one.getMessage() or "is asked again" in one.getMessage()
    ]
    assert len(lines) == 1


def test_a_job_of_the_ledger_that_the_vendor_does_not_know_is_submitted_anew(
    sandbox, scenario, config, clock, caplog
):
    if scenario.vendor == "digital_turbine":
        pytest.skip("an unknown link is a link without data: it is waited for, then asked for again")
    run_here(config, clock)
    sandbox.reset()
    caplog.clear()
    again = run_here(config, clock)
    assert is_whole(again, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    assert len([one for one in caplog.records if "submitted again" in one.getMessage()]) == 1


def test_an_own_job_that_the_vendor_forgets_fails_and_the_next_run_submits_anew(sandbox, clock):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off")
    sandbox.faults.add("status", vendor="impact", kind="poll", status=404, times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert sandbox.submissions("impact").accepted == 1
    sandbox.faults.clear()
    sandbox.reset()
    assert is_whole(run_here(config, clock, state=ran.state), scenario, sandbox)


def test_a_status_that_lags_behind_the_submission_is_waited_for(sandbox, clock):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off")
    sandbox.faults.add("status", vendor="similarweb", kind="poll", status=404, times=1)
    assert is_whole(run_here(config, clock), scenario, sandbox)


def test_full_refresh_reuses_jobs_within_the_hours_and_not_after(sandbox, scenario, config, clock):
    config["reuse_job_hours"] = 6
    config[scenario.vendor]["lookback_days"] = 365  # nothing is settled
    run_here(config, clock)
    clock.seconds += 5 * 3600
    if scenario.vendor != "digital_turbine":  # its links live three hours
        assert is_whole(run_here(config, clock), scenario, sandbox)
        assert sandbox.submissions(scenario.vendor).accepted == 1
    clock.seconds += 2 * 3600
    assert is_whole(run_here(config, clock), scenario, sandbox)
    submitted = sandbox.submissions(scenario.vendor).calls
    replayed = len(sandbox.calls_of(scenario.vendor, "replay"))
    assert (submitted, replayed) == ((1, 1) if scenario.vendor == "impact" else (2, 0))


def test_a_settled_job_is_reused_always(sandbox, config, clock):
    scenario = SCENARIOS["impact"]
    config = {**config, **scenario.config(sandbox, block={"slice_days": 24}, reuse_job_hours=0)}
    config["end_date"] = (sandbox.today - dt.timedelta(days=5)).isoformat()
    run_here(config, clock)
    clock.seconds += 3600 * 24 * 20
    ran = run_here(config, clock)
    assert ran.status == 0
    assert sandbox.submissions("impact").accepted == 1
    assert not sandbox.calls_of("impact", "replay")


def test_reuse_finished_jobs_off_runs_them_again(sandbox, scenario, config, clock):
    run_here(config, clock)
    ran = run_here({**config, "reuse_finished_jobs": False}, clock)
    assert is_whole(ran, scenario, sandbox)
    submitted = sandbox.submissions(scenario.vendor).calls
    replayed = len(sandbox.calls_of(scenario.vendor, "replay"))
    assert (submitted, replayed) == ((1, 1) if scenario.vendor == "impact" else (2, 0))


def test_a_handed_back_result_is_replayed_once(sandbox, clock):
    """impact.com answers a repeated request with the result of the first: it is run again, not believed."""
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 24, "lookback_days": 100}, job_ledger="off")
    run_here(config, clock)
    clock.seconds += 21 * 3600  # impact.com's reuse_job_hours are 20
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert len(sandbox.calls_of("impact", "replay")) == 1
    assert sandbox.submissions("impact").calls == 2


def test_a_handed_back_result_that_can_t_be_replayed_is_not_asked_for_again(sandbox, clock, caplog):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 24, "lookback_days": 100}, job_ledger="off")
    run_here(config, clock)
    clock.seconds += 21 * 3600  # impact.com's reuse_job_hours are 20
    sandbox.faults.add("status", vendor="impact", kind="replay", status=404, times=0)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions("impact").calls == 2
    assert any("no replay" in one.getMessage() for one in caplog.records)


# --- quotas -------------------------------------------------------------------------------------------


def test_a_minute_quota_is_waited_for(sandbox, tmp_path, clock):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(
        sandbox,
        block={"slice_days": 2, "reports_per_minute": 5},
        job_ledger=str(tmp_path / "jobs.sqlite"),
    )
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions("digital_turbine").accepted == 12
    assert 120 <= ran.seconds <= 135


@pytest.mark.parametrize("ledger", ["file", "off"])
def test_a_spent_day_quota_keeps_what_is_finished_and_stops_at_once(tmp_path, clock, ledger):
    scenario = SCENARIOS["impact"]
    with Sandbox(rows=2, speed=1e6, delay=0, reports_per_day=2) as sandbox:
        config = scenario.config(
            sandbox,
            block={
                "slice_days": 6,
                "reports_per_day": 2,
                "reports": [{"id": "mp_action_listing_fast"}, {"id": "partner_performance_by_day"}],
            },
            job_ledger="off" if ledger == "off" else str(tmp_path / "jobs.sqlite"),
        )
        ran = run_here(config, clock)
        assert ran.status == 1
        assert sandbox.submissions("impact").calls == 2
        assert {type(one).__name__ for one in ran.tap.outcome.failures.values()} == {"QuotaSpent"}
        assert len(ran.tap.outcome.failures) == 2
        done = scenario.first_day(sandbox) + dt.timedelta(days=11)
        assert ran.bookmark(scenario.stream) == done.isoformat()
        assert counted(ran.records(scenario.stream)) == counted(scenario.expected(sandbox, done))
        tomorrow = (clock.now() + dt.timedelta(days=1)).date()
        assert f"resets at {tomorrow}T00:00" in str(ran.tap.outcome.failures[scenario.stream])
        assert ran.seconds < 60


def test_a_day_quota_that_the_vendor_says_is_spent_stops_as_well(clock):
    """Somebody else uses the account, so the ledger does not know."""
    scenario = SCENARIOS["impact"]
    with Sandbox(rows=2, speed=1, delay=0, reports_per_day=1) as sandbox:
        config = scenario.config(sandbox, block={"slice_days": 6, "reports_per_day": 100}, job_ledger="off")
        ran = run_here(config, clock)
        assert ran.status == 1
        assert ran.error_class == "QuotaSpent"
        done = scenario.first_day(sandbox) + dt.timedelta(days=5)
        assert ran.bookmark(scenario.stream) == done.isoformat()
        assert ran.seconds < 60


def test_places_in_flight_are_never_exceeded(sandbox, scenario, config, clock):
    config[scenario.vendor] |= {"slice_days": 3, "max_jobs_in_flight": 2}
    most = []
    jobs = sandbox.jobs
    add = jobs.add

    def adding(*args, **values):
        job = add(*args, **values)
        running = [one for one in jobs.of(scenario.vendor) if one.words or one.id == job.id]
        most.append(len(running))
        return job

    jobs.add = adding
    busy = {"similarweb": "processing", "impact": "RUNNING", "second_nature": "in_progress"}
    if scenario.vendor in busy:
        sandbox.faults.add(
            "statuses", vendor=scenario.vendor, kind="submit", words=[busy[scenario.vendor]] * 3, times=0
        )
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert max(most) == (2 if scenario.vendor in busy else 1)
    assert sandbox.submissions(scenario.vendor).accepted == 8


# --- credits ------------------------------------------------------------------------------------------


def credits_config(sandbox, **block):
    return SCENARIOS["similarweb"].config(sandbox, block=block, job_ledger="off")


def test_a_report_over_its_limit_is_not_submitted(sandbox, clock):
    ran = run_here(credits_config(sandbox, max_credits_per_report=10), clock)
    assert ran.status == 1
    assert sandbox.submissions("similarweb").calls == 0
    assert "would cost" in ran.error
    assert "max_credits_per_report is 10" in ran.error


def test_the_run_s_limit_keeps_what_is_paid_for(sandbox, clock):
    scenario = SCENARIOS["similarweb"]
    ran = run_here(credits_config(sandbox, slice_days=6, max_credits_per_run=60), clock)
    assert ran.status == 1
    assert ran.error_class == "QuotaSpent"
    assert sandbox.submissions("similarweb").calls == 2
    assert ran.bookmark(scenario.stream) == (scenario.first_day(sandbox) + dt.timedelta(days=11)).isoformat()


def test_what_is_left_is_not_overdrawn(clock):
    with Sandbox(rows=2, speed=1e6, delay=0, credits=60) as sandbox:
        scenario = SCENARIOS["similarweb"]
        ran = run_here(credits_config(sandbox, slice_days=6), clock)
        assert ran.status == 1
        assert sandbox.submissions("similarweb").calls == 2
        assert "are left" in ran.error
        assert (
            ran.bookmark(scenario.stream) == (scenario.first_day(sandbox) + dt.timedelta(days=11)).isoformat()
        )


def test_each_submission_is_validated_before(sandbox, clock):
    run_here(credits_config(sandbox), clock)
    kinds = [one.kind for one in sandbox.calls_of("similarweb") if one.kind in {"validate", "submit"}]
    assert kinds == ["validate", "submit"] * 2


# --- two streams, one job -----------------------------------------------------------------------------


def test_the_sheets_of_a_report_share_one_job(sandbox, clock):
    config = sandbox.config("second_nature")
    config["job_ledger"] = "off"
    ran = run_here(config, clock)
    assert ran.status == 0
    assert len(ran.tap.outcome.done) == 3
    assert sandbox.submissions("second_nature").accepted == 1
    for sheet, stream in (
        ("Quiz Overview", "quiz_overview"),
        ("Session Overview", "session_overview"),
    ):
        name = f"second_nature_admin_xls_report__{stream}"
        rows = sandbox.expected("second_nature", "admin-xls-report", sheet=sheet)
        assert len(ran.records(name)) == len(rows)


def test_two_streams_with_one_request_share_its_job(sandbox, clock):
    config = sandbox.config("similarweb")
    report = {"table": "traffic_and_engagement", "granularity": "daily", "metrics": ["desktop_visits"]}
    config["similarweb"]["reports"] = [{**report, "name": "one"}, {**report, "name": "two"}]
    config["job_ledger"] = "off"
    config["start_date"] = (sandbox.today - dt.timedelta(days=10)).isoformat()
    ran = run_here(config, clock)
    assert ran.status == 0
    assert sandbox.submissions("similarweb").accepted == 1
    assert ran.records("similarweb_one") == ran.records("similarweb_two") != []


# --- one line per transition --------------------------------------------------------------------------


@pytest.mark.usefixtures("sandbox", "scenario")
def test_each_transition_is_one_line_with_the_same_keys(config, clock, caplog):
    caplog.set_level(logging.INFO)
    run_here(config, clock)
    lines = [one.getMessage() for one in caplog.records if one.getMessage().startswith("job vendor=")]
    keys = {tuple(part.partition("=")[0] for part in line.split()[1:8]) for line in lines}
    assert len(lines) >= 2
    assert keys == {("vendor", "stream", "slice", "job_id", "status", "attempt", "seconds")}
    assert not any("http" in line for line in lines)
