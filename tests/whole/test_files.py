"""Damaged and unexpected files: all rows, or an error and no bookmark."""

from __future__ import annotations

import csv
import io

import pytest
from run_messages import counted
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock

from tap_reports.sandbox import Sandbox

FORMATS = {
    "similarweb": ["csv", "json"],
    "impact": ["csv", "json"],
    "digital_turbine": ["csv"],
    "second_nature": ["xlsx", "csv", "json"],
}
FORMAT_SETTINGS = {"similarweb": "response_format", "impact": "result_format", "second_nature": "format"}
CASES = [(vendor, form) for vendor, forms in FORMATS.items() for form in forms]
PATIENT = {"job_deadline_seconds": 600, "poll_interval_seconds": 5, "poll_max_interval_seconds": 60}
ENVELOPE = '{"error": "internal", "message": "please try again"}'
PAGE = "<!DOCTYPE html><html><body>Bad gateway</body></html>"


def config_of(scenario, sandbox, form="csv", *, block=None, **settings):
    """Return a configuration for one slice."""
    config = scenario.config(sandbox, block={"slice_days": 24, **(block or {})}, job_ledger="off", **settings)
    own = config[scenario.vendor]
    if scenario.vendor == "second_nature":
        own = own["reports"][0]
    if name := FORMAT_SETTINGS.get(scenario.vendor):
        own[name] = form
    return config


def is_whole(ran, scenario, sandbox):
    return ran.status == 0 and ran.rows(scenario.stream) == scenario.rows(sandbox)


def is_loud(ran, scenario):
    return ran.status == 1 and ran.bookmark(scenario.stream) is None and bool(ran.tap.outcome.failures)


@pytest.fixture(params=CASES, ids="-".join)
def case(request, sandbox):
    vendor, form = request.param
    return SCENARIOS[vendor], form, sandbox


def test_a_file_over_max_file_gib_is_not_downloaded_whole(sandbox):
    scenario = SCENARIOS["similarweb"]
    ran = run_here(config_of(scenario, sandbox, max_file_gib=1e-8))  # ten bytes
    assert is_loud(ran, scenario)
    assert "the report file is larger than" in ran.error
    assert "raise max_file_gib" in ran.error


def test_each_format_gives_the_same_rows(case):
    scenario, form, sandbox = case
    assert is_whole(run_here(config_of(scenario, sandbox, form)), scenario, sandbox)


@pytest.mark.parametrize("switch", ["gzip", "zip"])
def test_packed_files_are_recognized_by_their_first_bytes(switch):
    for scenario in SCENARIOS.values():
        with Sandbox(rows=3, speed=1e6, delay=0, switches=frozenset({switch})) as sandbox:
            assert is_whole(run_here(config_of(scenario, sandbox)), scenario, sandbox)


@pytest.fixture
def breaking(scenario):
    """Break a sandbox's downloads. Digital Turbine's poll reads a file's beginning; of a small one all."""
    polled = scenario.vendor == "digital_turbine"
    with Sandbox(rows=100 if polled else 3, speed=1e6, delay=0) as sandbox:

        def broken(keep, times):
            given = {"keep": keep, "times": times, "nth": 1 + polled}
            sandbox.faults.add("truncated", vendor=scenario.vendor, kind="download", **given)
            return sandbox

        yield broken


@pytest.mark.parametrize("keep", [0.0, 0.99])
def test_a_broken_transfer_is_completed(breaking, scenario, keep):
    sandbox = breaking(keep, times=2)
    assert is_whole(run_here(config_of(scenario, sandbox)), scenario, sandbox)
    assert sandbox.submissions(scenario.vendor).calls == 1
    assert len(sandbox.calls_of(scenario.vendor, "download")) > 2


def test_a_transfer_that_always_breaks_is_an_error_and_the_job_is_kept(breaking, scenario):
    sandbox = breaking(0.4, times=0)
    ran = run_here(config_of(scenario, sandbox))
    assert is_loud(ran, scenario)
    assert ran.records(scenario.stream) == []
    sandbox.faults.clear()
    if scenario.vendor != "digital_turbine":  # resumed from the ledger only
        assert is_whole(run_here(config_of(scenario, sandbox), state=ran.state), scenario, sandbox)
        assert sandbox.submissions(scenario.vendor).calls == 1


FAULTS = {
    "corrupted gzip": {"action": "corrupt_gzip"},
    "a web page": {"action": "status", "status": 200, "body": PAGE},
    "an error envelope": {"action": "wrong_content", "body": ENVELOPE},
    "an envelope of a list": {"action": "wrong_content", "body": '{"errors": ["no"]}'},
    "half of a JSON text": {"action": "wrong_content", "body": '{"Records": [{"a": "1"}, {"a": '},
    "plain words": {"action": "wrong_content", "body": "Service temporarily unavailable"},
    "bytes without sense": {"action": "wrong_content", "body": "\x00\x01\x02\x7f" * 50},
    "another report": {"action": "wrong_content", "body": "colour,shape\nred,round\n"},
    "no key column": {"action": "wrong_content", "body": "Clicks,Actions\n1,2\n"},
}


OF_A_FORMAT = [("similarweb", "csv"), ("impact", "json"), ("second_nature", "xlsx")]
"""Each format is read by the same code, whatever the vendor."""


@pytest.mark.parametrize(
    ("vendor", "form", "fault"),
    [
        *((*case, fault) for case in OF_A_FORMAT for fault in FAULTS),
        *((*case, "another report") for case in CASES if case not in OF_A_FORMAT),
    ],
)
def test_a_file_that_is_not_the_report_is_an_error(sandbox, vendor, form, fault):
    scenario = SCENARIOS[vendor]
    sandbox.faults.add(vendor=vendor, kind="download", times=0, **FAULTS[fault])
    ran = run_here(config_of(scenario, sandbox, form))
    assert is_loud(ran, scenario)
    assert ran.records(scenario.stream) == []
    assert "defect" not in str(ran.tap.outcome.failures)
    sandbox.faults.clear()
    if vendor != "digital_turbine":
        assert is_whole(run_here(config_of(scenario, sandbox, form), state=ran.state), scenario, sandbox)
        assert sandbox.submissions(vendor).calls == 1


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500])
def test_a_refused_download_is_an_error(sandbox, scenario, status):
    sandbox.faults.add("status", vendor=scenario.vendor, kind="download", status=status, times=0)
    ran = run_here(config_of(scenario, sandbox, block=PATIENT), FakeClock())
    assert is_loud(ran, scenario)
    assert ran.records(scenario.stream) == []


@pytest.mark.parametrize("action", ["header_only", "empty_file"])
def test_a_report_without_rows_is_a_finished_slice_or_an_error(case, action):
    scenario, form, sandbox = case
    sandbox.faults.add(action, vendor=scenario.vendor, kind="download", times=0)
    ran = run_here(config_of(scenario, sandbox, form, block=PATIENT), FakeClock())
    assert ran.records(scenario.stream) == []
    if ran.status == 0:
        assert ran.bookmark(scenario.stream) == scenario.last_day(sandbox).isoformat()
    else:
        assert is_loud(ran, scenario)
    no_data = {("impact", "empty_file"), ("similarweb", "header_only"), ("impact", "header_only")}
    assert (ran.status == 0) or (scenario.vendor, action) not in no_data


# --- columns and cells --------------------------------------------------------------------------------


def run_changed(sandbox, change, **settings):
    """Run with impact.com's file as it is, changed."""
    scenario = SCENARIOS["impact"]
    days = (scenario.first_day(sandbox), scenario.last_day(sandbox))
    rows = [dict(row) for row in sandbox.expected(scenario.vendor, scenario.report, *days)]
    change(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    sandbox.faults.add("wrong_content", vendor="impact", kind="download", body=text.getvalue(), times=0)
    return scenario, run_here(config_of(scenario, sandbox, **settings))


@pytest.mark.parametrize("policy", ["add", "ignore", "fail"])
def test_a_new_column_is_added_ignored_or_an_error(sandbox, policy):
    def with_column(rows):
        for row in rows:
            row["New Column"] = "x"

    scenario, ran = run_changed(sandbox, with_column, new_columns=policy)
    if policy == "fail":
        assert is_loud(ran, scenario)
        assert '"New Column"' in ran.error
        return
    added = {"new_column": "x"} if policy == "add" else {}
    assert ran.rows(scenario.stream) == counted([row | added for row in scenario.expected(sandbox)])
    columns = [set(one["schema"]["properties"]) for one in ran.schemas(scenario.stream)]
    assert ["new_column" in one for one in columns] == ([False, True] if added else [False])


@pytest.mark.parametrize("policy", ["fail", "null"])
def test_an_invalid_cell_is_an_error_or_null_and_counted(sandbox, policy, caplog):
    def spoil(rows):
        rows[7]["Quantity"] = "many"

    scenario, ran = run_changed(sandbox, spoil, invalid_values=policy)
    if policy == "fail":
        assert is_loud(ran, scenario)
        assert ran.error_class == "InvalidValue"
        assert 'row 8, column "Quantity"' in ran.error
        assert '"many"' in ran.error
        return
    assert ran.status == 0
    rows = ran.records(scenario.stream)
    assert [row["quantity"] for row in rows].count(None) == 1
    assert "1 value did not fit" in caplog.text


@pytest.mark.parametrize("vendor", ["similarweb", "impact", "second_nature"])
def test_each_run_reads_a_refused_file_again_and_only_on_demand_the_vendor_makes_it_again(
    sandbox, vendor, tmp_path
):
    """The job is finished: nothing is paid again unless the user says so, and it is told how."""
    scenario = SCENARIOS[vendor]
    config = {**config_of(scenario, sandbox), "job_ledger": str(tmp_path / "jobs.sqlite")}
    sandbox.faults.add(vendor=vendor, kind="download", times=2, **FAULTS["another report"])
    first = run_here(config)
    second = run_here(config, state=first.state)
    for ran in (first, second):
        assert ran.status == 1
        assert "without a new submission; a run with reuse_finished_jobs false" in ran.error
        assert ran.pending(scenario.stream)
    assert sandbox.submissions(vendor).calls == 1
    third = run_here({**config, "reuse_finished_jobs": False}, state=second.state)
    assert is_whole(third, scenario, sandbox)
