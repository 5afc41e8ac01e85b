"""Runs that end while a job is pending, and the run after."""

from __future__ import annotations

import datetime as dt
import signal
import time

import pytest
from command import POLLS
from pauses import Gate, install_gate
from scenario_runner import catalog_of
from scenarios import SCENARIOS

from tap_reports.ledger.ledger import Ledger
from tap_reports.sandbox import Sandbox

DAY, HOURS = 1, 0.1
MAX_SECONDS = 8
"""From the signal to the end: after 10, `docker stop` kills what has not ended."""


def let_jobs_end(sandbox, vendor):
    """End the vendor's jobs, and those to come at once."""
    add = sandbox.jobs.add
    sandbox.jobs.add = lambda *what, **more: add(*what, **{**more, "seconds": 0})
    for job in sandbox.jobs.of(vendor):
        job.seconds = 0


def listed(ledger):
    opened = Ledger.open(str(ledger))
    try:
        return list(opened.listing())
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("vendor", "days", "further"),
    [
        ("similarweb", DAY, 1),
        ("impact", DAY, 1),
        ("second_nature", DAY, 1),
        ("digital_turbine", HOURS, 0),
        ("digital_turbine", DAY, 3),  # its links live three hours: both slices are asked for again
    ],
)
def test_a_pending_job_is_not_submitted_again_by_a_later_run_with_other_slices(
    program, vendor, days, further
):
    scenario, catalog = SCENARIOS[vendor], catalog_of(vendor)
    with Sandbox(rows=2, delay=600, speed=1, dt_reports_per_minute=1000) as sandbox:
        config = scenario.config(sandbox, block=POLLS, job_ledger=str(program.ledger))
        first_day, last_day = scenario.first_day(sandbox), scenario.last_day(sandbox)
        with program.start(config, catalog=catalog) as first:
            first.wait_until(
                lambda: len(first.printed.pending(scenario.stream)) == 2, "two jobs in the state"
            )
        killed = first.printed
        let_jobs_end(sandbox, vendor)
        later = last_day + dt.timedelta(days=int(days))
        sandbox.move_to(sandbox.today + dt.timedelta(days=int(days)))
        config = {**config, "end_date": later.isoformat()}
        config[vendor] |= {"slice_days": 7, "lookback_days": 3}
        second = program.start(config, catalog=catalog, state=killed.state, days=days).finish()
        assert second.status == 0, second.stderr
        assert sandbox.submissions(vendor).accepted == 2 + further
        expected = scenario.rows(sandbox, later, first=first_day)
        assert second.rows(scenario.stream) == expected
    if further > 1:
        assert all(job["id"] in second.stderr for job in killed.pending(scenario.stream))


@pytest.mark.kill_matrix  # measures seconds: not beside thousands of other tests
@pytest.mark.parametrize("vendor", SCENARIOS)
def test_a_submission_that_is_never_answered_does_not_delay_the_end_and_is_noted_as_lost(program, vendor):
    with Sandbox(rows=2, delay=0) as sandbox:
        gate = Gate(vendor, "submit", 1, answer=False)
        install_gate(sandbox, gate)
        with program.start(SCENARIOS[vendor].config(sandbox, job_ledger=str(program.ledger))) as run:
            run.wait_until(gate.reached.is_set, "a submission")
            signalled = time.monotonic()
            ended = run.send(signal.SIGTERM)
            assert ended.status == 143
            assert time.monotonic() - signalled < MAX_SECONDS
        gate.open(drop=True)
    assert "not answered before the run ended; the vendor may have accepted it" in ended.stderr
    assert {job["status"] for job in listed(program.ledger)} == {"lost"}
