"""`--plan`: the JSON as it is promised, and a table that people read."""

from __future__ import annotations

import copy
import re
from contextlib import closing

import pytest

from tap_reports.commands.plan import plan, plan_lines
from tap_reports.exceptions import ConfigError
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports

UNANSWERED = "http://127.0.0.1:9"


def test_a_plan_submits_nothing_and_has_the_promised_shape(config, sandbox, planned):
    content = planned(config)
    assert sandbox.submissions().calls == 0
    assert set(content) == {"streams", "quotas", "totals", "verdict"}
    stream = content["streams"][0]
    assert set(stream) == {
        "stream",
        "replication_method",
        "first_day",
        "last_day",
        "slices",
        "warnings",
    }
    assert set(stream["slices"][0]) == {"start", "end", "action", "job_id", "estimated_credits"}
    assert set(content["quotas"][0]) == {"vendor", "quota", "limit", "used", "remaining", "resets_at"}
    assert set(content["totals"]) == {"submit", "resume", "reuse", "replay", "estimated_credits"}


def test_slices_cover_the_days_and_totals_add_up(config, planned):
    content = planned(config)
    slices = [slice_ for stream in content["streams"] for slice_ in stream["slices"]]
    assert content["totals"]["submit"] == len(slices)
    estimates = [slice_["estimated_credits"] for slice_ in slices if slice_["estimated_credits"] is not None]
    assert content["totals"]["estimated_credits"] == sum(estimates) > 0
    for stream in content["streams"]:
        if stream["first_day"]:
            assert stream["slices"][0]["start"] == stream["first_day"]
            assert stream["slices"][-1]["end"] == stream["last_day"]


def test_what_a_sync_has_done_is_reused_and_counted_in_the_quotas(synced, planned):
    config, _ = synced
    content = planned(config)
    assert content["totals"]["submit"] == 0
    assert content["totals"]["reuse"] > 0
    assert all(slice_["job_id"] for stream in content["streams"] for slice_ in stream["slices"])
    used = {(quota["vendor"], quota["quota"]): quota for quota in content["quotas"]}
    day = used["impact", "reports_per_day"]
    assert day["limit"] - day["used"] == day["remaining"]
    assert day["used"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00", day["resets_at"])


def test_a_plan_uses_state_and_catalog(synced, planned):
    config, state = copy.deepcopy(synced)
    config["job_ledger"] = "off"
    everything = planned(config)
    name = "similarweb_traffic_and_engagement_daily"
    chosen = TapReports(config=config, mode=Mode.PLAN).catalog_dict
    chosen["streams"] = [stream for stream in chosen["streams"] if stream["tap_stream_id"] == name]
    content = planned(config, catalog=chosen, state=state)
    assert [stream["stream"] for stream in content["streams"]] == [name]
    assert content["streams"][0]["slices"] == []
    assert content["streams"][0]["first_day"] is None
    assert len(everything["streams"]) > 1


def test_the_table_says_that_nothing_is_new(synced, capsys):
    config, state = copy.deepcopy(synced)
    tap = TapReports(config=config, mode=Mode.PLAN, state=state)
    with closing(tap):
        assert plan(tap.run, tap.selected_streams(), as_json=False) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "similarweb_traffic_and_engagement_daily" in line)
    assert line.split() == ["similarweb_traffic_and_engagement_daily", "-", "nothing", "new", "-", "-"]


def test_a_vendor_that_does_not_answer_fails_its_own_streams_only(config, planned, caplog):
    catalog = TapReports(config=config, mode=Mode.PLAN).catalog_dict
    config["similarweb"]["api_url"] = UNANSWERED
    config |= {"max_request_retries": 0}
    content = planned(config, 1, catalog=catalog)
    vendors = {stream["stream"].partition("_")[0] for stream in content["streams"]}
    assert vendors == {"digital", "impact", "second"}
    assert "not planned: vendor similarweb, stream similarweb_traffic_and_engagement" in caplog.text
    assert next(quota for quota in content["quotas"] if quota["quota"] == "credits")["remaining"] is None


def test_a_report_that_its_vendor_refuses_is_left_out_of_the_plan_and_its_sums(
    config, sandbox, planned, caplog
):
    tap = TapReports(config=config, mode=Mode.PLAN)
    tap.selected_streams()
    refusal = {"status": 400, "body": '{"is_valid": false, "errors": ["no such country"]}'}
    sandbox.faults.add("status", vendor="similarweb", kind="validate", nth=2, **refusal)
    content = planned(tap, 1)
    streams = {stream["stream"]: stream for stream in content["streams"]}
    refused = "similarweb_traffic_and_engagement_daily"
    assert "similarweb_traffic_and_engagement_monthly" in streams
    assert refused not in streams
    assert f"not planned: vendor similarweb, stream {refused}" in caplog.text
    assert "no such country" in caplog.text
    submits = [
        slice_ for stream in streams.values() for slice_ in stream["slices"] if slice_["action"] == "submit"
    ]
    assert content["totals"]["submit"] == len(submits)
    assert sandbox.submissions("similarweb").accepted == 0


@pytest.mark.parametrize("mode", [Mode.DISCOVER, Mode.PLAN, Mode.SUBMIT, Mode.SYNC])
def test_an_unknown_report_is_an_error_before_anything_is_submitted(config, sandbox, mode):
    config["impact"]["reports"] = [{"id": "mp_action_listing_fst"}]
    config["similarweb"]["reports"] = [{"table": "traffic_and_engagemnt"}]
    with pytest.raises(ConfigError) as caught:
        TapReports(config=config, mode=mode).run_discovery()
    assert len(caught.value.errors) == 2
    assert all(near in str(caught.value) for near in ("mp_action_listing_fast", "traffic_and_engagement"))
    assert sandbox.submissions().calls == 0


def test_a_plan_fits_80_columns_with_whole_ids(synced, planned, drawn):
    config, _ = synced
    content = planned(config)
    lines = drawn(lambda console: plan_lines(content, console), 80)
    assert max(map(len, lines)) <= 80
    job = content["streams"][0]["slices"][0]
    line = next(line for line in lines if f"{job['start']}..{job['end']}" in line and "reuse" in line)
    assert job["job_id"] in line
    assert lines[-1].endswith("to reuse")
