"""How often a report is asked for: refusals, lost answers, earlier runs' jobs, quotas and credits."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import time
from contextlib import closing

import pytest
from job_cases import is_loud, is_whole, vendors
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock, VirtualLoop

from tap_reports.exceptions import Stopped
from tap_reports.jobs.event_loop import CALL_THREADS
from tap_reports.ledger.ledger import Ledger, Submission, Wait
from tap_reports.tap import TapReports
from tap_reports.vendors.second_nature.client import SecondNature

RESENT = {"impact": 6, "second_nature": 6, "digital_turbine": 2, "similarweb": 1}
"""Submissions of one slice in a run whose answers are all lost, by what another one costs."""


# --- refused and lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        *(({"status": status, "times": 2}, 3 * 0.75, 3 * 1.25 + 10) for status in (429, 500, 503)),
        pytest.param({"status": 429, "retry_after": 120}, 120, 130, id="when the refusal says"),
    ],
)
def test_a_refused_submission_is_sent_again(sandbox, scenario, config, clock, fault, least, most):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", **fault)
    ran = run_here(config, clock)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    assert least <= ran.seconds <= most


def test_submissions_that_stay_refused_end_the_stream(sandbox, scenario, config, clock):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=503, times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert len(sandbox.calls_of(scenario.vendor, "submit")) == 6
    sandbox.faults.clear()
    assert is_whole(run_here(config, clock, state=ran.state), scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1


@pytest.mark.parametrize("fault", ["lost_answer", "reset", 408, 501, 502, 504, 520, 522, 524])
def test_one_lost_answer_is_decided_by_what_another_submission_costs(
    sandbox, scenario, config, clock, caplog, fault
):
    values = {"action": fault} if isinstance(fault, str) else {"action": "status", "status": fault}
    sandbox.faults.add(vendor=scenario.vendor, kind="submit", **values)
    ran = run_here(config, clock)
    if scenario.vendor != "similarweb":
        assert is_whole(ran, scenario, sandbox)
        assert sandbox.submissions(scenario.vendor).calls == 2
        return
    assert is_loud(ran, scenario)
    assert sandbox.submissions(scenario.vendor).calls == 1
    assert "may or may not have accepted" in ran.error
    assert 'Look in the Similarweb account for a report named "' in ran.error
    sent_at = sorted(part for part in ran.error.split() if part.startswith(str(clock.now().year)))
    clock.seconds += 600
    caplog.clear()
    again = run_here(config, clock, state=ran.state)
    assert is_whole(again, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).calls == 2
    (warning,) = [one.getMessage() for one in caplog.records if "never answered" in one.getMessage()]
    assert "submitted again now" in warning
    assert sent_at[0][:16] in warning.replace(" ", "T")


@vendors(*RESENT)
def test_answers_that_are_all_lost_never_exceed_the_law(sandbox, scenario, config, clock):
    sandbox.faults.add("lost_answer", vendor=scenario.vendor, kind="submit", times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert sandbox.submissions(scenario.vendor).calls == RESENT[scenario.vendor]


def test_impact_hands_back_the_job_whose_answer_was_lost(sandbox, clock):
    scenario = SCENARIOS["impact"]
    sandbox.faults.add("lost_answer", vendor="impact", kind="submit")
    assert is_whole(run_here(scenario.config(sandbox, block={"slice_days": 24}), clock), scenario, sandbox)
    assert sandbox.submissions("impact").jobs == 1


@pytest.mark.parametrize("body", ["<html>", "{", "[]", "null"])
def test_an_answer_to_a_submission_that_makes_no_sense_counts_as_lost(sandbox, scenario, config, clock, body):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=200, body=body)
    ran = run_here(config, clock)
    assert sandbox.submissions(scenario.vendor).calls == (1 if scenario.vendor == "similarweb" else 2)
    assert is_loud(ran, scenario) if scenario.vendor == "similarweb" else is_whole(ran, scenario, sandbox)


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
    assert Ledger.open(ledger, clock=FakeClock()).history() == []


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
    ledger, found, submit = str(tmp_path / "jobs.sqlite"), [], SecondNature.submit
    config = SCENARIOS["second_nature"].config(sandbox, block={"slice_days": 24}, job_ledger=ledger)
    monkeypatch.setattr("tap_reports.ledger.places.ABANDONED_SECONDS", 0.5)
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
            found.append(other.reserve(wanted))
        return submit(client, request, **how)

    monkeypatch.setattr(SecondNature, "submit", submitted)
    TapReports(config=config).sync_all()
    assert found == [Wait()]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_rejected_submission_is_not_sent_again(sandbox, scenario, config, clock, status):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="submit", status=status, times=0)
    ran = run_here(config, clock)
    assert is_loud(ran, scenario)
    assert len(sandbox.calls_of(scenario.vendor, "submit")) == 1
    assert f"HTTP {status}" in ran.error


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
    lines = [one.getMessage() for one in caplog.records if one.getMessage().startswith("job vendor=")]
    keys = {tuple(part.partition("=")[0] for part in line.split()[1:8]) for line in lines}
    assert len(lines) >= 2
    assert keys == {("vendor", "stream", "slice", "job_id", "status", "attempt", "seconds")}
    assert not any("http" in line for line in lines)
