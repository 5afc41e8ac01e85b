"""The SDK metric `job_duration` of each job: how long it took, and where the time went."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from singer_sdk.metrics import Metric, Point, Status, Tag, get_metrics_logger, log

from tap_reports.jobs.task import Stage

if TYPE_CHECKING:
    from tap_reports.jobs.task import Task


def log_job(task: Task) -> None:
    """Log the metric of a task that is over. One without a job (its stream had failed) has none."""
    if task.job is None and task.error is None:
        return
    tags: dict[str, Any] = {
        Tag.STREAM: task.stream,
        Tag.JOB_TYPE: str(task.action or "none"),
        Tag.STATUS: Status.FAILED if task.error else Status.SUCCEEDED,
        "vendor": task.request.vendor,
        "slice": str(task.request.slice or ""),
        "job_id": task.job_id,
        **{f"{name}_seconds": round(seconds, 3) for name, seconds in durations(task).items()},
        Tag.PID: os.getpid(),
    }
    total = round(_end(task) - task.timeline.entered[Stage.WAITING], 3)
    log(get_metrics_logger(), Point("timer", Metric.JOB_DURATION, total, tags))


def durations(task: Task) -> dict[str, float]:
    """Return the seconds of a task that is over by what it did; their sum is its whole time.

    `queue`: until the vendor began (for a place, a quota, in the vendor's queue); where it was never seen
    beginning, until it was submitted. `run`: until it was done. `download`: until the files were here.
    """
    end = _end(task)
    downloads = task.timeline.entered.get(Stage.DOWNLOADING, end)
    submitted = task.timeline.entered.get(Stage.RUNNING, downloads)
    starts = min(submitted if task.timeline.running_since is None else task.timeline.running_since, downloads)
    return {
        "queue": starts - task.timeline.entered[Stage.WAITING],
        "run": downloads - starts,
        "download": end - downloads,
    }


def _end(task: Task) -> float:
    return (
        task.timeline.entered.get(Stage.READY)
        or task.timeline.entered.get(Stage.FAILED)
        or task.timeline.monotonic()
    )
