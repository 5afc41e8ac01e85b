"""Clocks that jump, ledgers of other accounts, states of older versions."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock

JUMPS = {
    "days back": -dt.timedelta(days=2),
    "minutes back": -dt.timedelta(minutes=5),
    "minutes ahead": dt.timedelta(minutes=5),
    "days ahead": dt.timedelta(days=2),
}
MAX_SUBMISSIONS = {"impact": 2, "digital_turbine": 4}
"""Submissions for two slices. Digital Turbine's links are good for hours only, counted by our clock: one that
is days ahead takes them for gone and asks again, which costs quota.
"""


class JumpingClock(FakeClock):
    """A clock that jumps once, when it has been asked so often."""

    def __init__(self, jump, asked):
        super().__init__()
        self._jump, self._left = jump, asked

    def now(self):
        self._left -= 1
        if not self._left:
            self.jump = self._jump
        return super().now()


def final_anyway(scenario, sandbox, tmp_path):
    """Return a configuration, and its last day: final also for a clock that is behind."""
    last = scenario.last_day(sandbox) - dt.timedelta(days=3)
    return scenario.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite"), end_date=last.isoformat()), last


def safe(scenario, sandbox, *runs):
    """Return the rows that are out, after a check of what may not happen whatever the clock says."""
    out = Counter()
    for ran in runs:
        found = ran.rows(scenario.stream)
        assert not found - scenario.rows(sandbox)
        out |= found
        if day := ran.state["bookmarks"].get(scenario.stream, {}).get("replication_key_value"):
            assert not scenario.rows(sandbox, dt.date.fromisoformat(day)) - out
    return out


BY_CLOCK = [SCENARIOS["impact"], SCENARIOS["digital_turbine"]]
"""An ordinary vendor, and the one whose links are old by our clock."""


@pytest.mark.parametrize("scenario", BY_CLOCK, ids=lambda scenario: scenario.vendor)
@pytest.mark.parametrize("asked", [2, 7, 20])
@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_within_a_run_loses_nothing_and_pays_nothing_twice(
    sandbox, scenario, tmp_path, jump, asked
):
    config, last_day = final_anyway(scenario, sandbox, tmp_path)
    clock = JumpingClock(jump, asked)
    first = run_here(config, clock)
    clock.jump = dt.timedelta(0)
    again = run_here(config, clock, state=first.state)
    assert again.status == 0
    assert again.bookmark(scenario.stream) == last_day.isoformat()
    assert safe(scenario, sandbox, first, again) == scenario.rows(sandbox, last_day)
    assert 2 <= sandbox.submissions(scenario.vendor).accepted <= MAX_SUBMISSIONS[scenario.vendor]


@pytest.mark.parametrize("scenario", BY_CLOCK, ids=lambda scenario: scenario.vendor)
@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_between_runs_loses_nothing_and_pays_nothing_twice(
    sandbox, scenario, tmp_path, jump
):
    config, last_day = final_anyway(scenario, sandbox, tmp_path)
    clock = FakeClock()
    sandbox.faults.add("status", vendor=scenario.vendor, kind="download", status=503, times=0)
    first = run_here(config, clock)
    assert first.status == 1
    sandbox.faults.clear()
    clock.jump = jump
    then = run_here(config, clock, state=first.state)
    clock.jump = dt.timedelta(0)
    last = run_here(config, clock, state=then.state)
    assert last.status == 0
    assert last.bookmark(scenario.stream) == last_day.isoformat()
    assert safe(scenario, sandbox, first, then, last) == scenario.rows(sandbox, last_day)
    assert 2 <= sandbox.submissions(scenario.vendor).accepted <= MAX_SUBMISSIONS[scenario.vendor]


def test_a_clock_that_goes_back_never_moves_a_bookmark_back(sandbox):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, job_ledger="off")
    config.pop("end_date")
    clock = FakeClock()
    first = run_here(config, clock)
    clock.jump = -dt.timedelta(days=15)
    again = run_here(config, clock, state=first.state)
    assert again.status == 0
    assert again.bookmark(scenario.stream) == first.bookmark(scenario.stream)
    assert again.records(scenario.stream) == []


OTHER = {
    "similarweb": {"api_key": "the-key-of-another-account"},
    "impact": {"account_sid": "IRanother0account00000"},
    "digital_turbine": {"client_id": "another-client"},
    "second_nature": {"api_key": "the-key-of-another-account"},
}


def test_jobs_of_another_account_in_the_ledger_are_not_used(sandbox, scenario, tmp_path):
    ledger = str(tmp_path / "jobs.sqlite")
    config = scenario.config(sandbox, job_ledger=ledger)
    assert run_here(config).status == 0
    before = len(sandbox.calls)
    other = scenario.config(sandbox, job_ledger=ledger, block=OTHER[scenario.vendor])
    ran = run_here(other)
    assert ran.status == 1  # the sandbox does not know that account
    assert ran.records(scenario.stream) == []
    kinds = {call.kind for call in sandbox.calls[before:]}
    assert not kinds & {"poll", "link", "download"}  # no job of the first account was asked for


def test_a_state_of_an_older_version_is_accepted(sandbox):
    """Singer taps before had a bookmark and nothing else, often as an instant."""
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(sandbox, job_ledger="off")
    day = scenario.first_day(sandbox) + dt.timedelta(days=11)
    values = {
        "replication_key": "date",
        "replication_key_value": f"{day.isoformat()}T00:00:00+00:00",
        "replication_key_signpost": "2026-01-01T00:00:00Z",
        "starting_replication_value": None,
        "version": 1,
    }
    ran = run_here(config, state={"bookmarks": {scenario.stream: values}})
    assert ran.status == 0
    assert ran.bookmark(scenario.stream) == scenario.last_day(sandbox).isoformat()
    expected = scenario.rows(sandbox) - scenario.rows(sandbox, day)
    assert ran.rows(scenario.stream) == expected
