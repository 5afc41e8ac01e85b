"""`--submit`: repeated calls take each job further; then an ordinary sync submits nothing."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tap_reports.sandbox import Sandbox

TODAY = dt.date(2026, 3, 20)
VENDORS = ("similarweb", "impact", "digital_turbine", "second_nature")


@pytest.fixture
def slow():
    """A sandbox whose jobs take some seconds."""
    with Sandbox(rows=3, delay=2, today=TODAY) as running:
        yield running


@pytest.fixture
def config_of(program):
    return lambda sandbox, *vendors: program.config(**sandbox.config(*vendors) | {"start_date": "2026-03-01"})


def asked(program, config):
    done = program.run(config, "--submit", "--format", "json")
    return done.status, json.loads(done.stdout or "null"), done.stderr


def until_ready(program, config):
    for _ in range(200):
        status, answer, log = asked(program, config)
        if status != 75:
            return status, answer, log
    raise AssertionError(answer)


def test_repeated_calls_finish_all_jobs_and_a_sync_submits_nothing_more(program, config_of, slow):
    config = config_of(slow)
    status, answer, _ = asked(program, config)
    assert status == 75
    assert answer["again_in_seconds"] >= 1
    assert {job["stage"] for job in answer["jobs"]} <= {"running", "waiting", "ready"}
    assert {job["action"] for job in answer["jobs"]} == {"submit"}
    status, answer, log = until_ready(program, config)
    assert status == 0, log
    assert answer["again_in_seconds"] is None
    assert answer["ready"] == len(answer["jobs"])
    before = {vendor: slow.submissions(vendor).calls for vendor in config if vendor in VENDORS}
    ran = program.run({**config, "end_date": answer["end_date"]})
    assert ran.status == 0, ran.stderr
    assert {vendor: slow.submissions(vendor).calls for vendor in before} == before
    assert len(ran.streams) >= 6


def test_a_spent_minute_quota_is_retried_within_a_minute(program, config_of):
    with Sandbox(rows=1, delay=0, today=TODAY) as sandbox:
        config = config_of(sandbox, "digital_turbine")
        config["digital_turbine"] |= {"slice_days": 3, "reports_per_minute": 3}
        status, answer, _ = asked(program, config)
        assert status == 75
        assert answer["waiting"] == len(answer["jobs"]) - 3
        assert answer["again_in_seconds"] <= 60
        assert sandbox.submissions("digital_turbine").calls == 3


def test_a_job_that_failed_ends_with_1_and_the_reason(program, config_of, slow):
    slow.faults.add("statuses", vendor="second_nature", kind="submit", words=["failed"], times=0)
    config = config_of(slow, "second_nature")
    status, answer, log = until_ready(program, config)
    assert status == 1
    assert answer["failed"] >= 1
    assert "failed" in log


def test_without_a_ledger_it_is_a_configuration_error(program, config_of, slow):
    config = config_of(slow, "digital_turbine") | {"job_ledger": "off"}
    done = program.run(config, "--submit")
    assert done.status == 78
    assert "job_ledger" in done.stderr
    assert slow.submissions("digital_turbine").calls == 0


def test_without_json_there_is_a_table(program, config_of, slow):
    config = config_of(slow, "digital_turbine")
    done = program.run(config, "--submit")
    assert done.status == 75
    assert "look again in" in done.stdout
