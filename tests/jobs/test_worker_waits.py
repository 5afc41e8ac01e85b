"""What a run waits for, and how long: vendors that refuse for now, polls that break; credits as charged."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from job_cases import is_whole
from scenarios import SCENARIOS, run_here

from tap_reports.exceptions import CreditsSpent
from tap_reports.jobs.limits import Credits
from tap_reports.sandbox import Sandbox

# --- submissions that the vendor refuses for now --------------------------------------------------------


def test_a_vendor_that_throttles_is_waited_for_longer_than_a_broken_call_is_repeated(
    sandbox, scenario, clock
):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=429, times=20)
    ran = run_here(scenario.config(sandbox, job_ledger="off", retry_backoff_seconds=1), clock)
    assert is_whole(ran, scenario, sandbox)
    assert 600 < ran.seconds < 1500


def test_a_vendor_that_throttles_for_ever_is_waited_for_until_the_deadline(sandbox, scenario, clock):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=429, times=0)
    ran = run_here(
        scenario.config(sandbox, job_ledger="off", retry_backoff_seconds=1, job_deadline_seconds=600), clock
    )
    assert ran.status == 1
    assert "HTTP 429" in ran.error
    assert 500 < ran.seconds <= 601
    assert sandbox.submissions(scenario.vendor).accepted == 0


def test_while_a_vendor_refuses_the_earliest_slice_alone_tries(sandbox, clock, caplog):
    caplog.set_level(logging.INFO)
    scenario = SCENARIOS["digital_turbine"]
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=429, times=6)
    config = scenario.config(sandbox, block={"slice_days": 9}, job_ledger="off", retry_backoff_seconds=1)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    refused = [one.slice for one in caplog.records if getattr(one, "status", "") == "refused"]
    assert set(refused) == {min(refused)}


# --- polls ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["impact", "second_nature"])
def polled(request):
    """An ordinary vendor, and one that has a remedy of its own for a 403."""
    return SCENARIOS[request.param]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((status, "") for status in (304, 408, 409, 425)),
        *((403, said) for said in ("Request was throttled.", "rate limit exceeded", "Too many requests")),
    ],
)
def test_a_poll_that_says_nothing_of_its_job_or_speaks_of_limits_is_asked_again(
    sandbox, polled, clock, status, said
):
    sandbox.faults.add("status", vendor=polled.vendor, kind="poll", status=status, body=said)
    assert is_whole(run_here(polled.config(sandbox, job_ledger="off"), clock), polled, sandbox)


def test_a_403_of_another_kind_ends_the_stream_and_keeps_the_job(sandbox, polled, clock):
    sandbox.faults.add("status", vendor=polled.vendor, kind="poll", status=403, times=0)
    ran = run_here(polled.config(sandbox, job_ledger="off"), clock)
    assert ran.status == 1
    assert ran.pending(polled.stream)


def test_a_poll_that_is_told_to_come_tomorrow_is_asked_at_the_deadline(sandbox, polled, clock):
    sandbox.faults.add("status", vendor=polled.vendor, kind="poll", status=429, retry_after=86_400, times=0)
    ran = run_here(polled.config(sandbox, job_ledger="off"), clock)
    assert ran.status == 1
    assert ran.error_class == "JobTimeout"
    assert ran.seconds == pytest.approx(3600, abs=10)
    assert ran.pending(polled.stream)


def test_the_retry_of_a_resumed_job_is_given_time(sandbox, clock):
    """Its status may lag: polled at once, both retries were used up in a second."""
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
    """A vendor that allows so many credits a run."""

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


# --- a spent quota that is no failure -------------------------------------------------------------------


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
    (warning,) = [one.getMessage() for one in caplog.records if one.getMessage().startswith("stopped")]
    assert "reports_per_day (2 a day) is spent" in warning
    assert "2 jobs left, which take 1 day more" in warning


def test_the_credits_of_a_run_may_end_a_stream_quietly_but_not_one_report_s(sandbox, clock, caplog):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox, job_ledger="off", on_quota_spent="stop")
    config["similarweb"] |= {"slice_days": 6, "max_credits_per_run": 60}
    assert run_here(config, clock).status == 0
    assert any("max_credits_per_run is 60" in one.getMessage() for one in caplog.records)
    config["similarweb"] |= {"max_credits_per_report": 1}
    assert run_here(config, clock).status == 1
