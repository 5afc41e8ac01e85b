"""What users pass by mistake: wrong settings, states and files are a sentence, before any request."""

from __future__ import annotations

import pytest
from scenarios import SCENARIOS


def test_every_configuration_error_is_told_at_once_and_nothing_is_sent(program, sandbox):
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
        ({"type": "STATE", "value": {"bookmarks": {}}}, '"value"'),
        ({"currently_syncing": "x"}, "bookmarks"),
        ({"bookmarks": {"impact_mp_action_listing_fast": {"replication_key_value": "soon"}}}, "YYYY-MM-DD"),
        ({"bookmarks": {"impact_mp_action_listing_fast": "2026-01-01"}}, "must be an object"),
        ({"bookmarks": {"users": {"replication_key": "id", "replication_key_value": 4711}}}, "users"),
    ],
)
def test_a_state_that_can_t_be_this_tap_s_ends_before_any_request(program, sandbox, state, said):
    done = program.run(SCENARIOS["impact"].config(sandbox), state=state)
    assert done.status == 78
    assert said in done.stderr
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
def test_a_hand_edited_state_is_gone_on_from(program, sandbox, values):
    scenario = SCENARIOS["impact"]
    result = program.run(scenario.config(sandbox), state={"bookmarks": {scenario.stream: values}})
    assert result.status == 0, result.stderr
    assert result.rows(scenario.stream) == scenario.rows(sandbox)


def test_a_job_that_no_request_asks_for_any_more_is_named_also_where_no_day_is_new(program, sandbox):
    scenario = SCENARIOS["impact"]
    last = scenario.last_day(sandbox).isoformat()
    job = {
        "key": "k",
        "id": "J-1",
        "slice_start": last,
        "slice_end": last,
        "submitted_at": f"{last}T00:00:00Z",
    }
    values = {"replication_key_value": last, "pending_jobs": [job]}
    result = program.run(scenario.config(sandbox), state={"bookmarks": {scenario.stream: values}})
    assert f"job J-1 of {last}..{last} is discarded: the report's settings have changed" in result.stderr


def test_a_bookmark_of_another_tap_s_stream_is_left_as_it_is(program, sandbox):
    other = {"replication_key": "id", "replication_key_value": 4711}
    scenario = SCENARIOS["impact"]
    mine = {"replication_key_value": scenario.first_day(sandbox).isoformat()}
    state = {"bookmarks": {"other": other, scenario.stream: mine}}
    result = program.run(scenario.config(sandbox), state=state)
    assert result.status == 0
    assert result.state["bookmarks"]["other"] == other
    assert result.bookmark(scenario.stream) == scenario.last_day(sandbox).isoformat()
