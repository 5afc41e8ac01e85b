"""What of a state can't be this tap's is told: a job that is passed over may be paid for again."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.sync.state import StreamState, state_errors

JOB = {"key": "k", "id": "j", "slice_start": "2026-01-01", "slice_end": "2026-01-31", "submitted_at": "?"}


@pytest.mark.parametrize(
    "jobs",
    [
        "j",
        {"k": "j"},
        ["j"],
        [JOB, None],
        [{**JOB, "id": {}}],
        [{**JOB, "id": None}],
        [{**JOB, "key": None}],
        [{**JOB, "slice_start": None}],
        [{**JOB, "slice_end": "soon"}],
        [{**JOB, "slice_end": "2026-01-31 or so"}],
    ],
)
def test_jobs_in_the_state_that_cannot_be_resumed_cause_a_warning(jobs):
    state = StreamState({"pending_jobs": jobs})
    [warning] = state.unreadable_jobs()
    assert "pending_jobs can't all be read" in warning
    assert [job["id"] for job in state.jobs()] == [job["id"] for job in jobs if job == JOB]


@pytest.mark.parametrize("day", ["soon", "2026-01-31 or so", "2026-02-30"])
def test_a_bookmark_that_is_not_a_day_is_an_error(day):
    [error] = state_errors({"bookmarks": {"impact_a": {"replication_key_value": day}}})
    assert "replication_key_value" in error


def test_a_state_as_the_tap_writes_it_causes_no_error_or_warning():
    snapshot = {**JOB, "slice_start": None, "slice_end": None}
    values = {"replication_key_value": "2026-01-31T00:00:00+00:00", "pending_jobs": [JOB, snapshot]}
    assert list(state_errors({"bookmarks": {"impact_a": values, "impact_b": {}}})) == []
    assert list(StreamState(values).unreadable_jobs()) == []


def test_a_bookmark_never_moves_back():
    state = StreamState({"replication_key_value": "2026-01-31"})
    for day, bookmark in (("2026-01-29", "2026-01-31"), ("2026-02-01", "2026-02-01")):
        state.advance("date", dt.date.fromisoformat(day))
        assert state.values["replication_key_value"] == bookmark
