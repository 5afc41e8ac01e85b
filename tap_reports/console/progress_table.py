"""The content of the live table, from the current state of the engine's tasks."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table

from tap_reports.console.output import cell, size
from tap_reports.jobs.task import Action, Stage, Task
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from tap_reports.ledger.quota import QuotaUse
    from tap_reports.streams import ReportStream
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run

WRITING = "writing"
STYLES = {
    Stage.FAILED: "bold red",
    WRITING: "green",
    Stage.DOWNLOADING: "cyan",
    Stage.RUNNING: "yellow",
    Stage.SUBMITTING: "",
    Stage.WAITING: "",
    Stage.READY: "green",
}
"""The jobs that are shown, the most important first, each with its style."""
RANKS = {stage: rank for rank, stage in enumerate(STYLES)}
NARROW_WIDTH = 110
"""On a narrower terminal, slices are shown without years, so that names keep their room."""
OTHER_COLUMNS_WIDTH, OTHER_COLUMNS_NARROW_WIDTH = 66, 50
"""Width of all columns but the streams'."""
MIN_NAME_WIDTH = 12
_YEARS = re.compile(r"\b\d{4}-")


def progress_table(
    run: Run,
    outcome: Outcome,
    streams: Sequence[ReportStream],
    quotas: Mapping[str, Sequence[QuotaUse]],
    started_at: float,
    *,
    max_lines: int,
    width: int,
) -> RenderableType:
    """Return the table as of now; nothing as long as there are no jobs.

    Args:
        run: Its tasks are shown.
        outcome: Says which streams are done.
        streams: The streams that are known so far.
        quotas: By vendor, as they were at `started_at`.
        started_at: A reading of the run's monotonic clock.
        max_lines: Of jobs; the others are counted.
        width: Of the terminal; long stream names are cut.
    """
    tasks = tuple(run.engine.tasks.values())
    if not tasks:
        return ""
    writing = (stream for stream in streams if stream.extraction.current_job_id)
    writers = {stream.extraction.current_job_id: stream for stream in writing}
    shown = sorted(
        ((_stage(task, writers), task) for task in tasks if task.stage in RANKS),
        key=lambda row: (RANKS[row[0]], row[1].order),
    )
    parts: list[RenderableType] = []
    if shown:
        parts.append(_job_table(run, shown[:max_lines], writers, width))
    if hidden := Counter(_status(run, stage, task) for stage, task in shown[max_lines:]):
        counts = ", ".join(f"{count} {status}" for status, count in hidden.items())
        parts.append(cell(f"… and {counts}", "dim"))
    finished = sum(task.stage is Stage.DONE for task in tasks)
    rows = sum(stream.extraction.rows_emitted for stream in streams)
    done = f"{len(outcome.done)} of {number_of(len(streams), 'stream')} done, " if streams else ""
    jobs = f"{finished} of {number_of(len(tasks), 'job')} done ({finished * 100 // len(tasks)} %)"
    seconds = (dt.datetime.now(dt.UTC) - outcome.started_at).total_seconds()
    parts.append(cell(f"{done}{jobs}, {number_of(rows, 'row')} out, {duration(seconds)}", "bold"))
    if left := "; ".join(_left(run, quotas, tasks, started_at)):
        parts.append(cell(f"Left: {left}", "dim"))
    return Group(*parts)


def _job_table(
    run: Run, shown: Iterable[tuple[str, Task]], writers: Mapping[str, ReportStream], width: int
) -> Table:
    is_narrow = width < NARROW_WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 1 if is_narrow else 2, 0, 0), header_style="bold")
    others = OTHER_COLUMNS_NARROW_WIDTH if is_narrow else OTHER_COLUMNS_WIDTH
    for name in ("stream", "slice", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("age", "rows", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage, task in shown:
        days = str(task.request.slice or "-")
        rows = task.job.rows if task.job else None
        if stage == WRITING:
            rows = writers[task.job_id].extraction.rows_in_progress
        table.add_row(
            cell(shortened(task.stream, max(MIN_NAME_WIDTH, width - others))),
            cell(_YEARS.sub("", days) if is_narrow else days),
            cell(_status(run, stage, task), STYLES[stage]),
            cell(duration(task.timeline.seconds())),
            cell(rows),
            cell(size(_bytes(run, task))),
        )
    return table


def _stage(task: Task, writers: Mapping[str, ReportStream]) -> str:
    return WRITING if task.stage is Stage.READY and task.job_id in writers else task.stage


def _status(run: Run, stage: str, task: Task) -> str:
    """Return what the job does, in the vendor's word if it has one."""
    if stage == Stage.RUNNING and task.job:
        return task.job.word.lower() or str(task.job.status)
    if stage == Stage.WAITING:
        held = run.engine.workers[task.request.vendor].submissions.gate.held_seconds
        return f"waiting, {held:.0f} s" if held >= 1 else "waiting"
    return str(stage)


def _bytes(run: Run, task: Task) -> int | None:
    """Return the size of a job's files, finished or not."""
    if task.files:
        return sum(file.bytes for file in task.files)
    if task.stage is not Stage.DOWNLOADING:
        return None
    return sum(_sizes(run.folder() / f"{task.request.key}-"))


def _sizes(prefix: Path) -> Iterator[int]:
    for file in prefix.parent.glob(f"{prefix.name}*"):
        try:
            yield file.stat().st_size
        except OSError:  # just removed
            continue


def _left(
    run: Run, quotas: Mapping[str, Sequence[QuotaUse]], tasks: Sequence[Task], started_at: float
) -> Iterator[str]:
    """Yield what is left of each quota and of the credits."""
    now = run.clock.monotonic()
    for vendor, worker in run.engine.workers.items():
        limits = {quota.name: quota for quota in worker.account.vendor.quotas(worker.account.config)}
        for use in quotas.get(vendor, ()):
            quota = limits[use.name]
            submitted = sum(
                _submissions(task)
                for task in tasks
                if task.request.vendor == vendor
                and task.request.quota == quota.counts
                and task.timeline.entered.get(Stage.RUNNING, 0.0) >= max(started_at, now - quota.seconds)
            )
            yield f"{vendor} {use.name} {max(0, use.remaining - submitted):,}"
        if (left := worker.submissions.credits.left) is not None:
            yield f"{vendor} credits {left:,}"


def _submissions(task: Task) -> int:
    """Return how many submissions a task has cost so far."""
    return (task.action is Action.SUBMIT) + task.attempts.resubmissions + task.attempts.losses


def shortened(name: str, width: int) -> str:
    """Return a name cut in its middle: its end says the granularity or the sheet."""
    if len(name) <= width:
        return name
    tail = width // 2
    return f"{name[: width - tail - 1]}…{name[-tail:]}"


def duration(seconds: float) -> str:
    """Return `2:03` or `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
