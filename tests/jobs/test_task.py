"""A task: its name, its times, and what is logged of them."""

from __future__ import annotations

import datetime as dt
import json
import logging

import pytest

from tap_reports.jobs.task import Action, Event, Stage, Task, Timeline, waiting_summary
from tap_reports.models import ReportJob, ReportRequest, Slice
from tap_reports.sync.outcome import job_seconds, log_job


class ManualClock:
    """A monotonic clock that the test moves."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def task(clock):
    day = dt.date(2026, 3, 1)
    request = ReportRequest(
        vendor="impact", account="IR1", api_url="https://x", report="a", slice=Slice(day, day)
    )
    made = Task(request=request, order=0, streams=frozenset({"impact_a"}), timeline=Timeline(clock))
    made.action = Action.SUBMIT
    made.job = ReportJob(request=request, id="job-1", submitted_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
    return made


def test_a_shared_job_names_one_stream_and_counts_the_others(task):
    task.streams = frozenset({"a__long", "a__b", "a__other"})
    assert task.stream == "a__b +2"
    task.streams = frozenset()
    assert task.stream == ""


def step(clock, task, seconds, stage):
    clock.time += seconds
    task.timeline.enter(stage)


def test_durations_add_up_to_the_whole(clock, task):
    step(clock, task, 2, Stage.SUBMITTING)
    step(clock, task, 1, Stage.RUNNING)
    clock.time += 4
    task.timeline.running_since = clock.time
    step(clock, task, 20, Stage.DOWNLOADING)
    step(clock, task, 3, Stage.READY)
    assert job_seconds(task) == {"queue": 7, "run": 20, "download": 3}
    assert (
        sum(job_seconds(task).values())
        == task.timeline.entered[Stage.READY] - task.timeline.entered[Stage.WAITING]
    )


def test_a_job_run_again_counts_from_its_first_stages(clock, task):
    step(clock, task, 1, Stage.RUNNING)
    step(clock, task, 10, Stage.WAITING)
    step(clock, task, 1, Stage.RUNNING)
    step(clock, task, 5, Stage.DOWNLOADING)
    step(clock, task, 1, Stage.READY)
    assert job_seconds(task) == {"queue": 1, "run": 16, "download": 1}


def test_job_duration_is_a_metric_of_the_sdk(clock, task, caplog):
    step(clock, task, 1, Stage.RUNNING)
    step(clock, task, 10, Stage.DOWNLOADING)
    step(clock, task, 2, Stage.READY)
    with caplog.at_level(logging.INFO, logger="singer_sdk.metrics"):
        log_job(task)
    point = json.loads(caplog.messages[0].removeprefix("METRIC: "))
    assert (point["type"], point["metric"], point["value"]) == ("timer", "job_duration", 13)
    tags = point["tags"]
    assert (tags["stream"], tags["vendor"], tags["slice"]) == ("impact_a", "impact", "2026-03-01..2026-03-01")
    assert (tags["job_id"], tags["job_type"], tags["status"]) == ("job-1", "submit", "succeeded")
    assert (tags["queue_seconds"], tags["run_seconds"], tags["download_seconds"]) == (1, 10, 2)


def test_a_task_that_was_never_sent_has_no_metric(task, caplog):
    task.job = None
    task.timeline.enter(Stage.ABANDONED)
    with caplog.at_level(logging.INFO, logger="singer_sdk.metrics"):
        log_job(task)
    assert caplog.messages == []


def test_a_transition_has_the_same_keys_in_words_and_in_structure(task, caplog):
    with caplog.at_level(logging.INFO, logger="tap-reports.jobs"):
        task.log(Event.SUBMITTED)
    line = "job vendor=impact stream=impact_a slice=2026-03-01..2026-03-01 job_id=job-1 status=submitted"
    assert caplog.messages == [f"{line} attempt=1 seconds=0.0"]
    record = caplog.records[0]
    keys = ("vendor", "stream", "slice", "job_id", "status", "attempt", "seconds")
    values = ("impact", "impact_a", "2026-03-01..2026-03-01", "job-1", "submitted", 1, 0.0)
    assert tuple(getattr(record, key) for key in keys) == values


def test_the_heartbeat_names_the_oldest_job_and_its_age(clock, task):
    step(clock, task, 5, Stage.RUNNING)
    clock.time += 720
    assert waiting_summary([task]) == (
        "1 running; oldest: impact_a 2026-03-01..2026-03-01 job job-1, running for 725 s"
    )
    task.timeline.enter(Stage.READY)
    assert waiting_summary([task]) == ""
