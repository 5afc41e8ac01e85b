"""`--jobs --format html`: the ledger's runs and what their jobs did when, as a page.

`timeline.html` draws it; the page loads nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from tap_reports.console.output import MISSING, describe_end, size
from tap_reports.ledger.records import EmitRecord, JobRecord
from tap_reports.models import RunOutcome, StreamOutcome
from tap_reports.redaction import printable

UNFINISHED = {"intent", "pending", "running"}
"""Statuses of jobs that have not ended."""


class Phase(StrEnum):
    """What happens to a job for some time."""

    QUEUED = "queued"
    RUNNING = "running"
    DOWNLOAD = "download"
    EMIT = "emit"


@dataclass(frozen=True, slots=True)
class Bar:
    """One phase of a job."""

    phase: Phase
    start: dt.datetime
    end: dt.datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class RunJob:
    """What a run did with a job for a stream.

    Attributes:
        action: submitted; for an earlier run's job resumed, reused or replayed.
        use: How this run emitted its records; None if it did not.
        bars: Its phases in this run, in order of time.
    """

    job: JobRecord
    action: str
    use: EmitRecord | None
    bars: tuple[Bar, ...]

    def seconds(self, phase: Phase) -> float | None:
        """Return the length of a phase in this run, None if it is not known."""
        return next((bar.seconds for bar in self.bars if bar.phase is phase), None)


@dataclass(frozen=True)
class RunRow:
    """One run of the tap.

    Attributes:
        outcome: How it ended; None if only its jobs are known (`--submit`, `--discover`).
        streams: Each stream's name, its outcome if known, and its jobs by slice.
    """

    start: dt.datetime
    end: dt.datetime
    outcome: RunOutcome | None
    streams: tuple[tuple[str, StreamOutcome | None, tuple[RunJob, ...]], ...]

    @property
    def seconds(self) -> float:
        """Its length, at least a second: it is drawn."""
        return max(1.0, (self.end - self.start).total_seconds())

    @property
    def is_failed(self) -> bool:
        """True if it failed or was killed."""
        return self.outcome is not None and not describe_end(self.outcome)[1]

    @cached_property
    def jobs(self) -> list[RunJob]:
        """All its jobs; a job of several sheets once for each."""
        return [job for _, _, jobs in self.streams for job in jobs]

    @property
    def actions(self) -> dict[str, int]:
        """Number of jobs by action."""
        return Counter({run_job.job.row: run_job.action for run_job in self.jobs}.values())

    @property
    def totals(self) -> dict[str, Any]:
        """Its rows, and bytes and credits of the jobs that it submitted."""
        submitted = [run_job.job for run_job in self.jobs if run_job.action == "submitted"]
        return {**totals(submitted), "rows": sum(run_job.use.rows for run_job in self.jobs if run_job.use)}


def runs(jobs: Sequence[JobRecord], outcomes: Iterable[RunOutcome], now: dt.datetime) -> list[RunRow]:
    """Return the runs, newest first.

    Args:
        jobs: The ledger's history.
        outcomes: How its runs ended, if known.
        now: The end of jobs that have not ended.
    """
    by_id = {outcome.run_id: outcome for outcome in outcomes}
    by_run: dict[str, list[tuple[JobRecord, EmitRecord | None]]] = {run_id: [] for run_id in by_id}
    for job in jobs:
        uses = {use.run_id: use for use in job.uses}
        for run_id in dict.fromkeys([job.run_id, *uses]):
            by_run.setdefault(run_id, []).append((job, uses.get(run_id)))
    rows = [_run_row(run_id, used, by_id.get(run_id), now) for run_id, used in by_run.items()]
    return sorted(rows, key=lambda run: run.start, reverse=True)


def totals(jobs: Iterable[JobRecord]) -> dict[str, Any]:
    """Return bytes and credits of jobs, each job counted once; credits are None if no vendor told any."""
    once = {job.row: job for job in jobs}.values()
    known = [job.credits for job in once if job.credits is not None]
    return {"bytes": sum(job.bytes or 0 for job in once), "credits": sum(known) if known else None}


def _run_row(
    run_id: str,
    used: Sequence[tuple[JobRecord, EmitRecord | None]],
    outcome: RunOutcome | None,
    now: dt.datetime,
) -> RunRow:
    start = outcome.started_at if outcome else min(_first_seen(job, use, run_id) for job, use in used)
    end = now
    if outcome and outcome.seconds is not None and outcome.exit_status is not None:
        end = start + dt.timedelta(seconds=outcome.seconds)
    jobs = [_run_job(job, use, run_id, start, end) for job, use in used]
    if end is now:  # its end is not known: it lasted at least as long as its jobs
        end = max((bar.end for run_job in jobs for bar in run_job.bars), default=start)
    ends = outcome.streams if outcome else ()
    outcomes: Mapping[str, StreamOutcome] = {end.stream: end for end in ends}
    by_stream: dict[str, list[RunJob]] = {name: [] for name in outcomes}
    for run_job in sorted(jobs, key=_by_stream_and_slice):
        by_stream.setdefault(run_job.job.stream, []).append(run_job)
    streams = [(name, outcomes.get(name), tuple(jobs)) for name, jobs in sorted(by_stream.items())]
    streams.sort(key=lambda stream: stream[1] is None or not stream[1].error)  # failed streams first
    return RunRow(start, end, outcome, tuple(streams))


def _by_stream_and_slice(run_job: RunJob) -> tuple[str, str, dt.datetime]:
    job = run_job.job
    return job.stream, str(job.slice or ""), job.submitted_at


def _first_seen(job: JobRecord, use: EmitRecord | None, run_id: str) -> dt.datetime:
    if use is None or job.run_id == run_id:
        return job.submitted_at
    return next(_use_bars(use)).start


def _run_job(
    job: JobRecord, use: EmitRecord | None, run_id: str, start: dt.datetime, end: dt.datetime
) -> RunJob:
    """Return what a run from `start` to `end` did with a job, without what other runs did later."""
    action = "submitted" if job.run_id == run_id else "reused"
    submitted = job.submitted_at if action == "submitted" else start
    times = use or job  # a later replay changes the job's own times
    finished = times.finished_at or times.downloaded_at or (end if job.status in UNFINISHED else submitted)
    if action == "reused" and finished > start:
        was_finished = any(earlier.finished_at and earlier.finished_at < start for earlier in job.uses)
        action = "replayed" if was_finished else "resumed"
    bars: list[Bar] = []
    if action != "reused":
        bars += _vendor_bars(submitted, times.started_at, min(finished, end), job.status)
    if use:
        bars += _use_bars(use)
    elif job.downloaded_at and not job.uses:  # its files were refused
        bars.append(_bar_until(Phase.DOWNLOAD, job.downloaded_at, job.download_seconds))
    return RunJob(job, action, use, tuple(bar for bar in bars if bar.end >= start))


def _vendor_bars(
    submitted: dt.datetime, started: dt.datetime | None, finished: dt.datetime, status: str
) -> Iterator[Bar]:
    """Yield how long a job was queued and running. Without a known start it was always running."""
    finished = max(finished, submitted)
    if started is None and status in {"intent", "pending"}:
        yield Bar(Phase.QUEUED, submitted, finished)
        return
    started = min(max(started or submitted, submitted), finished)
    if started > submitted:
        yield Bar(Phase.QUEUED, submitted, started)
    yield Bar(Phase.RUNNING, started, finished)


def _use_bars(use: EmitRecord) -> Iterator[Bar]:
    if use.downloaded_at:
        yield _bar_until(Phase.DOWNLOAD, use.downloaded_at, use.download_seconds)
    yield _bar_until(Phase.EMIT, use.emitted_at, use.emit_seconds)


def _bar_until(phase: Phase, end: dt.datetime, seconds: float | None) -> Bar:
    return Bar(phase, end - dt.timedelta(seconds=seconds or 0.0), end)


def page(
    jobs: Sequence[JobRecord], outcomes: Sequence[RunOutcome], now: dt.datetime, *, limit: int | None = None
) -> str:
    """Return the page. `limit` is the highest number of jobs: if it is reached, the page says so."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # A vendor's text loses its control characters; what the template made is markup and stays.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {
        "length_of": _length,
        "number": lambda value: MISSING if value is None else f"{value:,}",
        "bytes": lambda count: size(count or None) or MISSING,
    }
    return environment.get_template("timeline.html").render(
        runs=runs(jobs, outcomes, now),
        jobs=list({job.row: job for job in jobs}.values()),
        rows=sum(use.rows for job in jobs for use in job.uses),
        totals=totals(jobs),
        phases=list(Phase),
        open=UNFINISHED,
        describe_end=describe_end,
        now=now,
        limit=limit if limit == len(jobs) else None,
    )


def _length(seconds: float | None) -> str:
    """Return a length of time: `0.4 s`, `12 s`, `3:05 min`, `1:02:03 h`."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
