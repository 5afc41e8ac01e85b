"""What an account may spend: quotas, places in flight and credits; and what waits for it."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import threading
from decimal import Decimal

import pytest
from job_cases import is_whole, vendors
from scenarios import SCENARIOS, run_here

from tap_reports.exceptions import CreditsSpent
from tap_reports.jobs.limits import Credits
from tap_reports.sandbox import Sandbox
from tap_reports.vendors.similarweb.client import SimilarwebClient

# --- quotas -------------------------------------------------------------------------------------------


def test_a_minute_quota_is_waited_for(sandbox, tmp_path, clock):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(
        sandbox, block={"slice_days": 2, "reports_per_minute": 5}, job_ledger=str(tmp_path / "jobs.sqlite")
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
        assert {type(error).__name__ for error in ran.tap.outcome.failures.values()} == {"QuotaSpent"}
        assert len(ran.tap.outcome.failures) == 2
        done = scenario.first_day(sandbox) + dt.timedelta(days=11)
        assert ran.bookmark(scenario.stream) == done.isoformat()
        assert ran.rows(scenario.stream) == scenario.rows(sandbox, done)
        tomorrow = (clock.now() + dt.timedelta(days=1)).date()
        assert f"resets at {tomorrow}T00:00" in str(ran.tap.outcome.failures[scenario.stream])
        assert ran.seconds < 60


def test_a_day_quota_that_the_vendor_says_is_spent_stops_as_well(clock):
    """Another program uses the account, so the ledger does not know."""
    scenario = SCENARIOS["impact"]
    with Sandbox(rows=2, speed=1, delay=0, reports_per_day=1) as sandbox:
        config = scenario.config(sandbox, block={"slice_days": 6, "reports_per_day": 100}, job_ledger="off")
        ran = run_here(config, clock)
        assert ran.status == 1
        assert ran.error_class == "QuotaSpent"
        done = scenario.first_day(sandbox) + dt.timedelta(days=5)
        assert ran.bookmark(scenario.stream) == done.isoformat()
        assert ran.seconds < 60


@vendors("second_nature")
def test_the_limit_of_jobs_in_flight_is_never_exceeded(sandbox, scenario, config, clock, monkeypatch):
    jobs, in_flight = sandbox.jobs, []
    config[scenario.vendor] |= {"slice_days": 3, "max_jobs_in_flight": 2}
    add = jobs.add

    def adding(*args, **values):
        job = add(*args, **values)
        in_flight.append(sum(bool(other.words) or other.id == job.id for other in jobs.of(scenario.vendor)))
        return job

    monkeypatch.setattr(jobs, "add", adding)
    sandbox.faults.add("statuses", vendor=scenario.vendor, kind="submit", words=["in_progress"] * 3, times=0)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert max(in_flight) == 2
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


@pytest.mark.parametrize(
    ("credits_", "limit", "said"), [(100_000, 60, "max_credits_per_run is 60"), (60, None, "are left")]
)
def test_the_run_s_limit_and_what_is_left_keep_what_is_paid_for(clock, credits_, limit, said):
    scenario, block = SCENARIOS["similarweb"], {"max_credits_per_run": limit} if limit else {}
    with Sandbox(rows=2, speed=1e6, delay=0, credits=credits_) as sandbox:
        ran = run_here(credits_config(sandbox, slice_days=6, **block), clock)
        assert (ran.status, ran.error_class) == (1, "CreditsSpent")
        assert sandbox.submissions("similarweb").calls == 2
        assert said in ran.error
        done = scenario.first_day(sandbox) + dt.timedelta(days=11)
        assert ran.bookmark(scenario.stream) == done.isoformat()


def test_each_submission_is_validated_before(sandbox, clock):
    run_here(credits_config(sandbox), clock)
    kinds = [call.kind for call in sandbox.calls_of("similarweb") if call.kind in {"validate", "submit"}]
    assert kinds == ["validate", "submit"] * 2


def test_what_another_run_has_paid_for_does_not_count_in_this_run_s_limit(
    sandbox, clock, tmp_path, monkeypatch
):
    """The other run submits the first slice while this one asks what it would cost."""
    scenario = SCENARIOS["similarweb"]
    block = {"max_credits_per_run": 48, "slice_days": 12}
    config = scenario.config(sandbox, block=block, job_ledger=str(tmp_path / "jobs.sqlite"))
    first = {**config, "end_date": (scenario.first_day(sandbox) + dt.timedelta(days=11)).isoformat()}
    estimate = SimilarwebClient.estimate

    def estimated(client, request):
        monkeypatch.undo()
        other = threading.Thread(target=run_here, args=[first])
        other.start()
        other.join()
        return estimate(client, request)

    monkeypatch.setattr(SimilarwebClient, "estimate", estimated)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert sandbox.submissions("similarweb").calls == 2


def test_a_submission_that_waits_for_other_runs_jobs_tries_less_and_less_often(
    sandbox, clock, tmp_path, caplog
):
    scenario = SCENARIOS["second_nature"]
    config = scenario.config(
        sandbox, block={"max_jobs_in_flight": 1}, job_ledger=str(tmp_path / "jobs.sqlite")
    )
    sandbox.faults.add("status", vendor="second_nature", kind="poll", status=403, times=0)
    run_here(config, clock)  # its job stays pending, and no run polls it
    sandbox.faults.clear()
    caplog.set_level(logging.DEBUG)
    other = {**config, "second_nature": {**config["second_nature"], "slice_days": 3, "lookback_days": 1}}
    other["start_date"] = other["end_date"]
    caplog.clear()
    began = clock.seconds
    assert run_here(other, clock).status == 0
    waits = [line.seconds for line in caplog.records if getattr(line, "status", "") == "waiting"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(waits)]
    assert gaps[0] <= 1
    assert 9 <= max(gaps) <= 15
    assert 3500 < clock.seconds - began < 3700


def test_while_a_vendor_refuses_the_earliest_slice_alone_tries(sandbox, clock, caplog):
    caplog.set_level(logging.INFO)
    scenario = SCENARIOS["digital_turbine"]
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=429, times=6)
    config = scenario.config(sandbox, block={"slice_days": 9}, job_ledger="off", retry_backoff_seconds=1)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    refused = [line.slice for line in caplog.records if getattr(line, "status", "") == "refused"]
    assert set(refused) == {min(refused)}


def test_the_retry_of_a_resumed_job_is_given_time(sandbox, clock):
    """Its status may lag: polled at once, the job would use up both retries within a second."""
    scenario = SCENARIOS["similarweb"]
    polls = {"poll_interval_seconds": 10, "poll_max_interval_seconds": 10}
    config = scenario.config(sandbox, block={"slice_days": 24, **polls}, job_ledger="off")
    sandbox.faults.add("status", vendor="similarweb", kind="poll", status=400, times=1)
    state = run_here(config, clock).state
    sandbox.faults.clear()
    sandbox.faults.add("statuses", vendor="similarweb", kind="poll", words=["internal_error"])
    began = clock.seconds
    assert run_here(config, clock, state=state).status == 0
    assert clock.seconds - began >= 8


# --- credits --------------------------------------------------------------------------------------------


class _Limits:
    """A vendor that allows 12 credits in a run."""

    @staticmethod
    def max_credits(_):
        return None, Decimal(12)


def test_credits_count_what_the_vendor_charged_once_that_is_known():
    credits_ = Credits(_Limits, None)
    credits_.take("a", Decimal(5))
    credits_.take("b", Decimal(5))
    credits_.correct("a", Decimal(2))
    credits_.take("c", Decimal(5))
    credits_.correct("b", Decimal(36))
    with pytest.raises(CreditsSpent, match="43 are used"):
        credits_.take("d", Decimal(1))


def test_an_estimate_that_was_not_used_is_given_back():
    credits_ = Credits(_Limits, None)
    credits_.left = Decimal(20)
    credits_.take("a", Decimal(12))
    credits_.give_back("a")
    credits_.take("b", Decimal(12))
    assert (credits_.used, credits_.left) == (12, 8)


# --- a spent quota that does not fail -----------------------------------------------------------------


@pytest.mark.parametrize("ledger", ["file", "off"])
def test_a_spent_day_quota_may_end_a_stream_quietly(tmp_path, clock, caplog, ledger):
    scenario = SCENARIOS["impact"]
    with Sandbox(rows=2, speed=1e6, delay=0) as sandbox:
        config = scenario.config(
            sandbox,
            block={"slice_days": 6, "reports_per_day": 2},
            job_ledger="off" if ledger == "off" else str(tmp_path / "jobs.sqlite"),
            on_quota_spent="stop",
        )
        ran = run_here(config, clock)
    assert ran.status == 0
    assert sandbox.submissions("impact").calls == 2
    assert ran.bookmark(scenario.stream)
    (warning,) = [line for line in caplog.messages if line.startswith("stopped")]
    assert "reports_per_day (2 a day) is spent" in warning
    assert "2 jobs left, which take 1 day more" in warning


def test_the_credits_of_a_run_may_end_a_stream_quietly_but_not_one_report_s(sandbox, clock, caplog):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox, job_ledger="off", on_quota_spent="stop")
    config["similarweb"] |= {"slice_days": 6, "max_credits_per_run": 60}
    assert run_here(config, clock).status == 0
    assert "max_credits_per_run is 60" in caplog.text
    config["similarweb"] |= {"max_credits_per_report": 1}
    assert run_here(config, clock).status == 1
