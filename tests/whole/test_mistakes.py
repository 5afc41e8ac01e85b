"""Wrong settings and states are an error in words before any request."""

from __future__ import annotations

import pytest
from scenarios import SCENARIOS, run_here

from tap_reports.exceptions import ConfigError

SCENARIO = SCENARIOS["impact"]


@pytest.fixture
def run(sandbox):
    """Run with a state."""
    return lambda state: run_here(SCENARIO.config(sandbox, job_ledger="off"), state=state)


def test_all_configuration_errors_are_listed_at_once_and_nothing_is_sent(program, sandbox):
    config = sandbox.config()
    config["start_date"] = "yesterday"
    config["impact"]["acount_sid"] = config["impact"].pop("account_sid")
    config["similarweb"].pop("api_key")
    config["digital_turbine"]["api_url"] = "http://example.com"
    done = program.run(config)
    assert done.status == 78
    for part in ("start_date", "account_sid", "similarweb.api_key", "digital_turbine.api_url"):
        assert part in done.stderr
    assert done.stdout == ""
    assert sandbox.calls == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"bookmarks": []}, "bookmarks"),
        ({"currently_syncing": "x"}, "bookmarks"),
        ({"bookmarks": {SCENARIO.stream: {"replication_key_value": "soon"}}}, "YYYY-MM-DD"),
        ({"bookmarks": {SCENARIO.stream: "2026-01-01"}}, "must be an object"),
        ({"bookmarks": {"users": {"replication_key": "id", "replication_key_value": 4711}}}, "users"),
    ],
)
def test_a_state_of_another_tap_is_an_error_before_any_request(run, sandbox, state, said):
    with pytest.raises(ConfigError, match=said):
        run(state)
    assert sandbox.calls == []


@pytest.mark.parametrize(
    "values",
    [
        {"pending_jobs": "none"},
        {"pending_jobs": [1, None, {}, {"key": "x"}, {"id": "y"}]},
        {"pending_jobs": [{"key": "k", "id": {"a": 1}, "submitted_at": "long ago"}]},
        {"replication_key_value": None, "starting_replication_value": 7, "partitions": []},
        {"replication_key_value": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_hand_edited_state_is_accepted(run, sandbox, values):
    assert run({"bookmarks": {SCENARIO.stream: values}}).rows(SCENARIO.stream) == SCENARIO.rows(sandbox)


def test_a_discarded_job_is_named_even_if_there_is_no_new_day(run, sandbox, caplog):
    last = SCENARIO.last_day(sandbox).isoformat()
    job = {"key": "k", "id": "J-1", "slice_start": last, "slice_end": last}
    job["submitted_at"] = f"{last}T00:00:00Z"
    run({"bookmarks": {SCENARIO.stream: {"replication_key_value": last, "pending_jobs": [job]}}})
    assert f"job J-1 of {last}..{last} is discarded: the report's settings have changed" in caplog.text


def test_a_bookmark_of_another_tap_s_stream_is_kept(run, sandbox):
    other = {"replication_key": "id", "replication_key_value": 4711}
    mine = {"replication_key_value": SCENARIO.first_day(sandbox).isoformat()}
    ran = run({"bookmarks": {"other": other, SCENARIO.stream: mine}})
    assert ran.mark("other") == other
    assert ran.bookmark(SCENARIO.stream) == SCENARIO.last_day(sandbox).isoformat()
