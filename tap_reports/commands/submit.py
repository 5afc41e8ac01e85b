"""`--submit`: submit what may be submitted, look once at what runs, wait for nothing."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tap_reports.commands import console as tables
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
    """Print how far all jobs are. Returns the exit status: 0 if all are ready, 75 if some run or wait, 1 if
    a stream failed for good.

    Raises:
        ConfigError: There is no ledger: nothing would remember the jobs.
    """
    if run.settings.job_ledger == "off":
        raise ConfigError(
            ["--submit needs a job_ledger, for the sync that collects the jobs. Set a path or a URL."]
        )
    errors: list[str] = []
    content = looked(run, list(streams), errors)
    if as_json:
        tables.write_json(content)
    else:
        tables.show(tables.stdout_console(), _parts(content))
    for error in errors:
        logger.error("failed: %s", error)
    if errors:
        return FAILED
    return ALL_READY if content["again_in_seconds"] is None else ASK_AGAIN


def looked(run: Run, streams: list[ReportStream], errors: list[str]) -> Json:
    """Take every job one step further. What failed for good is added to `errors`."""
    started = [stream.extraction for stream in streams]
    for extraction in started:
        extraction.start()
    tasks = list(run.engine.tasks.values())
    run.engine.wait(tasks)
    for extraction in started:
        if error := extraction.error:
            placed = error.with_location(vendor=extraction.report.vendor, stream=extraction.report.stream)
            errors.append(redact(placed))
    errors += [redact(task.error.with_location(stream=task.stream)) for task in tasks if task.error]
    counts = Counter(STATES.get(task.stage) for task in tasks)
    waits = [task.again_in for task in tasks if task.again_in is not None]
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


def _parts(content: Json) -> Iterator[RenderableType]:
    rows = [
        [
            " ".join(one["streams"]),
            tables.day_range(one["slice_start"], one["slice_end"]),
            one["action"],
            one["stage"],
            one["job_id"],
        ]
        for one in content["jobs"]
    ]
    if rows:
        yield tables.table(["stream", "slice", "action", "stage", "job id"], rows, title="Jobs")
    yield tables.cell(_total(content), "bold")


def _total(content: Json) -> str:
    counts = [
        f"{content[name]} {name}" for name in ("ready", "running", "waiting", "failed") if content[name]
    ]
    if not counts:
        return "Nothing to do."
    again = content["again_in_seconds"]
    return ", ".join(counts) + (f"; look again in {again} s" if again else "")
