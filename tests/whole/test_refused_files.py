"""A finished job whose file is refused: nothing is paid again unless the user says so, and it is told how."""

from __future__ import annotations

import pytest
from scenarios import SCENARIOS, counted, run_here

from tap_reports.sandbox import Sandbox


@pytest.mark.parametrize("vendor", ["similarweb", "impact", "second_nature"])
def test_a_refused_file_is_read_again_by_each_run_and_made_again_only_on_demand(vendor, tmp_path):
    scenario = SCENARIOS[vendor]
    with Sandbox(rows=3, speed=1e6, delay=0) as sandbox:
        config = {
            **scenario.config(sandbox, block={"slice_days": 24}),
            "job_ledger": str(tmp_path / "jobs.sqlite"),
        }
        sandbox.faults.add(
            "wrong_content", vendor=vendor, kind="download", body="colour,shape\nred,round\n", times=2
        )
        first = run_here(config)
        second = run_here(config, state=first.state)
        for ran in (first, second):
            assert ran.status == 1
            assert "without a new submission; a run with reuse_finished_jobs false" in ran.error
            assert ran.pending(scenario.stream)
        assert sandbox.submissions(vendor).calls == 1
        third = run_here({**config, "reuse_finished_jobs": False}, state=second.state)
        assert third.status == 0
        assert counted(third.records(scenario.stream)) == counted(scenario.expected(sandbox))
