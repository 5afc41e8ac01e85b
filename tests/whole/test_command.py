"""The command as users run it: discovery, catalogs, selection, logs, failures."""

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


def test_only_selected_columns_and_keys_are_written(program, sandbox):
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


def test_a_deselected_stream_is_not_submitted(program, sandbox):
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


def test_without_reports_impact_s_catalog_lists_its_reports_and_selects_none(program, sandbox):
    config = {**sandbox.config("impact"), "start_date": "2026-01-01", "job_ledger": "off"}
    del config["impact"]["reports"]
    streams = program.run(config, "--discover").json["streams"]
    assert {one["tap_stream_id"] for one in streams} > {SCENARIOS["impact"].stream}
    roots = [entry["metadata"] for one in streams for entry in one["metadata"] if not entry["breadcrumb"]]
    assert not any(root.get("selected") or root.get("selected-by-default") for root in roots)
    assert program.run(config).status == 0
    assert sandbox.submissions().calls == 0


@pytest.mark.parametrize(
    ("vendor", "submitted"), [("similarweb", 0), ("digital_turbine", 0), ("second_nature", 1)]
)
def test_only_second_nature_s_discovery_submits_a_job_and_the_sync_uses_it(
    program, sandbox, vendor, submitted
):
    """It is a dated report: the job of its latest slice."""
    config = SCENARIOS[vendor].config(sandbox)
    (entry,) = program.run(config, "--discover").json["streams"]
    assert entry["replication_method"] == "INCREMENTAL"
    assert entry["replication_key"] in entry["schema"]["properties"]
    assert sandbox.submissions(vendor).calls == submitted
    assert program.run(config).status == 0
    assert sandbox.submissions(vendor).calls == 2


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


def test_variables_can_set_single_settings(program, sandbox):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(sandbox)
    variables = {
        "TAP_REPORTS_START_DATE": config.pop("start_date"),
        "TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET": config["digital_turbine"].pop("client_secret"),
        "TAP_REPORTS_DIGITAL_TURBINE_SLICE_DAYS": str(config["digital_turbine"].pop("slice_days")),
    }
    ran = program.run(config, "--config=ENV", **variables)
    assert ran.rows(scenario.stream) == scenario.rows(sandbox), ran.stderr


def test_a_run_needs_no_terminal_and_no_utf_8(program, sandbox):
    scenario = SCENARIOS["second_nature"]
    bare = {"TERM": "dumb", "HOME": str(program.folder), "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    ran = program.run(scenario.config(sandbox), **bare)
    assert ran.rows(scenario.stream) == scenario.rows(sandbox), ran.stderr
    assert program.left_behind() == []


# --- one fails, the others finish ---------------------------------------------------------------------


def test_the_last_lines_name_each_failed_stream_with_its_job(program, sandbox):
    impact, similarweb = SCENARIOS["impact"], SCENARIOS["similarweb"]
    config = impact.config(sandbox, job_deadline_seconds=0.4)
    config["similarweb"] = similarweb.config(sandbox)["similarweb"]
    for vendor, word in (("impact", "QUEUED"), ("similarweb", "pending")):
        sandbox.faults.add("statuses", vendor=vendor, kind="poll", words=[word] * 9999, times=0)
    ran = program.run(config)
    assert ran.status == 1
    *lines, _ = ran.stderr.strip().splitlines()[-3:]
    assert all("ERROR" in line for line in lines)
    for scenario in (impact, similarweb):
        ids = [job["id"] for job in ran.pending(scenario.stream)]
        assert any(scenario.stream in line and any(one in line for one in ids) for line in lines), lines


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
