"""Each vendor's rows, whole and exactly; a second run brings only what is new."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from run_messages import bookmark_of, mark_of
from scenarios import SCENARIOS, run_here

from tap_reports.sandbox import Sandbox, Switch


def test_a_run_writes_exactly_the_vendor_s_rows(sandbox, scenario):
    ran = run_here(scenario.config(sandbox))
    assert ran.status == 0
    assert ran.rows(scenario.stream) == scenario.rows(sandbox)
    assert len(ran.records(scenario.stream)) > 2 * 23
    assert ran.bookmark(scenario.stream) == scenario.last_day(sandbox).isoformat()
    assert ran.pending(scenario.stream) == []
    assert sandbox.submissions(scenario.vendor).accepted == 2


def test_a_second_run_with_the_state_submits_nothing_when_nothing_is_new(sandbox, scenario):
    first = run_here(scenario.config(sandbox))
    sandbox.calls.clear()
    second = run_here(scenario.config(sandbox), state=first.state)
    assert second.status == 0
    assert second.records(scenario.stream) == []
    assert second.bookmark(scenario.stream) == first.bookmark(scenario.stream)
    assert sandbox.calls_of(scenario.vendor, "submit") == []


def test_a_second_run_with_an_older_state_brings_the_days_since(sandbox, scenario):
    last = scenario.last_day(sandbox)
    until = (last - dt.timedelta(days=3)).isoformat()
    first = run_here(scenario.config(sandbox, end_date=until))
    assert first.bookmark(scenario.stream) == until
    second = run_here(scenario.config(sandbox), state=first.state)
    rows = [ran.rows(scenario.stream) for ran in (first, second)]
    assert rows[0] | rows[1] == scenario.rows(sandbox)  # impact.com's slice is asked for whole
    assert sandbox.submissions(scenario.vendor).accepted == 3


def test_looking_back_happens_once_for_each_new_final_day(sandbox, scenario):
    config = scenario.config(sandbox, block={"lookback_days": 3}, reuse_job_hours=0, job_ledger="off")
    first = run_here({**config, "end_date": (scenario.last_day(sandbox) - dt.timedelta(days=1)).isoformat()})
    second = run_here(config, state=first.state)
    third = run_here(config, state=second.state)
    assert second.bookmark(scenario.stream) == scenario.last_day(sandbox).isoformat()
    assert third.status == 0
    assert third.records(scenario.stream) == []
    discovered = scenario.vendor == "second_nature"  # without a catalog, its columns come from a file
    assert sandbox.submissions(scenario.vendor).accepted == 3 + discovered


def test_without_a_state_the_ledger_s_finished_jobs_are_reused(sandbox, scenario, tmp_path):
    config = scenario.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite"))
    run_here(config)
    again = run_here(config)
    assert again.status == 0
    assert again.rows(scenario.stream) == scenario.rows(sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 2


def test_records_have_their_job_slice_and_row(sandbox, scenario):
    ran = run_here(scenario.config(sandbox))
    records = ran.records(scenario.stream)
    jobs = {job.id for job in sandbox.jobs.of(scenario.vendor)}
    assert {record["_report_job_id"].removesuffix(".csv") for record in records} == jobs
    for start in {record["_report_slice_start"] for record in records}:
        rows = [one["_report_row"] for one in records if one["_report_slice_start"] == start]
        assert rows == list(range(1, len(rows) + 1))
    days = sorted({(one["_report_slice_start"], one["_report_slice_end"]) for one in records})
    assert days[0][0] == scenario.first_day(sandbox).isoformat()
    assert days[-1][1] == scenario.last_day(sandbox).isoformat()
    assert dt.date.fromisoformat(days[1][0]) - dt.date.fromisoformat(days[0][1]) == dt.timedelta(days=1)


def test_slices_are_written_in_order_even_if_a_later_one_is_ready_first(sandbox):
    scenario = SCENARIOS["impact"]
    sandbox.faults.add("status", vendor="impact", kind="poll", status=429, retry_after=900)
    ran = run_here(scenario.config(sandbox))
    assert ran.seconds >= 900
    order = [one["_report_slice_start"] for one in ran.records(scenario.stream)]
    assert (order, len(set(order))) == (sorted(order), 2)


def test_the_bookmark_does_not_pass_a_failed_slice(sandbox):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox, block={"slice_days": 6})
    sandbox.faults.add("wrong_content", vendor="impact", kind="download", nth=2, body="busy")
    ran = run_here(config)
    assert ran.status == 1
    first = scenario.first_day(sandbox)
    assert ran.bookmark(scenario.stream) == str(first + dt.timedelta(days=5))
    assert f"{first + dt.timedelta(days=6)}" in ran.error


@pytest.mark.parametrize("form", ["xlsx", "csv", "json"])
def test_each_sheet_is_a_stream_in_every_format_and_all_share_one_job(sandbox, form):
    config = {**sandbox.config("second_nature"), "job_ledger": "off"}
    config["second_nature"]["reports"] = [{"report_name": "admin-xls-report", "format": form}]
    ran = run_here(config)
    sheets = ("quiz_overview", "session_overview", "trainee_performance_summary")
    assert {name: len(ran.records(name)) for name in ran.streams} == {
        f"second_nature_admin_xls_report__{sheet}": 3 for sheet in sheets
    }
    assert sandbox.submissions("second_nature").calls == 1


def test_no_state_is_ahead_of_the_written_rows(sandbox, scenario):
    """At each STATE, all rows up to the bookmark have been written before it."""
    ran = run_here(scenario.config(sandbox))
    emitted, days = 0, []
    for message in ran.messages:
        emitted += message["type"] == "RECORD"
        if message["type"] == "STATE" and (day := bookmark_of(message["value"], scenario.stream)):
            assert emitted == len(scenario.expected(sandbox, dt.date.fromisoformat(day)))
            days.append(day)
    assert sorted(set(days)) == [*days[:1], scenario.last_day(sandbox).isoformat()]


def pending(state, scenario):
    return mark_of(state, scenario.stream).get("pending_jobs", [])


def test_a_state_follows_each_submission_before_the_first_poll(sandbox, scenario):
    states = run_here(scenario.config(sandbox)).states
    assert {len(pending(state, scenario)) for state in states} >= {1, 2, 0}
    assert "?" not in json.dumps(states)  # no signed link


@pytest.mark.parametrize(
    ("vendor", "has_ledger"),
    [
        *((vendor, True) for vendor in SCENARIOS),
        *(
            (vendor, False) for vendor in SCENARIOS if vendor != "digital_turbine"
        ),  # its link is not in the state
    ],
)
def test_a_job_of_the_state_is_resumed_without_a_submission(sandbox, tmp_path, vendor, has_ledger):
    scenario = SCENARIOS[vendor]
    config = scenario.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite") if has_ledger else "off")
    states = run_here(config).states
    killed = next(state for state in states if len(pending(state, scenario)) == 2)
    second = run_here(config, state=killed)
    assert second.rows(scenario.stream) == scenario.rows(sandbox)
    assert sandbox.submissions(vendor).accepted == 2


def test_a_job_of_days_after_end_date_stays_in_the_state(sandbox):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox, job_ledger="off")
    states = run_here(config).states
    killed = next(state for state in states if len(pending(state, scenario)) == 2)
    middle = scenario.first_day(sandbox) + dt.timedelta(days=11)
    half = run_here({**config, "end_date": middle.isoformat()}, state=killed, leaves_jobs=True)
    assert half.bookmark(scenario.stream) == middle.isoformat()
    assert len(half.pending(scenario.stream)) == 1
    assert run_here(config, state=half.state).status == 0
    assert sandbox.submissions("similarweb").accepted == 2


def test_restated_days_are_extracted_again_within_the_lookback():
    scenario = SCENARIOS["impact"]
    with Sandbox(rows=2, speed=1000, delay=0, restated_days=5) as sandbox:
        config = scenario.config(sandbox, reuse_job_hours=0, job_ledger="off")
        config["impact"]["lookback_days"] = 5
        last = scenario.last_day(sandbox)
        first = run_here({**config, "end_date": (last - dt.timedelta(days=1)).isoformat()})
        second = run_here(config, state=first.state)
        assert second.status == 0
        days = sorted({row["action_date"][:10] for row in second.records(scenario.stream)})
        line_of_the_grid = last - dt.timedelta(days=11)
        assert days[0] == line_of_the_grid.isoformat()
        assert days[-1] == second.bookmark(scenario.stream) == last.isoformat()


OTHER_FIELDS = {"report_name": "report", "start_time": "from", "end_time": "to"}


@pytest.mark.parametrize(
    ("vendor", "switches", "block"),
    [
        (
            "similarweb",
            {
                Switch.SIMILARWEB_V3_MISSING,
                Switch.SIMILARWEB_DESCRIBE_OBJECT,
                Switch.SIMILARWEB_CREDITS_SHORT,
                Switch.SIMILARWEB_VALIDATE_400,
                Switch.SIMILARWEB_SPACED_WORDS,
            },
            {},
        ),
        ("similarweb", {Switch.SIMILARWEB_V3_GONE, Switch.NO_RANGE}, {}),
        ("impact", {Switch.IMPACT_PAGED, Switch.IMPACT_ZERO_BYTE}, {"result_format": "json"}),
        ("digital_turbine", {Switch.DT_URL_KEY, Switch.DT_ZERO_BYTE}, {}),
        (
            "second_nature",
            {Switch.SN_OTHER_FIELDS},
            {"request_method": "GET", "request_fields": OTHER_FIELDS},
        ),
    ],
)
def test_answers_that_the_documents_leave_open_give_the_same_rows(vendor, switches, block):
    scenario = SCENARIOS[vendor]
    with Sandbox(rows=3, speed=1e6, delay=0, page_size=10, switches=frozenset(switches)) as sandbox:
        ran = run_here(scenario.config(sandbox, block=block))
        assert ran.status == 0
        assert ran.rows(scenario.stream) == scenario.rows(sandbox)
        assert sandbox.submissions(vendor).accepted == 2
