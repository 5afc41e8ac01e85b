"""A sync without a catalog: one vendor's slow or failing discovery does not delay the others."""

from __future__ import annotations

import datetime as dt

import pytest
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock

QUICK, LEARNT = SCENARIOS["digital_turbine"], SCENARIOS["second_nature"]


@pytest.fixture
def config(sandbox, tmp_path):
    mine, other = QUICK.config(sandbox), LEARNT.config(sandbox)
    first = min(mine["start_date"], other["start_date"])
    both = {**mine, "second_nature": other["second_nature"], "start_date": first}
    return {**both, "end_date": mine["end_date"], "job_ledger": str(tmp_path / "jobs.sqlite")}


def streams_of(ran):
    return list(dict.fromkeys(one["stream"] for one in ran.of_type("RECORD")))


def test_rows_are_written_while_another_vendor_s_columns_are_not_discovered_yet(sandbox, config):
    sandbox.faults.add("status", vendor="second_nature", kind="poll", status=429, retry_after=1800)
    ran = run_here(config, FakeClock(), waits_for_columns=False)
    assert ran.status == 0, ran.tap.outcome.failures
    assert streams_of(ran) == [QUICK.stream, LEARNT.stream]
    kinds = [one["type"] for one in ran.messages]
    named = [LEARNT.stream in state["bookmarks"] for state in ran.states]
    assert True in named[: kinds[: kinds.index("RECORD")].count("STATE")], "its job is named before that"
    assert ran.bookmark(LEARNT.stream) == config["end_date"]
    assert ran.pending(LEARNT.stream) == []
    # What is discovered late is the same as what is waited for.
    waited = run_here({**config, "job_ledger": "off"}, FakeClock())
    for stream in (QUICK.stream, LEARNT.stream):
        assert ran.rows(stream) == waited.rows(stream)


def test_a_report_that_cannot_be_discovered_fails_alone(sandbox, config):
    sandbox.faults.add("wrong_content", vendor="second_nature", kind="download", body="busy", times=0)
    ran = run_here(config, FakeClock(), waits_for_columns=False)
    assert ran.status == 1
    assert list(ran.tap.outcome.failures) == [LEARNT.stream]
    assert streams_of(ran) == [QUICK.stream]
    assert ran.pending(LEARNT.stream), "its job is paid for, and resumed"
    sandbox.faults.clear()
    again = run_here(config, FakeClock(), waits_for_columns=False, state=ran.state)
    assert again.status == 0
    assert sandbox.submissions("second_nature").calls == 2, "one a slice"


def test_a_vendor_that_does_not_answer_does_not_delay_the_others(sandbox, config):
    del config["second_nature"]["reports"]  # they are listed by a call
    sandbox.faults.add("status", vendor="second_nature", kind="list", status=503, times=0)
    ran = run_here(config, FakeClock(), waits_for_columns=False)
    assert ran.status == 1
    assert list(ran.tap.outcome.failures) == ["second_nature"]
    assert streams_of(ran) == [QUICK.stream]


@pytest.mark.parametrize("waits", [True, False])
def test_a_snapshot_of_several_sheets_is_submitted_again_a_day_later(sandbox, tmp_path, waits):
    config = {**sandbox.config("second_nature"), "job_ledger": str(tmp_path / "jobs.sqlite")}
    clock = FakeClock()
    first = run_here(config, clock, waits_for_columns=waits)
    assert first.status == 0
    assert len(streams_of(first)) > 1
    assert not any(part.get("pending_jobs") for part in first.state["bookmarks"].values())
    clock.jump = dt.timedelta(days=1)
    again = run_here(config, clock, waits_for_columns=waits, state=first.state)
    assert again.status == 0
    assert sandbox.submissions("second_nature").calls == 2
