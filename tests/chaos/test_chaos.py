"""Runs killed at every step, random faults, ten runs at once: nothing is lost, invented or paid for twice."""

from __future__ import annotations

import pytest
from concurrent_runs import PER_DAY, PROCESSES, run_concurrently
from kill_points import kills, table
from random_faults import random_faults
from scenario_runner import run_all

SEED = 20260320
pytestmark = [pytest.mark.kill_matrix, pytest.mark.timeout(900)]


def test_a_run_that_is_ended_at_any_step_loses_nothing_and_pays_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.undo()  # the subprocesses have folders of their own
    outcomes = run_all(tmp_path, kills())
    assert [one for one in outcomes if not one.is_good] == [], table(outcomes)
    for one in outcomes:
        unknown = one.kill.point.name in {"submission accepted", "answer not yet in the ledger"}
        expired = one.kill.days and one.kill.vendor == "digital_turbine"  # its links live three hours
        if one.kill.restart == "both" and not expired and not (unknown and one.kill.ending.name == "SIGKILL"):
            assert one.extra == 0, one


def test_random_faults_are_recovered_from_or_an_error(tmp_path):
    found = random_faults(tmp_path, SEED, rounds=60)
    assert found.wrong == []
    assert found.counts["recovered"] > 10
    assert found.counts["loud"] > 10


def test_ten_processes_with_one_ledger_keep_within_the_account_s_limits(shared_url, tmp_path):
    seen = run_concurrently(tmp_path, shared_url)
    assert seen.breaches == 0
    assert seen.submitted == PER_DAY
    assert len(seen.statuses) == PROCESSES
    assert set(seen.statuses) == {0, 1}
