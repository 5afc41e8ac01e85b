"""Killed at every step, met by every fault, ten at once: nothing is lost, invented or paid twice."""

from __future__ import annotations

import pytest
from concurrent_runs import PER_DAY, PROCESSES, crowd
from matrix import run_all, scenarios
from random_faults import random_faults

SEED = 20260320
pytestmark = pytest.mark.kill_matrix


def test_a_run_that_is_ended_at_any_step_loses_nothing_and_pays_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.undo()  # the subprocesses have folders of their own
    outcomes, text = run_all(tmp_path, scenarios())
    assert [one for one in outcomes if not one.is_good] == [], text
    for one in outcomes:
        unknown = one.point in {"submission accepted", "answer not yet in the ledger"}
        if one.restart == "both" and not (unknown and one.ending == "SIGKILL"):
            assert one.extra == 0, one


def test_random_faults_are_recovered_from_or_loud(tmp_path):
    found = random_faults(tmp_path, SEED, rounds=60)
    assert found.wrong == []
    assert found.counts["recovered"] > 10
    assert found.counts["loud"] > 10


def test_ten_processes_with_one_ledger_keep_within_the_account_s_limits(shared_ledger, tmp_path):
    seen = crowd(tmp_path, shared_ledger)
    assert seen.breaches == 0
    assert seen.submitted == PER_DAY
    assert len(seen.statuses) == PROCESSES
    assert set(seen.statuses) == {0, 1}
