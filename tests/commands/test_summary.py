"""`--summary FILE`: the account of a run, whatever ended it."""

from __future__ import annotations

import json
import os

import pytest

from tap_reports.commands.summary import writing_summary
from tap_reports.exceptions import ConfigError, QuotaSpent, Stopped, StreamError
from tap_reports.sync.outcome import Outcome

KEYS = {"version", "started_at", "seconds", "exit_status", "signal", "streams", "totals", "state"}


def written(path, outcome, error=None):
    def facts(status):
        outcome.error_status = status
        return outcome.run_outcome(None, (), "1.2.3"), {"bookmarks": {}}

    with writing_summary(str(path), facts):
        if error:
            raise error
    return json.loads(path.read_text())


def test_it_has_the_promised_keys_and_names_what_failed(tmp_path):
    outcome = Outcome()
    error = StreamError("the job failed", remedy="Run again.")
    outcome.fail("impact_a", error.with_location(vendor="impact", job_id="j1"))
    summary = written(tmp_path / "s.json", outcome)
    assert set(summary) == KEYS
    assert (summary["exit_status"], summary["totals"]["failed"], summary["state"]) == (
        1,
        1,
        {"bookmarks": {}},
    )
    (stream,) = summary["streams"]
    assert (stream["stream"], stream["outcome"], stream["jobs"]) == ("impact_a", "failed", [])
    assert stream["error"] == "vendor impact, stream impact_a, job j1: the job failed. Run again."


@pytest.mark.parametrize(
    ("error", "status"),
    [(ConfigError(["x"]), 78), (Stopped("signal 15", 15), 143), (RuntimeError("x"), 1)],
)
def test_it_is_written_whatever_ends_the_run(tmp_path, error, status):
    with pytest.raises(type(error)):
        written(tmp_path / "s.json", Outcome(), error)
    assert json.loads((tmp_path / "s.json").read_text())["exit_status"] == status


def test_a_file_that_can_t_be_written_is_a_configuration_error_before_anything_is_done(tmp_path):
    with pytest.raises(ConfigError, match="--summary"), writing_summary(str(tmp_path), lambda _: None):
        raise AssertionError


def test_a_folder_that_can_t_be_written_is_one_too_as_the_file_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "s.json").touch()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with (
        pytest.raises(ConfigError, match="--summary"),
        writing_summary(str(tmp_path / "s.json"), lambda _: None),
    ):
        raise AssertionError


@pytest.mark.parametrize(("stops", "status"), [(False, 1), (True, 0)])
def test_a_spent_quota_is_a_failure_unless_on_quota_spent_is_stop(stops, status):
    outcome = Outcome(count_jobs_left=(lambda _: 3) if stops else None)
    outcome.fail("impact_a", QuotaSpent("the quota is spent"))
    assert outcome.exit_status == status
    assert "impact_a" in (outcome.stopped if stops else outcome.failures)
