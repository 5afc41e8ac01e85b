"""How often a report is submitted: refusals, lost answers, earlier runs' jobs, quotas and credits."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import time
from contextlib import closing

import pytest
from job_cases import is_whole, vendors
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock, VirtualLoop

from tap_reports.exceptions import Stopped
from tap_reports.jobs.event_loop import CALL_THREADS
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.quota import Wait
from tap_reports.ledger.reserve import Submission
from tap_reports.tap import TapReports
from tap_reports.vendors.second_nature.client import SecondNature

# --- refused and lost ---------------------------------------------------------------------------------


@vendors("similarweb")
def test_a_lost_submission_that_may_be_charged_is_named_by_this_run_and_the_next(
    sandbox, scenario, config, clock, caplog
):
    sandbox.faults.add("lost_answer", vendor=scenario.vendor, kind="submit")
    ran = run_here(config, clock)
    assert "may or may not have accepted" in ran.error
    assert 'Look in the Similarweb account for a report named "' in ran.error
    sent_at = sorted(part for part in ran.error.split() if part.startswith(str(clock.now().year)))
    clock.seconds += 600
    caplog.clear()
    assert is_whole(run_here(config, clock, state=ran.state), scenario, sandbox)
    (warning,) = [line for line in caplog.messages if "never answered" in line]
    assert "submitted again now" in warning
    assert sent_at[0][:16] in warning.replace(" ", "T")


def test_impact_hands_back_the_job_whose_answer_was_lost(sandbox, clock):
    scenario = SCENARIOS["impact"]
    sandbox.faults.add("lost_answer", vendor="impact", kind="submit")
    assert is_whole(run_here(scenario.config(sandbox, block={"slice_days": 24}), clock), scenario, sandbox)
    assert sandbox.submissions("impact").jobs == 1


def test_a_run_that_ends_before_a_submission_is_sent_leaves_no_trace_of_it(sandbox, tmp_path):
    class EndedClock(FakeClock):
        """Its run ends while the call for a token waits to be repeated."""

        def sleep(self, seconds):
            if seconds and sandbox.calls_of("digital_turbine", "token"):
                tap.run.engine.stop()
                raise Stopped

    clock, ledger = EndedClock(), str(tmp_path / "jobs.sqlite")
    config = SCENARIOS["digital_turbine"].config(sandbox, job_ledger=ledger)
    sandbox.faults.add("status", vendor="digital_turbine", kind="token", status=503)
    tap = TapReports(config=config, clock=clock, loop=VirtualLoop(clock))
    tap.sync_all()
    assert sandbox.calls_of("digital_turbine", "token")
    assert Ledger.open(ledger, clock=FakeClock()).job_history() == []


def test_no_intent_grows_old_before_it_is_sent(sandbox, tmp_path, monkeypatch):
    """Other runs take one of two minutes for abandoned, and submit the same."""
    ledger, noted, submit = str(tmp_path / "jobs.sqlite"), [], SecondNature.submit
    block = {"slice_days": 1, "max_jobs_in_flight": 100, "poll_interval_seconds": 0.01}
    config = SCENARIOS["second_nature"].config(sandbox, block=block, job_ledger=ledger)

    def submitted(client, request, **how):
        time.sleep(0.02)
        with closing(sqlite3.connect(ledger)) as db:
            noted.append(
                db.execute("SELECT count(*) FROM tap_reports_jobs WHERE status = 'intent'").fetchone()[0]
            )
        return submit(client, request, **how)

    monkeypatch.setattr(SecondNature, "submit", submitted)
    TapReports(config=config).sync_all()
    assert len(noted) == 24
    assert max(noted) <= CALL_THREADS


def test_a_submission_that_waits_long_for_its_answer_is_not_sent_by_another_run(
    sandbox, tmp_path, monkeypatch
):
    ledger, waits, submit = str(tmp_path / "jobs.sqlite"), [], SecondNature.submit
    config = SCENARIOS["second_nature"].config(sandbox, block={"slice_days": 24}, job_ledger=ledger)
    monkeypatch.setattr("tap_reports.ledger.reserve.ABANDONED_SECONDS", 0.5)
    monkeypatch.setattr("tap_reports.jobs.submit.NOTE_WAITING_SECONDS", 0.1)

    def submitted(client, request, **how):
        time.sleep(1)
        with closing(Ledger.open(ledger)) as other:
            wanted = Submission(
                request=request,
                streams=["other"],
                run_id="other",
                quotas=[],
                max_in_flight=4,
                in_flight_hours=1,
                now=dt.datetime.now(dt.UTC),
            )
            waits.append(other.reserve(wanted))
        return submit(client, request, **how)

    monkeypatch.setattr(SecondNature, "submit", submitted)
    TapReports(config=config).sync_all()
    assert waits == [Wait()]


# --- two streams, one job -----------------------------------------------------------------------------


def test_the_sheets_of_a_report_share_one_job(sandbox, clock):
    config = sandbox.config("second_nature")
    config["job_ledger"] = "off"
    ran = run_here(config, clock)
    assert ran.status == 0
    assert len(ran.tap.outcome.done) == 3
    assert sandbox.submissions("second_nature").accepted == 1
    for sheet, stream in (("Quiz Overview", "quiz_overview"), ("Session Overview", "session_overview")):
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
    lines = [line for line in caplog.messages if line.startswith("job vendor=")]
    keys = {tuple(part.partition("=")[0] for part in line.split()[1:8]) for line in lines}
    assert len(lines) >= 2
    assert keys == {("vendor", "stream", "slice", "job_id", "status", "attempt", "seconds")}
    assert not any("http" in line for line in lines)
