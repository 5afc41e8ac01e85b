"""Digital Turbine, where a link is the whole job: it fills or does not, or is gone."""

from __future__ import annotations

import datetime as dt

import pytest
from job_cases import is_loud, is_whole
from scenarios import SCENARIOS, run_here

from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.jobs import Phase

SCENARIO = SCENARIOS["digital_turbine"]


@pytest.fixture
def slow():
    """A sandbox whose reports never fill."""
    with Sandbox(rows=2, delay=1e9, speed=1, dt_reports_per_minute=1000) as running:
        yield running


def run(sandbox, clock):
    config = SCENARIO.config(sandbox, block={"slice_days": 24}, job_ledger="off", retry_backoff_seconds=1)
    return run_here(config, clock)


def calls(sandbox, kind):
    return len(sandbox.calls_of("digital_turbine", kind))


def test_a_link_that_stays_empty_is_asked_for_once_more_and_fails(slow, clock):
    ran = run(slow, clock)
    assert is_loud(ran, SCENARIO)
    assert calls(slow, "submit") == 2
    assert ran.seconds == pytest.approx(2 * 3600, abs=2)
    assert "empty" in ran.error
    assert ran.pending(SCENARIO.stream) == []
    assert calls(slow, "token") == 2, "the first one had ended"


def test_a_link_that_fills_after_the_second_request_is_taken(slow, clock, monkeypatch):
    after = clock.now() + dt.timedelta(seconds=4000)
    phase = slow.jobs.phase
    monkeypatch.setattr(slow.jobs, "phase", lambda job: Phase.DONE if clock.now() > after else phase(job))
    assert is_whole(run(slow, clock), SCENARIO, slow)
    assert calls(slow, "submit") == 2


def test_a_link_that_fills_and_then_is_gone_for_ever_costs_one_more_request_and_is_an_error(clock):
    with Sandbox(rows=100, speed=1e6, delay=0) as sandbox:  # too much to be kept from the poll
        for download in range(2, 20, 2):  # each poll, before it, finds a body
            sandbox.faults.add("status", vendor="digital_turbine", kind="download", status=404, nth=download)
        ran = run(sandbox, clock)
        assert calls(sandbox, "submit") == 2
    assert is_loud(ran, SCENARIO)
    assert ran.error_class == "FileError"
    assert "its download links had expired" in ran.error
    assert ran.pending(SCENARIO.stream) == []
    assert ran.seconds < 60
