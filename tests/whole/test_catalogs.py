"""Changes of a user in a catalog are applied, or refused before any request."""

from __future__ import annotations

import copy
import datetime as dt
import json

import pytest
from scenarios import SCENARIOS, run_here

from tap_reports.exceptions import ConfigError
from tap_reports.sandbox import Sandbox
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports

SCENARIO = SCENARIOS["digital_turbine"]


@pytest.fixture
def run(sandbox):
    """Run with the stream's entry of the catalog changed."""
    config = SCENARIO.config(sandbox, job_ledger="off")
    catalog = TapReports(config=config, mode=Mode.DISCOVER).catalog_dict

    def with_entry(**changes):
        changed = copy.deepcopy(catalog)
        (entry,) = changed["streams"]
        root = next(item["metadata"] for item in entry["metadata"] if not item["breadcrumb"])
        for name, value in changes.items():
            root[name.replace("_", "-")] = entry[name] = value
        return run_here(config, catalog=json.loads(json.dumps(changed)))

    return with_entry


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        (
            {"key_properties": ["date", "advertiser"], "table_key_properties": ["date", "advertiser"]},
            "advertiser",
        ),
        ({"replication_key": "updated_at"}, "updated_at"),
    ],
)
def test_a_key_of_the_catalog_that_is_not_a_column_is_an_error(run, sandbox, changes, name):
    """A target would take all records for one."""
    with pytest.raises(
        ConfigError, match=f"{SCENARIO.stream} has no column {name}, which is one of its keys"
    ):
        run(**changes)
    assert sandbox.submissions("digital_turbine").calls == 0


def test_without_keys_slice_and_row_are_the_keys(run, sandbox):
    ran = run(key_properties=[], table_key_properties=[])
    assert ran.schemas(SCENARIO.stream)[0]["key_properties"] == ["_report_slice_start", "_report_row"]
    assert ran.rows(SCENARIO.stream) == SCENARIO.rows(sandbox)


def test_a_full_table_begins_at_the_start_date_and_activates_its_version(run, sandbox):
    ran = run(replication_method="FULL_TABLE", forced_replication_method="FULL_TABLE")
    assert ran.rows(SCENARIO.stream) == SCENARIO.rows(sandbox)
    versions = [one["version"] for one in ran.messages if one["type"] in {"RECORD", "ACTIVATE_VERSION"}]
    assert len(set(versions)) == 1
    assert [one["type"] for one in ran.messages if one["type"] != "STATE"][-1] == "ACTIVATE_VERSION"
    assert ran.bookmark(SCENARIO.stream) is None


def test_a_sheet_without_a_stream_in_the_catalog_is_named_once(sandbox, caplog):
    block = {"reports": [{"report_name": "admin-xls-report"}]}
    config = {**sandbox.config("second_nature"), "job_ledger": "off"}
    config["second_nature"] |= block
    catalog = TapReports(config=config, mode=Mode.DISCOVER).catalog_dict
    gone = catalog["streams"].pop()
    sheet = gone["schema"]["title"].partition(" / ")[2]
    assert run_here(config, catalog=catalog).status == 0
    said = [one.getMessage() for one in caplog.records if "no stream loads" in one.getMessage()]
    assert len(said) == 1
    assert f'no stream loads the sheets "{sheet}" of its file; run discovery again' in said[0]


def test_a_catalog_changes_no_slice(program):
    """Months of impact.com's daily reports are a job each, not a job a day, under Meltano too."""
    with Sandbox(rows=2, speed=600, today=dt.date(2026, 3, 20)) as sandbox:
        config = {**sandbox.config(), "start_date": "2026-01-01"}
        catalog = program.run(config, "--discover").json
        plans = []
        for given in (None, catalog):
            streams = program.run(config, "--plan", "--format", "json", catalog=given).json["streams"]
            plans.append({one["stream"]: [(s["start"], s["end"]) for s in one["slices"]] for one in streams})
    for plan in plans:
        for name in [name for name in plan if name.startswith("second_nature")]:
            del plan[name]  # its sheets are known from a file only
    assert plans[0] == plans[1]
    assert len(plans[0]["impact_partner_performance_by_day"]) == 3
