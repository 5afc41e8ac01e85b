"""The ledger's runs: how each ended, and what its jobs did when. Pure; `timeline_page` draws it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from tap_reports.ledger.records import EmitRecord, JobRecord
from tap_reports.models import RunOutcome, StreamOutcome

OPEN = {"intent", "pending", "running"}
"""Statuses of jobs that are not over."""


class Phase(StrEnum):
    """What happened to a job for a while."""

    QUEUED = "queued"
    RUNNING = "running"
    DOWNLOAD = "download"
    EMIT = "emit"


@dataclass(frozen=True, slots=True)
class Bar:
    """A while of one phase."""

    phase: Phase
    start: dt.datetime
    end: dt.datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class RunJob:
    """What a run did about a job for a stream.

    Attributes:
        action: submitted, or of an earlier run's job: resumed, reused or replayed.
        use: How its records came out in this run; None if they did not.
        bars: Its phases in this run, in order of time.
    """

    job: JobRecord
    action: str
    use: EmitRecord | None
    bars: tuple[Bar, ...]

    def seconds(self, phase: Phase) -> float | None:
        """Return how long a phase took in this run, or None if it was not seen."""
        return next((bar.seconds for bar in self.bars if bar.phase is phase), None)


@dataclass(frozen=True)
class RunRow:
    """One run of the tap.

    Attributes:
        outcome: How it ended; None where nothing but its jobs is known of it (`--submit`, `--discover`).
        streams: Each stream's name, how it ended if that is known, and its jobs by slice.
    """

    start: dt.datetime
    end: dt.datetime
    outcome: RunOutcome | None
    streams: tuple[tuple[str, StreamOutcome | None, tuple[RunJob, ...]], ...]

    @property
    def seconds(self) -> float:
        """Its length, at least a second: something to draw on."""
        return max(1.0, (self.end - self.start).total_seconds())

    @property
    def is_failed(self) -> bool:
        """True if it failed, or was killed."""
        return self.outcome is not None and not how_it_ended(self.outcome)[1]

    @cached_property
    def jobs(self) -> list[RunJob]:
        """All its jobs; one of several sheets once for each."""
        return [job for _, _, jobs in self.streams for job in jobs]

    @property
    def actions(self) -> dict[str, int]:
        """How often it did what, each job counted once."""
        found = {one.job.row: one.action for one in self.jobs}
        return {action: list(found.values()).count(action) for action in dict.fromkeys(found.values())}

    @property
    def totals(self) -> dict[str, Any]:
        """Its rows, and bytes and credits of the jobs that it submitted."""
        submitted = [one.job for one in self.jobs if one.action == "submitted"]
        return {**totals(submitted), "rows": sum(one.use.rows for one in self.jobs if one.use)}


def runs(jobs: Sequence[JobRecord], outcomes: Iterable[RunOutcome], now: dt.datetime) -> list[RunRow]:
    """Return the runs, newest first.

    Args:
        jobs: A ledger's history.
        outcomes: How its runs ended, as far as it knows.
        now: Where jobs that are not over end for now.
    """
    ended = {one.run_id: one for one in outcomes}
    by_run: dict[str, list[tuple[JobRecord, EmitRecord | None]]] = {run_id: [] for run_id in ended}
    for job in jobs:
        its_uses = {use.run_id: use for use in job.uses}
        for run_id in dict.fromkeys([job.run_id, *its_uses]):
            by_run.setdefault(run_id, []).append((job, its_uses.get(run_id)))
    made = [_run(run_id, its_jobs, ended.get(run_id), now) for run_id, its_jobs in by_run.items()]
    return sorted(made, key=lambda run: run.start, reverse=True)


def how_it_ended(run: RunOutcome) -> tuple[str, bool]:
    """Return how a run ended in words, and whether that is good."""
    if run.was_killed:
        return "did not end: it was killed, or its machine went down", False
    if run.exit_status is None:
        return "is under way", True
    return (f"failed, exit status {run.exit_status}", False) if run.exit_status else ("succeeded", True)


def totals(jobs: Iterable[JobRecord]) -> dict[str, Any]:
    """Return bytes and credits of jobs, each job counted once; None where no vendor said."""
    once = {job.row: job for job in jobs}.values()
    known = [job.credits for job in once if job.credits is not None]
    return {"bytes": sum(job.bytes or 0 for job in once), "credits": sum(known) if known else None}


def _run(
    run_id: str,
    used: Sequence[tuple[JobRecord, EmitRecord | None]],
    outcome: RunOutcome | None,
    now: dt.datetime,
) -> RunRow:
    start = outcome.started_at if outcome else min(_first_seen(job, use, run_id) for job, use in used)
    end = now
    if outcome and outcome.seconds is not None and outcome.exit_status is not None:
        end = start + dt.timedelta(seconds=outcome.seconds)
    made = [_run_job(job, use, run_id, start, end) for job, use in used]
    if end is now:  # not known: as long as it was seen doing something
        end = max((bar.end for one in made for bar in one.bars), default=start)
    by_stream: dict[str, list[RunJob]] = {one.stream: [] for one in outcome.streams} if outcome else {}
    for one in sorted(made, key=lambda one: (one.job.stream, str(one.job.slice or ""), one.job.submitted_at)):
        by_stream.setdefault(one.job.stream, []).append(one)
    ends: Mapping[str, StreamOutcome] = {one.stream: one for one in outcome.streams} if outcome else {}
    streams = [(name, ends.get(name), tuple(jobs)) for name, jobs in sorted(by_stream.items())]
    streams.sort(key=lambda one: one[1] is None or not one[1].error)  # what failed comes first
    return RunRow(start, end, outcome, tuple(streams))


def _first_seen(job: JobRecord, use: EmitRecord | None, run_id: str) -> dt.datetime:
    if use is None or job.run_id == run_id:
        return job.submitted_at
    return next(_work(use)).start


def _run_job(
    job: JobRecord, use: EmitRecord | None, run_id: str, start: dt.datetime, end: dt.datetime
) -> RunJob:
    """Return what a run from `start` to `end` did about a job. What others did later is not shown."""
    action = "submitted" if job.run_id == run_id else "reused"
    begun = job.submitted_at if action == "submitted" else start
    # The times that the job had when its records came out in this run: a replay gives it others.
    times = use or job
    finished = times.finished_at or times.downloaded_at or (end if job.status in OPEN else begun)
    if action == "reused" and finished > start:
        was_done = any(one.finished_at and one.finished_at < start for one in job.uses)
        action = "replayed" if was_done else "resumed"
    bars = (
        []
        if action == "reused"
        else list(_vendor_bars(begun, times.started_at, min(finished, end), job.status))
    )
    if use:
        bars += _work(use)
    elif job.downloaded_at and not job.uses:  # its files were no good
        bars.append(_ending(Phase.DOWNLOAD, job.downloaded_at, job.download_seconds))
    return RunJob(job, action, use, tuple(bar for bar in bars if bar.end >= start))


def _vendor_bars(
    begun: dt.datetime, started: dt.datetime | None, finished: dt.datetime, status: str
) -> Iterator[Bar]:
    """Yield how long the vendor let a job wait, and worked on it. A job that the first poll found done counts
    as running all the time.
    """
    finished = max(finished, begun)
    if started is None and status in {"intent", "pending"}:
        yield Bar(Phase.QUEUED, begun, finished)
        return
    started = min(max(started or begun, begun), finished)
    if started > begun:
        yield Bar(Phase.QUEUED, begun, started)
    yield Bar(Phase.RUNNING, started, finished)


def _work(use: EmitRecord) -> Iterator[Bar]:
    if use.downloaded_at:
        yield _ending(Phase.DOWNLOAD, use.downloaded_at, use.download_seconds)
    yield _ending(Phase.EMIT, use.emitted_at, use.emit_seconds)


def _ending(phase: Phase, end: dt.datetime, seconds: float | None) -> Bar:
    return Bar(phase, end - dt.timedelta(seconds=seconds or 0.0), end)
