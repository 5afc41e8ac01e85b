"""How a run and its streams ended: what became of each and why, and the exit status that says so."""

from __future__ import annotations

import datetime as dt
import logging
import math
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException, MappingError

from tap_reports.emit.writer import OutputError
from tap_reports.exceptions import OUTPUT_CLOSED, CallError, QuotaSpent, StreamError, counted, defect
from tap_reports.jobs.task import Stage
from tap_reports.models import JobUse, RunOutcome, StreamEnd, StreamOutcome
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from tap_reports.emit.plan import Tally
    from tap_reports.jobs.task import Task
    from tap_reports.streams import ReportStream
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

NOT_OURS = (BrokenPipeError, OutputError, AbortedSyncFailedException, AbortedSyncPausedException)
"""Exceptions that end more than the stream: the output is closed or full; a dry run has enough records."""
FELT_CELLS = 10_000
"""From so many cells on it takes a noticeable time that Python converts them."""


@dataclass(slots=True)
class Outcome:
    """What became of the selected streams.

    Attributes:
        done: Streams that are out, with their rows.
        failures: Failed streams, with their errors.
        stopped: Streams that ended before their time as a quota was spent, and are not to fail for that.
        left: Where a spent quota stops a stream (`on_quota_spent`): returns how many of its jobs are left.
        signal: The signal that ended the run, or None.
        closed: The reader of our output went away.
        status_of_error: Of an error that ended the run and is told elsewhere, as a full disk.
    """

    done: dict[str, int] = field(default_factory=dict)
    failures: dict[str, StreamError] = field(default_factory=dict)
    stopped: dict[str, QuotaSpent] = field(default_factory=dict)
    left: Callable[[str], int] | None = None
    signal: int | None = None
    closed: bool = False
    status_of_error: int = 0
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def is_stopped(self) -> bool:
        """True if the run is to end before its time."""
        return self.signal is not None or self.closed

    @property
    def status(self) -> int:
        """The exit status: 0 all done, 1 something failed, 128 + signal."""
        if self.signal is not None:
            return 128 + self.signal
        return self.status_of_error or int(bool(self.failures) or self.closed)

    def fail(self, stream: str, error: StreamError) -> None:
        """Note a failed stream. It is told at the end, once."""
        error.stream = stream
        if self.left and isinstance(error, QuotaSpent):
            self.stopped[stream] = error
            left = self.left(stream)
            days = math.ceil(left / error.per_day) if error.per_day else 0
            more = f", which take {counted(days, 'day')} more" if days else ""
            logger.warning("stopped: %s %s left%s", redact(error), counted(left, "job"), more)
            return
        self.failures[stream] = error
        logger.debug("failed: %s", redact(error))

    def of_run(self, run: Run | None, streams: Iterable[ReportStream], version: str) -> RunOutcome:
        """Return the facts of the run, up to now."""
        known = {stream.name: stream for stream in streams}
        names = [*known, *(name for name in self.failures if name not in known)]
        started_at, now = (
            (run.started_at, run.clock.now()) if run else (self.started_at, dt.datetime.now(dt.UTC))
        )
        return RunOutcome(
            run_id=run.id if run else "",
            version=version,
            started_at=started_at,
            seconds=round((now - started_at).total_seconds(), 3),
            exit_status=self.status,
            signal=self.signal,
            streams=tuple(self._of_stream(name, known.get(name)) for name in names),
        )

    def _of_stream(self, name: str, stream: ReportStream | None) -> StreamOutcome:
        error = self.failures.get(name) or self.stopped.get(name)
        parts = stream.extraction.parts if stream else []
        days = [part.days for part, _ in parts if part.days]
        return StreamOutcome(
            stream=name,
            outcome=self._end_of(name, has_begun=bool(parts)),
            error=redact(error) if error else "",
            rows=stream.extraction.rows_out if stream else 0,
            first_day=days[0].start if days else None,
            last_day=days[-1].end if days else None,
            slices=len(parts),
            slices_done=stream.extraction.slices_done if stream else 0,
            jobs=tuple(_job_use(task) for _, tasks in parts for task in tasks if task.job),
        )

    def _end_of(self, name: str, *, has_begun: bool) -> StreamEnd:
        if name in self.done:
            return StreamEnd.DONE
        if name in self.failures:
            return StreamEnd.FAILED
        return StreamEnd.STOPPED if has_begun or name in self.stopped else StreamEnd.NOT_STARTED

    def log_summary(self, run: RunOutcome) -> None:
        """Log the last lines of a run: what became of each stream, what to do, and all in short."""
        for stream in run.streams:
            logger.info("%s", _line(stream), extra={"stream_name": stream.stream, "rows": stream.rows})
        for name, error in self.failures.items():
            keys = {"vendor": error.vendor, "slice": error.slice, "job_id": error.job_id}
            logger.error("failed: %s", redact(error), extra={"stream_name": name, **keys})
        ends = [stream.outcome for stream in run.streams]
        counts = {str(end): ends.count(end) for end in StreamEnd if end in ends}
        rows = sum(stream.rows for stream in run.streams)
        logger.log(
            logging.WARNING if self.is_stopped else logging.INFO,
            "%s: %s; %s, %.1f s%s",
            counted(len(ends), "stream"),
            ", ".join(f"{count} {end}" for end, count in counts.items()) or "nothing to do",
            counted(rows, "row"),
            run.seconds or 0.0,
            self._why_stopped(),
            extra={"exit_status": run.exit_status, "rows": rows, "seconds": run.seconds, "streams": counts},
        )

    def _why_stopped(self) -> str:
        if not self.is_stopped:
            return ""
        why = OUTPUT_CLOSED
        if self.signal is not None:
            why = f"ended by {signal.Signals(self.signal).name}"
        return f"; {why}; submitted jobs are resumed by the next run"


def _line(stream: StreamOutcome) -> str:
    """Return what became of a stream in one line."""
    facts = [stream.outcome.value.replace("_", " "), counted(stream.rows, "row")]
    if stream.first_day and stream.last_day:
        facts.append(f"{stream.first_day}..{stream.last_day}")
    if stream.slices:
        facts.append(f"{stream.slices_done} of {counted(stream.slices, 'slice')}")
    if stream.jobs:
        actions = [job.action for job in stream.jobs]
        counts = ", ".join(f"{actions.count(action)} {action}" for action in dict.fromkeys(actions))
        facts.append(f"{counted(len(actions), 'job')} ({counts})")
        spent = [job.credits for job in stream.jobs if job.credits is not None]
        facts += [counted(sum(spent, Decimal()), "credit")] if spent else []
        facts.append(f"{max(job.seconds or 0.0 for job in stream.jobs):.1f} s")
    return f"{stream.stream}: {', '.join(facts)}"


def _job_use(task: Task) -> JobUse:
    began = task.timeline.entered
    ended = began.get(Stage.READY) or began.get(Stage.FAILED)
    return JobUse(
        job_id=task.job_id,
        action=str(task.action or "none"),
        bytes=sum(file.bytes for file in task.files) if task.files else None,
        credits=task.job.credits if task.job else None,
        seconds=round(ended - began[Stage.WAITING], 3) if ended else None,
    )


# --- a stream's end -------------------------------------------------------------------------------------


def stream_error(error: Exception) -> StreamError:
    """Return what ended a stream as an error that says what to do."""
    if isinstance(error, (StreamError, CallError)):
        return StreamError.of(error)
    if isinstance(error, MappingError):
        return StreamError(f"stream_maps: {error}", remedy="Correct the expression.")
    return defect(error)


def log_tally(logger: logging.Logger, stream: str, tally: Tally, columns: int) -> None:
    """Say what was noticed of a stream's rows.

    Args:
        logger: The stream's.
        stream: Its name.
        tally: What was noticed.
        columns: How many columns it has.
    """
    if slow := tally.by_python:
        logger.log(
            logging.INFO if slow.total() >= FELT_CELLS else logging.DEBUG,
            "%s: %d of %d columns went through Python: %s",
            stream,
            len(slow),
            columns,
            ", ".join(f"{name} ({counted(count, 'cell')})" for name, count in slow.most_common(20)),
        )
    if tally.rows_by_python:
        logger.info("%s: %s went through Python", stream, counted(tally.rows_by_python, "row"))
    for name, count in tally.nulled.items():
        values = counted(count, "value")
        logger.warning("%s: %s did not fit %s: null instead", stream, values, name)
    for name, count in tally.left_out.items():
        logger.warning("%s: %s without %s, a key: left out", stream, counted(count, "record"), name)


def name_stream(record: logging.LogRecord) -> bool:
    """Name the stream in its log records, where the SDK's structured logs look for it."""
    record.stream_name = record.name.rpartition(".")[2]
    return True
