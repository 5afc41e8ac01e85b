"""What the live table shows, from one look at the engine's tasks."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tap_reports.commands.console import cell, size
from tap_reports.exceptions import counted
from tap_reports.jobs.task import Action, Stage, Task

if TYPE_CHECKING:
    from tap_reports.ledger.records import QuotaUse
    from tap_reports.streams import ReportStream
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run

RANKS = {
    Stage.FAILED: 0,
    Stage.DOWNLOADING: 2,
    Stage.RUNNING: 3,
    Stage.SUBMITTING: 4,
    Stage.WAITING: 5,
    Stage.READY: 6,
}
"""What is looked at first; what is being written goes before all but failures."""
WRITING = 1
NARROW = 110
"""A narrower terminal gets slices without years, so that names keep their room."""
OTHER_COLUMNS, OTHER_COLUMNS_NARROW = 66, 50
"""Width of all columns but the streams'."""
_YEARS = re.compile(r"\b\d{4}-")
SHORTEST_NAME = 12
STYLES = {
    Stage.FAILED: "bold red",
    Stage.DOWNLOADING: "cyan",
    Stage.RUNNING: "yellow",
    Stage.READY: "green",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One job as the table shows it."""

    rank: int
    order: int
    stream: str
    slice: str
    status: str
    style: str
    age: float
    rows: int | None
    bytes: int | None


def drawn(
    run: Run,
    outcome: Outcome,
    streams: Sequence[ReportStream],
    quotas: Mapping[str, Sequence[QuotaUse]],
    since: float,
    *,
    most_lines: int,
    width: int,
) -> RenderableType:
    """Return the table as of now; nothing as long as there are no jobs.

    Args:
        run: Whose jobs.
        outcome: Which streams are done.
        streams: Those that are extracted, as far as they are known by now.
        quotas: By vendor, as they were at `since`.
        since: A reading of the run's monotonic clock.
        most_lines: Of jobs; what does not fit is counted.
        width: Of the terminal; long stream names are cut.
    """
    tasks = tuple(run.engine.tasks.values())
    if not tasks:
        return Text("")
    lines = sorted(_lines(run, tasks, streams), key=lambda line: (line.rank, line.order))
    parts: list[RenderableType] = [_table(lines[:most_lines], width)] if lines else []
    if hidden := Counter(line.status for line in lines[most_lines:]):
        parts.append(
            cell("… and " + ", ".join(f"{count} {status}" for status, count in hidden.items()), "dim")
        )
    over = sum(task.stage is Stage.DONE for task in tasks)
    rows = sum(stream.extraction.rows_emitted for stream in streams)
    done = f"{len(outcome.done)} of {counted(len(streams), 'stream')} done, " if streams else ""
    jobs = f"{over} of {counted(len(tasks), 'job')} done ({over * 100 // len(tasks)} %)"
    parts.append(cell(f"{done}{jobs}, {counted(rows, 'row')} out, {_elapsed(outcome)}", "bold"))
    if left := "; ".join(_left(run, quotas, tasks, since)):
        parts.append(cell(f"Left: {left}", "dim"))
    return Group(*parts)


def _elapsed(outcome: Outcome) -> str:
    """Return how long the run has lasted, as `1:02:03` or `2:03`."""
    seconds = int((dt.datetime.now(dt.UTC) - outcome.started_at).total_seconds())
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def _lines(run: Run, tasks: Iterable[Task], streams: Iterable[ReportStream]) -> Iterator[Line]:
    written = {
        stream.extraction.current_job_id: stream for stream in streams if stream.extraction.current_job_id
    }
    for task in tasks:
        stage = task.stage
        if stage not in RANKS:
            continue
        writer = written.get(task.job_id) if stage is Stage.READY else None
        rows = task.job.rows if task.job else None
        yield Line(
            rank=WRITING if writer else RANKS[stage],
            order=task.order,
            stream=task.stream,
            slice=str(task.request.slice or "-"),
            status="writing" if writer else _status(run, task),
            style=STYLES.get(stage, ""),
            age=task.timeline.seconds() or 0.0,
            rows=writer.extraction.rows_in_progress if writer else rows,
            bytes=_bytes(run, task),
        )


def _status(run: Run, task: Task) -> str:
    """Return what the job does, in the vendor's word where it has one."""
    if task.stage is Stage.RUNNING and task.job:
        return task.job.word.lower() or str(task.job.status)
    if task.stage is Stage.WAITING:
        held = run.engine.workers[task.request.vendor].submissions.gate.held_seconds
        return f"waiting, {held:.0f} s" if held >= 1 else "waiting"
    return str(task.stage)


def _bytes(run: Run, task: Task) -> int | None:
    """Return the size of a job's files, also of those that are on their way."""
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
    run: Run, quotas: Mapping[str, Sequence[QuotaUse]], tasks: Sequence[Task], since: float
) -> Iterator[str]:
    """Yield what is left of each quota and of the credits."""
    now = run.clock.monotonic()
    for vendor, worker in run.engine.workers.items():
        limits = {quota.name: quota for quota in worker.account.vendor.quotas(worker.account.config)}
        for use in quotas.get(vendor, ()):
            quota = limits[use.name]
            own = sum(
                _submissions(task)
                for task in tasks
                if task.request.vendor == vendor
                and task.request.quota == quota.counts
                and task.timeline.entered.get(Stage.RUNNING, 0.0) >= max(since, now - quota.seconds)
            )
            yield f"{vendor} {use.name} {max(0, use.remaining - own):,}"
        if (left := worker.submissions.credits.left) is not None:
            yield f"{vendor} credits {left:,}"


def _submissions(task: Task) -> int:
    """Return how many submissions a task has cost so far."""
    return (task.action is Action.SUBMIT) + task.attempts.resubmissions + task.attempts.losses


def _table(lines: Iterable[Line], width: int) -> Table:
    narrow = width < NARROW
    table = Table(box=None, pad_edge=False, padding=(0, 1 if narrow else 2, 0, 0), header_style="bold")
    room = max(SHORTEST_NAME, width - (OTHER_COLUMNS_NARROW if narrow else OTHER_COLUMNS))
    for name in ("stream", "slice", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("age", "rows", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            cell(_cut(line.stream, room)),
            cell(_YEARS.sub("", line.slice) if narrow else line.slice),
            cell(line.status, line.style),
            cell(_age(line.age)),
            cell(line.rows),
            cell(size(line.bytes)),
        )
    return table


def _cut(name: str, room: int) -> str:
    """Return a name that fits, cut in its middle: its end tells the granularity or the sheet."""
    if len(name) <= room:
        return name
    tail = room // 2
    return f"{name[: room - tail - 1]}…{name[-tail:]}"


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
