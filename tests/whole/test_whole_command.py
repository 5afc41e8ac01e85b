"""The command as users run it: discovery, catalogs, selection, looking without syncing, failures."""

from __future__ import annotations

import json

import pytest
from scenarios import SCENARIOS


def test_discover_then_sync_with_the_catalog(program, sandbox):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox)
    found = program.run(config, "--discover").json
    assert [one["tap_stream_id"] for one in found["streams"]] == [scenario.stream]
    assert sandbox.submissions("impact").calls == 0
    assert program.left_behind() == []

    sandbox.calls.clear()
    config["impact"].pop("timezone")
    result = program.run(config, catalog=found)
    assert result.status == 0
    assert result.rows(scenario.stream) == scenario.rows(sandbox)
    kinds = {call.kind for call in sandbox.calls_of("impact")}
    assert kinds == {"company", "submit", "poll", "link", "download"}  # nothing for discovery's sake
    assert program.left_behind() == []


def test_only_selected_columns_and_keys_come_out(program, sandbox):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(sandbox)
    catalog = program.run(config, "--discover").json
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] in (["properties", "spend"], ["properties", "clicks"]):
            entry["metadata"] |= {"selected": False}
        entry["metadata"].pop("inclusion", None) if entry["breadcrumb"] else None
    result = program.run(config, catalog=catalog)
    record = result.records(scenario.stream)[0]
    assert "spend" not in record
    assert "clicks" not in record
    assert {"date", "campaign_id", "country", "installs"} <= set(record)
    assert "spend" not in result.schemas(scenario.stream)[-1]["schema"]["properties"]
    assert result.schemas(scenario.stream)[0]["key_properties"] == [
        "date",
        "campaign_id",
        "country",
    ]


def test_a_deselected_stream_is_not_asked_for(program, sandbox):
    scenario = SCENARIOS["impact"]
    config = scenario.config(sandbox)
    config["impact"]["reports"].append({"id": "partner_performance_by_day"})
    catalog = program.run(config, "--discover").json
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == scenario.stream
    result = program.run(config, catalog=catalog)
    assert result.streams == [scenario.stream]
    assert sandbox.submissions("impact").accepted == 2


def test_plan_says_what_a_run_does_and_submits_nothing(program, sandbox):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox)
    plan = json.loads(program.run(config, "--plan", "--format", "json").stdout)
    assert sandbox.submissions().calls == 0
    (stream,) = plan["streams"]
    assert stream["stream"] == scenario.stream
    assert stream["first_day"] == scenario.first_day(sandbox).isoformat()
    assert stream["last_day"] == scenario.last_day(sandbox).isoformat()
    assert [one["action"] for one in stream["slices"]] == ["submit", "submit"]
    assert all(one["estimated_credits"] > 0 for one in stream["slices"])
    assert plan["totals"]["submit"] == 2

    result = program.run(config)
    again = json.loads(program.run(config, "--plan", "--format", "json").stdout)
    assert [one["action"] for one in again["streams"][0]["slices"]] == ["reuse", "reuse"]
    after = json.loads(program.run(config, "--plan", "--format", "json", state=result.state).stdout)
    assert after["streams"][0]["slices"] == []


def test_jobs_lists_the_ledger(program, sandbox):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(sandbox)
    result = program.run(config)
    listed = json.loads(program.run(config, "--jobs", "--format", "json").stdout)
    assert len(listed) == 2
    assert {job["status"] for job in listed} == {"succeeded"}
    assert sum(job["rows"] for job in listed) == len(result.records(scenario.stream))
    assert all(job["bytes"] > 0 and job["downloaded_at"] for job in listed)
    assert "?" not in json.dumps(listed)
    assert listed[0]["slice_start"] > listed[1]["slice_start"]


def test_test_checks_with_free_calls_only(program, sandbox):
    config = sandbox.config()
    good = program.run(config, "--test")
    assert good.status == 0, good.stdout + good.stderr
    config["impact"]["auth_token"] = "wrong-wrong-wrong"
    bad = program.run(config, "--test")
    assert bad.status == 1
    assert "wrong-wrong-wrong" not in bad.stdout + bad.stderr
    assert sandbox.submissions().calls == 0


def test_json_logs_name_the_stream(program, sandbox):
    program.environment["TAP_REPORTS_LOG_FORMAT"] = "json"
    config = SCENARIOS["digital_turbine"].config(sandbox)
    config["impact"] = SCENARIOS["impact"].config(sandbox)["impact"] | {"api_url": "http://127.0.0.1:1"}
    result = program.run({**config, "max_request_retries": 0})
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    named = {(line["logger_name"].partition(".")[2], line["stream_name"]) for line in lines}
    stream = SCENARIOS["digital_turbine"].stream
    assert named == {("", None), ("", stream), ("", "impact"), ("jobs", stream), (stream, stream)}
    (failed,) = (line for line in lines if line["level"] == "error")
    assert failed["message"].startswith("failed: vendor impact: GET ")
    assert "127.0.0.1:1: " in failed["message"], "the host, not the name of a class"
    assert failed["extra"]["vendor"] == "impact"


def test_a_discovery_that_fails_names_the_vendor(program):
    impact = {
        "account_sid": "a",
        "auth_token": "b",
        "account_type": "partner",
        "api_url": "http://127.0.0.1:1",
    }
    done = program.run({"impact": impact, "max_request_retries": 0}, "--discover")
    assert done.status == 1
    assert "vendor impact: GET /Mediapartners/a/Reports: not sent" in done.stderr


# --- one fails, the others finish ---------------------------------------------------------------------


@pytest.mark.parametrize("vendor", SCENARIOS)
def test_one_vendor_s_failure_does_not_stop_the_others(program, sandbox, vendor):
    config = {"job_ledger": "off", "max_request_retries": 1, "retry_backoff_seconds": 0.01}
    for scenario in SCENARIOS.values():
        config = {
            **scenario.config(sandbox),
            **config,
            scenario.vendor: scenario.config(sandbox)[scenario.vendor],
        }
    config["end_date"] = min(one.last_day(sandbox) for one in SCENARIOS.values()).isoformat()
    config["start_date"] = max(one.first_day(sandbox) for one in SCENARIOS.values()).isoformat()
    for kind in ("submit", "list", "metadata", "token", "validate"):
        sandbox.faults.add("status", vendor=vendor, kind=kind, status=500, times=0)
    result = program.run(config)
    assert result.status == 1
    for scenario in SCENARIOS.values():
        assert bool(result.records(scenario.stream)) is (scenario.vendor != vendor)
        marks = result.state["bookmarks"].get(scenario.stream, {})
        assert marks.get("replication_key_value") == (
            None if scenario.vendor == vendor else config["end_date"]
        )
    last = [line for line in result.stderr.splitlines() if "failed: " in line][-1]
    assert f"vendor {vendor}" in last
    assert program.left_behind() == []
