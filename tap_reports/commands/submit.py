"""`--submit`: submit what may be submitted, look once at what runs, wait for nothing."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tap_reports.console import output
from tap_reports.exceptions import ConfigError
from tap_reports.jobs.task import Stage, Task
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tap_reports.streams import ReportStream
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

Json = dict[str, Any]

ALL_READY, FAILED, ASK_AGAIN = 0, 1, 75
STATES = {
    Stage.READY: "ready",
    Stage.DONE: "ready",
    Stage.RUNNING: "running",
    Stage.WAITING: "waiting",
    Stage.FAILED: "failed",
}


def submit(run: Run, streams: Iterable[ReportStream], *, as_json: bool) -> int:
    """Print the state of all jobs. Returns the exit status: 0 if all are ready, 75 if some run or wait, 1 if
    a stream failed for good.

    Raises:
        ConfigError: There is no ledger to remember the jobs.
    """
    if run.settings.job_ledger == "off":
        raise ConfigError(
            ["--submit needs a job_ledger, for the sync that collects the jobs. Set a path or a URL."]
        )
    errors: list[str] = []
    content = _advance(run, list(streams), errors)
    if as_json:
        output.write_json(content)
    else:
        output.show(_lines(content))
    for error in errors:
        logger.error("failed: %s", error)
    if errors:
        return FAILED
    return ALL_READY if content["again_in_seconds"] is None else ASK_AGAIN


def _advance(run: Run, streams: list[ReportStream], errors: list[str]) -> Json:
    """Take every job one step further, and return their states. Final failures are added to `errors`."""
    extractions = [stream.extraction for stream in streams]
    for extraction in extractions:
        extraction.start()
    tasks = list(run.engine.tasks.values())
    run.engine.wait(tasks)
    for extraction in extractions:
        if error := extraction.error:
            placed = error.with_location(vendor=extraction.report.vendor, stream=extraction.report.stream)
            errors.append(redact(placed))
    errors += [redact(task.error.with_location(stream=task.stream)) for task in tasks if task.error]
    counts = Counter(STATES.get(task.stage) for task in tasks)
    waits = [task.look_again_seconds for task in tasks if task.look_again_seconds is not None]
    ends = [task.request.slice.end for task in tasks if task.request.slice]
    last = max(ends, default=run.settings.end_date)
    return {
        "end_date": last,
        **{name: counts[name] for name in ("ready", "running", "waiting", "failed")},
        "again_in_seconds": max(1, math.ceil(min(waits))) if waits else None,
        "jobs": [_job(task) for task in tasks],
    }


def _job(task: Task) -> Json:
    days = task.request.slice
    return {
        "key": task.request.key,
        "streams": sorted(task.streams),
        "vendor": task.request.vendor,
        "slice_start": days.start if days else None,
        "slice_end": days.end if days else None,
        "action": str(task.action) if task.action else None,
        "stage": STATES.get(task.stage, str(task.stage)),
        "job_id": task.job_id or None,
        "status": (task.job.word or str(task.job.status)) if task.job else None,
    }


def _lines(content: Json) -> Iterator[RenderableType]:
    rows = [
        [
            " ".join(job["streams"]),
            output.day_range(job["slice_start"], job["slice_end"]),
            job["action"],
            job["stage"],
            job["job_id"],
        ]
        for job in content["jobs"]
    ]
    if rows:
        yield output.table(["stream", "slice", "action", "stage", "job id"], rows, title="Jobs")
    yield output.cell(_total(content), "bold")


def _total(content: Json) -> str:
    counts = [
        f"{content[name]} {name}" for name in ("ready", "running", "waiting", "failed") if content[name]
    ]
    if not counts:
        return "Nothing to do."
    again = content["again_in_seconds"]
    return ", ".join(counts) + (f"; look again in {again} s" if again else "")
