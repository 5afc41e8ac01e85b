"""Shards of a back-fill: together they extract what one process does, each day once, without bookmarks."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from tap_reports.sandbox import Sandbox

TODAY = dt.date(2026, 3, 20)
COUNT = 3


@pytest.fixture
def sandbox():
    with Sandbox(rows=3, delay=0, today=TODAY, dt_reports_per_minute=1000) as running:
        yield running


def config_of(sandbox, program, **more):
    config = {**sandbox.config(), "start_date": "2026-01-01", "end_date": "2026-03-10"}
    config["similarweb"]["reports"] = [{"table": "traffic_and_engagement", "granularity": "daily"}]
    config["digital_turbine"]["slice_days"] = 10
    return {**config, "job_ledger": str(program.folder / "jobs.sqlite"), **more}


def rows(ran):
    return Counter(
        (one["stream"], str({name: cell for name, cell in one["record"].items() if name != "_report_job_id"}))
        for one in ran.of_type("RECORD")
    )


def test_shards_together_write_what_one_process_writes(program, sandbox):
    whole = program.run(config_of(sandbox, program))
    assert whole.status == 0, whole.stderr
    before = sandbox.submissions("digital_turbine").calls
    found = Counter()
    for index in range(COUNT):
        ran = program.run(config_of(sandbox, program, shard={"index": index, "count": COUNT}))
        assert ran.status == 0, ran.stderr
        assert not any(one.get("replication_key_value") for one in ran.state.get("bookmarks", {}).values())
        assert not ran.of_type("ACTIVATE_VERSION")
        found += rows(ran)
    assert found == rows(whole)
    assert sandbox.submissions("digital_turbine").calls == before


MARK = {"replication_key": "date", "replication_key_value": "2026-02-01"}


@pytest.mark.parametrize(
    ("command", "more", "state", "word"),
    [
        ((), {"end_date": "2026-03-30"}, None, "end_date"),
        (("--plan",), {"end_date": "2026-03-30"}, None, "end_date"),
        (("--submit",), {"end_date": "2026-03-30"}, None, "end_date"),
        ((), {"shard": {"index": 3, "count": 3}}, None, "shard.index"),
        ((), {"shard": {"count": 3}}, None, "JOB_COMPLETION_INDEX"),
        ((), {}, {"bookmarks": {"digital_turbine_campaign_daily": MARK}}, "bookmarks"),
    ],
)
def test_settings_that_would_make_shards_differ_are_a_configuration_error(
    program, sandbox, command, more, state, word
):
    config = config_of(sandbox, program, **{"shard": {"index": 0, "count": 3}, **more})
    done = program.run(config, *command, state=state)
    assert done.status == 78, done.stderr
    assert word in done.stderr
    assert sandbox.submissions("digital_turbine").calls == 0
