"""An earlier run's jobs are resumed or reused; else they are submitted again, with a warning."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging

import pytest
import sqlalchemy as sa
from job_cases import is_whole, vendors
from scenarios import SCENARIOS, run_here

from tap_reports.ledger.ledger import Ledger

# --- earlier runs' jobs -------------------------------------------------------------------------------


def with_job(scenario, sandbox, job_id):
    """Return a state with a job that the vendor does not know, under the key of the run's request."""
    ran = run_here(scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off"))
    states = [message["value"] for message in ran.messages if message["type"] == "STATE"]
    state = next(value for value in states if value["bookmarks"].get(scenario.stream, {}).get("pending_jobs"))
    state["bookmarks"][scenario.stream]["pending_jobs"][0]["id"] = job_id
    sandbox.reset()
    return state


@vendors("second_nature", "digital_turbine")
@pytest.mark.parametrize("job_id", ["gone", "../../etc/passwd", "a b?c=d#e", "漢字", "17"])
def test_a_job_that_the_vendor_does_not_know_is_one_line_and_a_new_submission(
    sandbox, scenario, clock, caplog, job_id
):
    state = with_job(scenario, sandbox, job_id)
    caplog.clear()
    caplog.set_level(logging.INFO)
    ran = run_here(scenario.config(sandbox, block={"slice_days": 24}, job_ledger="off"), clock, state=state)
    assert is_whole(ran, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    lines = [line for line in caplog.messages if "submitted again" in line or "is asked again" in line]
    assert len(lines) == 1


def test_a_job_of_the_ledger_that_the_vendor_does_not_know_is_submitted_again(
    sandbox, scenario, config, clock, caplog
):
    run_here(config, clock)
    sandbox.reset()
    caplog.clear()
    again = run_here(config, clock)
    assert is_whole(again, scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 1
    assert caplog.text.count("submitted again") == 1
    unknown = [call for call in sandbox.calls_of(scenario.vendor, "poll") if call.status == 404]
    assert len(unknown) == (3 if scenario.vendor == "similarweb" else 1), (
        "once, by all paths that it may have"
    )
    assert statuses_in(config) == ["succeeded", "expired"]


@vendors("second_nature", "impact")
@pytest.mark.parametrize(
    ("seconds", "submitted"),
    [
        pytest.param(1, 1, id="just submitted: its status may lag"),
        pytest.param(3600, 2, id="submitted an hour ago: it is gone"),
    ],
)
def test_a_404_to_the_first_poll_of_a_resumed_job(sandbox, scenario, config, clock, seconds, submitted):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="poll", status=403, times=1)
    assert run_here(config, clock).status == 1
    clock.seconds += seconds
    sandbox.faults.add("status", vendor=scenario.vendor, kind="poll", status=404, times=1)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == submitted


def statuses_in(config):
    """Return the statuses of the ledger's jobs, the newest first."""
    with contextlib.closing(Ledger.open(config["job_ledger"])) as ledger:
        return [job["status"] for job in ledger.listing()]


@vendors("second_nature")
def test_a_job_whose_result_has_gone_is_failed_in_the_ledger_once_it_is_submitted_again(
    sandbox, scenario, config, clock
):
    sandbox.faults.add("expired_link", vendor=scenario.vendor, kind="download", times=2)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert statuses_in(config) == ["succeeded", "failed"]


@vendors("second_nature", "impact")
def test_full_refresh_reuses_jobs_within_the_hours_and_not_after(sandbox, scenario, config, clock):
    config["reuse_job_hours"] = 6
    config[scenario.vendor]["lookback_days"] = 365  # nothing is settled
    run_here(config, clock)
    for hours, calls in ((5, (1, 0)), (2, (1, 1) if scenario.vendor == "impact" else (2, 0))):
        clock.seconds += hours * 3600
        assert is_whole(run_here(config, clock), scenario, sandbox)
        assert submitted_and_replayed(sandbox, scenario) == calls


def submitted_and_replayed(sandbox, scenario):
    replays = sandbox.calls_of(scenario.vendor, "replay")
    return sandbox.submissions(scenario.vendor).calls, len(replays)


def test_a_settled_job_is_reused_always(sandbox, config, clock):
    scenario = SCENARIOS["impact"]
    config = {**config, **scenario.config(sandbox, block={"slice_days": 24}, reuse_job_hours=0)}
    config["end_date"] = (sandbox.today - dt.timedelta(days=5)).isoformat()
    run_here(config, clock)
    clock.seconds += 3600 * 24 * 20
    ran = run_here(config, clock)
    assert ran.status == 0
    assert sandbox.submissions("impact").accepted == 1
    assert not sandbox.calls_of("impact", "replay")


@vendors("second_nature", "impact")
def test_reuse_finished_jobs_off_runs_them_again(sandbox, scenario, config, clock):
    run_here(config, clock)
    ran = run_here({**config, "reuse_finished_jobs": False}, clock)
    assert is_whole(ran, scenario, sandbox)
    assert submitted_and_replayed(sandbox, scenario) == ((1, 1) if scenario.vendor == "impact" else (2, 0))
    made = {job.revision for job in sandbox.jobs.of(scenario.vendor)}
    assert scenario.vendor == "impact" or len(made) == 2, "the vendor's kept result is not taken again"


@pytest.mark.parametrize(
    "refused", [pytest.param(False, id="once"), pytest.param(True, id="and is taken as it is if it can't be")]
)
def test_a_handed_back_result_is_replayed_and_not_asked_for_again(sandbox, clock, caplog, refused):
    """impact.com answers a repeated request with the result of the first: it is run again, not believed."""
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 24, "lookback_days": 100}, job_ledger="off")
    run_here(config, clock)
    clock.seconds += 21 * 3600  # impact.com's reuse_job_hours are 20
    if refused:
        sandbox.faults.add("status", vendor="impact", kind="replay", status=404, times=0)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert submitted_and_replayed(sandbox, scenario) == (2, 1)
    assert ("no replay" in caplog.text) is refused


# --- a ledger that was edited by hand ----------------------------------------------------------------


def edited(config, **values):
    engine = sa.create_engine(f"sqlite:///{config['job_ledger']}")
    with engine.begin() as db:
        db.execute(sa.table("tap_reports_jobs", *map(sa.column, values)).update().values(values))
    engine.dispose()


@pytest.mark.parametrize("column", ["sent_at", "finished_at", "status", "slice_end"])
def test_a_job_whose_row_is_invalid_is_polled_and_not_submitted_again(
    sandbox, scenario, config, clock, caplog, column
):
    run_here(config, clock)
    edited(config, **{column: "nonsense"})
    caplog.clear()
    assert is_whole(run_here(config, clock), scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).calls == 1
    assert f"has no valid {column.replace('_end', '')}" in caplog.text


@vendors("second_nature", "digital_turbine")
def test_a_link_that_was_edited_by_hand_costs_one_more_request_and_is_logged(
    sandbox, scenario, config, clock, caplog
):
    """Digital Turbine's link is its only handle; the others' jobs are known by their ids."""
    run_here(config, clock)
    edited(config, handle="nonsense")
    caplog.clear()
    assert is_whole(run_here(config, clock), scenario, sandbox)
    calls = 2 if scenario.vendor == "digital_turbine" else 1
    assert sandbox.submissions(scenario.vendor).calls == calls
    assert "has no valid handle" in caplog.text
    assert caplog.text.count("submitted again") == calls - 1


def test_a_pending_job_that_is_older_than_its_vendor_keeps_results_is_not_given_up_in_silence(
    sandbox, config, clock, caplog
):
    scenario = SCENARIOS["similarweb"]
    config = {**config, **scenario.config(sandbox, block={"slice_days": 24})}
    sandbox.faults.add("status", vendor="similarweb", kind="poll", status=403, times=0)
    run_here(config, clock)
    sandbox.faults.clear()
    clock.seconds += 40 * 86400
    caplog.clear()
    run_here(config, clock)
    assert "is older than Similarweb keeps results; it is submitted again now" in caplog.text


def test_a_handed_back_result_is_replayed_by_the_run_that_resumes_it(sandbox, clock):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 24, "lookback_days": 100}, job_ledger="off")
    run_here(config, clock)
    clock.seconds += 21 * 3600
    sandbox.faults.add("status", vendor="impact", kind="poll", status=403, times=0)
    ended = run_here(config, clock)
    assert submitted_and_replayed(sandbox, scenario) == (2, 0)
    sandbox.faults.clear()
    assert is_whole(run_here(config, clock, state=ended.state), scenario, sandbox)
    assert submitted_and_replayed(sandbox, scenario) == (2, 1)


@vendors("impact")
@pytest.mark.parametrize("replay", [200, 400])
def test_a_handed_back_result_that_was_good_when_submitted_is_collected_whenever_a_run_comes_to_it(
    sandbox, scenario, config, clock, replay
):
    config["impact"]["lookback_days"] = 100
    run_here({**config, "job_ledger": "off"}, clock)
    clock.seconds += 5 * 3600
    sandbox.faults.add("status", vendor="impact", kind="download", status=400, times=0)
    ended = run_here(config, clock)
    sandbox.faults.clear()
    clock.seconds += 16 * 3600  # impact.com's reuse_job_hours are 20
    sandbox.faults.add("status", vendor="impact", kind="replay", status=replay, times=0)
    assert is_whole(run_here(config, clock, state=ended.state), scenario, sandbox)
    assert submitted_and_replayed(sandbox, scenario) == (2, 0)


@vendors("impact")
@pytest.mark.parametrize("ledger", ["off", "on"])
def test_a_handed_back_result_is_not_submitted_again_where_a_later_run_s_replay_is_refused(
    sandbox, scenario, config, clock, ledger
):
    config["impact"]["lookback_days"] = 100
    without_ledger = {**config, "job_ledger": "off"}
    run_here(without_ledger, clock)
    clock.seconds += 21 * 3600
    config = without_ledger if ledger == "off" else config
    sandbox.faults.add("status", vendor="impact", kind="poll", status=403, times=0)
    ended = run_here(config, clock)
    sandbox.faults.clear()
    sandbox.faults.add("status", vendor="impact", kind="replay", status=400, times=0)
    assert is_whole(run_here(config, clock, state=ended.state), scenario, sandbox)
    assert submitted_and_replayed(sandbox, scenario) == (2, 1)


@vendors("second_nature")
def test_a_job_that_runs_again_at_its_vendor_has_not_finished(sandbox, scenario, config, clock):
    run_here(config, clock)
    clock.seconds += 3600
    again = clock.now()
    words = ["in_progress", "complete"]
    sandbox.faults.add("statuses", vendor=scenario.vendor, kind="poll", words=words)
    assert is_whole(run_here(config, clock), scenario, sandbox)
    with contextlib.closing(Ledger.open(config["job_ledger"])) as ledger:
        (job,) = ledger.job_history()
    assert job.finished_at >= again
