"""How a run, its streams and its jobs ended: results, reasons, durations, and the exit status."""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException, MappingError
from singer_sdk.metrics import Metric, Point, Status, Tag, get_metrics_logger, log

from tap_reports.emit.writer import OutputError
from tap_reports.exceptions import OUTPUT_CLOSED, CallError, QuotaSpent, StreamError, unexpected_error
from tap_reports.jobs.task import Stage
from tap_reports.models import JobUse, RunOutcome, StreamEnd, StreamOutcome
from tap_reports.redaction import redact
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from tap_reports.emit.plan import Tally
    from tap_reports.jobs.task import Task
    from tap_reports.streams import ReportStream
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

RUN_ENDING_ERRORS = (BrokenPipeError, OutputError, AbortedSyncFailedException, AbortedSyncPausedException)
"""They end more than the stream: the output is closed or full; a dry run has enough records."""
MIN_CELLS_FOR_INFO = 10_000
"""Converting this many cells in Python takes a noticeable time."""


@dataclass(slots=True)
class Outcome:
    """The results of the selected streams so far.

    Attributes:
        done: Rows by finished stream.
        failures: Errors by failed stream.
        stopped: Streams that a spent quota ended early, where that is not a failure.
        count_jobs_left: With `on_quota_spent: stop`, returns how many jobs of a stream are not submitted.
        signal: The signal that ended the run, or None.
        output_closed: The reader of standard output has left.
        error_status: Exit status of an error that ended the run and is reported elsewhere.
    """

    done: dict[str, int] = field(default_factory=dict)
    failures: dict[str, StreamError] = field(default_factory=dict)
    stopped: dict[str, QuotaSpent] = field(default_factory=dict)
    count_jobs_left: Callable[[str], int] | None = None
    signal: int | None = None
    output_closed: bool = False
    error_status: int = 0
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def exit_status(self) -> int:
        """0: all done; 1: something failed; 128 + signal."""
        if self.signal is not None:
            return 128 + self.signal
        return self.error_status or int(bool(self.failures) or self.output_closed)

    def fail(self, stream: str, error: StreamError) -> None:
        """Note a failed stream; `log_summary` reports it."""
        error.stream = stream
        if self.count_jobs_left and isinstance(error, QuotaSpent):
            self.stopped[stream] = error
            left = self.count_jobs_left(stream)
            days = math.ceil(left / error.per_day) if error.per_day else 0
            more = f", which take {number_of(days, 'day')} more" if days else ""
            logger.warning("stopped: %s %s left%s", redact(error), number_of(left, "job"), more)
            return
        self.failures[stream] = error
        logger.debug("failed: %s", redact(error))

    def run_outcome(self, run: Run | None, streams: Iterable[ReportStream], version: str) -> RunOutcome:
        """Return the facts of the run so far."""
        known = {stream.name: stream for stream in streams}
        started_at, now = self.started_at, dt.datetime.now(dt.UTC)
        if run:
            started_at, now = run.started_at, run.clock.now()
        return RunOutcome(
            run_id=run.id if run else "",
            version=version,
            started_at=started_at,
            seconds=round((now - started_at).total_seconds(), 3),
            exit_status=self.exit_status,
            signal=self.signal,
            streams=tuple(self._stream_outcome(name, known.get(name)) for name in {**known, **self.failures}),
        )

    def _stream_outcome(self, name: str, stream: ReportStream | None) -> StreamOutcome:
        error = self.failures.get(name) or self.stopped.get(name)
        slices = stream.extraction.slice_tasks if stream else []
        days = [plan.days for plan, _ in slices if plan.days]
        end = StreamEnd.STOPPED if slices or name in self.stopped else StreamEnd.NOT_STARTED
        if name in self.done:
            end = StreamEnd.DONE
        elif name in self.failures:
            end = StreamEnd.FAILED
        return StreamOutcome(
            stream=name,
            outcome=end,
            error=redact(error) if error else "",
            rows=stream.extraction.rows_emitted if stream else 0,
            first_day=days[0].start if days else None,
            last_day=days[-1].end if days else None,
            slices=len(slices),
            slices_done=stream.extraction.slices_done if stream else 0,
            jobs=tuple(_job_use(task) for _, tasks in slices for task in tasks if task.job),
        )

    def log_summary(self, run: RunOutcome) -> None:
        """Log the end of a run: a line for each stream, then the failures, then a total."""
        for stream in run.streams:
            logger.info("%s", _summary(stream), extra={"stream_name": stream.stream, "rows": stream.rows})
        for name, error in self.failures.items():
            keys = {"vendor": error.vendor, "slice": error.slice, "job_id": error.job_id}
            logger.error("failed: %s", redact(error), extra={"stream_name": name, **keys})
        ends = [stream.outcome for stream in run.streams]
        counts = {str(end): ends.count(end) for end in StreamEnd if end in ends}
        rows = sum(stream.rows for stream in run.streams)
        why = OUTPUT_CLOSED if self.output_closed else ""
        if self.signal is not None:
            why = f"ended by {signal.Signals(self.signal).name}"
        logger.log(
            logging.WARNING if why else logging.INFO,
            "%s: %s; %s, %.1f s%s",
            number_of(len(ends), "stream"),
            ", ".join(f"{count} {end}" for end, count in counts.items()) or "nothing to do",
            number_of(rows, "row"),
            run.seconds or 0.0,
            f"; {why}; submitted jobs are resumed by the next run" if why else "",
            extra={"exit_status": run.exit_status, "rows": rows, "seconds": run.seconds, "streams": counts},
        )


def _summary(stream: StreamOutcome) -> str:
    facts = [stream.outcome.value.replace("_", " "), number_of(stream.rows, "row")]
    if stream.first_day and stream.last_day:
        facts.append(f"{stream.first_day}..{stream.last_day}")
    if stream.slices:
        facts.append(f"{stream.slices_done} of {number_of(stream.slices, 'slice')}")
    if stream.jobs:
        actions = Counter(job.action for job in stream.jobs)
        counts = ", ".join(f"{count} {action}" for action, count in actions.items())
        facts.append(f"{number_of(actions.total(), 'job')} ({counts})")
        spent = [job.credits for job in stream.jobs if job.credits is not None]
        facts += [number_of(sum(spent, Decimal()), "credit")] if spent else []
        facts.append(f"{max(job.seconds or 0.0 for job in stream.jobs):.1f} s")
    return f"{stream.stream}: {', '.join(facts)}"


def _job_use(task: Task) -> JobUse:
    entered = task.timeline.entered
    ended = entered.get(Stage.READY) or entered.get(Stage.FAILED)
    return JobUse(
        job_id=task.job_id,
        action=str(task.action or "none"),
        bytes=sum(file.bytes for file in task.files) if task.files else None,
        credits=task.job.credits if task.job else None,
        seconds=round(ended - entered[Stage.WAITING], 3) if ended else None,
    )


# --- the end of a job, and of a stream --------------------------------------------------------------------


def log_job(task: Task) -> None:
    """Log the SDK metric `job_duration` of an ended task; a task that was given up without a job has none."""
    if task.job is None and task.error is None:
        return
    seconds = job_seconds(task)
    tags: dict[str, Any] = {
        Tag.STREAM: task.stream,
        Tag.JOB_TYPE: str(task.action or "none"),
        Tag.STATUS: Status.FAILED if task.error else Status.SUCCEEDED,
        "vendor": task.request.vendor,
        "slice": str(task.request.slice or ""),
        "job_id": task.job_id,
        **{f"{name}_seconds": round(value, 3) for name, value in seconds.items()},
        Tag.PID: os.getpid(),
    }
    log(get_metrics_logger(), Point("timer", Metric.JOB_DURATION, round(sum(seconds.values()), 3), tags))


def job_seconds(task: Task) -> dict[str, float]:
    """Return how long each phase of an ended task took.

    `queue`: until the vendor was seen working on it, else until it was submitted. `run`: until the report was
    ready. `download`: until its files were downloaded.
    """
    line = task.timeline
    end = line.entered.get(Stage.READY) or line.entered.get(Stage.FAILED) or line.monotonic()
    downloading = line.entered.get(Stage.DOWNLOADING, end)
    submitted = line.entered.get(Stage.RUNNING, downloading)
    running = min(submitted if line.running_since is None else line.running_since, downloading)
    return {
        "queue": running - line.entered[Stage.WAITING],
        "run": downloading - running,
        "download": end - downloading,
    }


def stream_error(error: Exception) -> StreamError:
    """Return what ended a stream as an error that says what to do."""
    if isinstance(error, (StreamError, CallError)):
        return StreamError.from_error(error)
    if isinstance(error, MappingError):
        return StreamError(f"stream_maps: {error}", remedy="Correct the expression.")
    return unexpected_error(error)


def log_tally(logger: logging.Logger, stream: str, tally: Tally, columns: int) -> None:
    """Log what was noticed in a stream's rows: cells that needed Python, nulled values, records left out."""
    if slow := tally.by_python:
        logger.log(
            logging.INFO if slow.total() >= MIN_CELLS_FOR_INFO else logging.DEBUG,
            "%s: %d of %d columns went through Python: %s",
            stream,
            len(slow),
            columns,
            ", ".join(f"{name} ({number_of(count, 'cell')})" for name, count in slow.most_common(20)),
        )
    if tally.rows_by_python:
        logger.info("%s: %s went through Python", stream, number_of(tally.rows_by_python, "row"))
    for name, count in tally.nulled.items():
        values = number_of(count, "value")
        logger.warning("%s: %s did not fit %s: null instead", stream, values, name)
    for name, count in tally.left_out.items():
        logger.warning("%s: %s without %s, a key: left out", stream, number_of(count, "record"), name)


def add_stream_name(record: logging.LogRecord) -> bool:
    """Log filter: set the stream's name where the SDK's structured logs look for it."""
    record.stream_name = record.name.rpartition(".")[2]
    return True
