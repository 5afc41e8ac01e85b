"""`--jobs --format html`: the ledger as runs, their jobs, and what each did when.

Pure; `timeline_html` draws it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from tap_reports.ledger.records import EmitRecord, JobRecord


class Phase(StrEnum):
    """What a job did for a while."""

    QUEUED = "queued"
    RUNNING = "running"
    DOWNLOAD = "download"
    EMIT = "emit"


@dataclass(frozen=True, slots=True)
class Span:
    """A while of one phase."""

    phase: Phase
    start: dt.datetime
    end: dt.datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class JobInRun:
    """What a run did about a job for a stream.

    Attributes:
        passage: The job.
        run_id: The run.
        use: What it did with the job's records, if it wrote them.
        spans: Its phases in this run, in order of time.
    """

    passage: JobRecord
    run_id: str
    use: EmitRecord | None
    spans: tuple[Span, ...]

    @property
    def is_reused(self) -> bool:
        """True if an earlier run had submitted it."""
        return self.passage.run_id != self.run_id

    @property
    def rows(self) -> int | None:
        """Records that came out in this run; None if they did not."""
        return self.use.rows if self.use else None

    def seconds(self, phase: Phase) -> float | None:
        """Return how long a phase took in this run, or None if it was not seen."""
        return next((span.seconds for span in self.spans if span.phase is phase), None)


@dataclass(frozen=True)
class Run:
    """One run of the tap, as far as the ledger knows it. Its jobs stand by stream, then by slice."""

    id: str
    jobs: tuple[JobInRun, ...]

    @cached_property
    def start(self) -> dt.datetime:
        """When it was first seen doing something."""
        return min(span.start for job in self.jobs for span in job.spans)

    @cached_property
    def end(self) -> dt.datetime:
        """When it was last seen doing something. A vendor may go on with a job that the run left behind."""
        used = [span.end for job in self.jobs if job.use for span in job.spans]
        submitted = [job.passage.submitted_at for job in self.jobs if not job.is_reused]
        return max(used + submitted) if used else max(span.end for job in self.jobs for span in job.spans)

    @property
    def seconds(self) -> float:
        """Its length, at least a second: something to draw on."""
        return max(1.0, (self.end - self.start).total_seconds())

    @property
    def rows(self) -> int:
        """Records that came out in it."""
        return sum(job.rows or 0 for job in self.jobs)

    @property
    def submitted(self) -> int:
        """Jobs that it submitted."""
        return len({_key(job.passage) for job in self.jobs if not job.is_reused})

    @property
    def reused(self) -> int:
        """Jobs of earlier runs that it used."""
        return len({_key(job.passage) for job in self.jobs if job.is_reused})

    @property
    def credits(self) -> Decimal | None:
        """What the jobs that it submitted cost, as far as the vendors said."""
        return total_credits(job.passage for job in self.jobs if not job.is_reused)


def runs(passages: Iterable[JobRecord], now: dt.datetime) -> list[Run]:
    """Return the runs, newest first.

    Args:
        passages: The ledger's jobs.
        now: Where a job that is still under way ends for now.
    """
    by_run: dict[str, list[JobInRun]] = {}
    for passage in passages:
        uses = {use.run_id: use for use in passage.uses}
        for run_id in dict.fromkeys([passage.run_id, *uses]):
            use = uses.get(run_id)
            spans = tuple(_spans(passage, run_id, use, now))
            by_run.setdefault(run_id, []).append(JobInRun(passage, run_id, use, spans))
    made = [Run(run_id, tuple(sorted(_resumed(jobs), key=_place))) for run_id, jobs in by_run.items()]
    return sorted(made, key=lambda run: run.start, reverse=True)


def _resumed(jobs: Sequence[JobInRun]) -> Iterator[JobInRun]:
    """Yield a run's jobs; one that it resumed with the time that it waited for the vendor."""
    begun = min(span.start for job in jobs for span in job.spans)
    for job in jobs:
        ended = job.passage.finished_at
        is_first = job.use is not None and job.use == job.passage.uses[0]
        if job.is_reused and is_first and ended and ended > begun:
            yield replace(job, spans=(Span(Phase.RUNNING, begun, ended), *job.spans))
        else:
            yield job


def total_credits(passages: Iterable[JobRecord]) -> Decimal | None:
    """Return the credits of jobs, each counted once, or None if no vendor said."""
    known = {_key(passage): passage.credits for passage in passages if passage.credits is not None}
    return sum(known.values(), Decimal(0)) if known else None


def total_bytes(passages: Iterable[JobRecord]) -> int:
    """Return the downloaded bytes of jobs, each counted once."""
    return sum({_key(passage): passage.bytes or 0 for passage in passages}.values())


def _key(passage: JobRecord) -> tuple[str, str, dt.datetime]:
    return passage.vendor, passage.job_id, passage.submitted_at


def _place(job: JobInRun) -> tuple[str, str, dt.datetime]:
    return job.passage.stream, str(job.passage.slice or ""), job.passage.submitted_at


def _spans(passage: JobRecord, run_id: str, use: EmitRecord | None, now: dt.datetime) -> Iterator[Span]:
    """Yield what a job did in one run. Files that were never used count for the run that submitted it."""
    if passage.run_id == run_id:
        yield from _vendor_spans(passage, now)
    if use:
        if use.downloaded_at:
            yield _ending(Phase.DOWNLOAD, use.downloaded_at, use.download_seconds)
        yield _ending(Phase.EMIT, use.emitted_at, use.emit_seconds)
    elif passage.downloaded_at and not passage.uses:
        yield _ending(Phase.DOWNLOAD, passage.downloaded_at, passage.download_seconds)


def _vendor_spans(passage: JobRecord, now: dt.datetime) -> Sequence[Span]:
    """Return how long the vendor let the job wait, and worked on it.

    A job that was never seen running, as it was done by the first poll, counts as running all the time.
    """
    begun, ended = passage.submitted_at, passage.finished_at
    is_open = passage.status in {"intent", "pending", "running"}
    end = ended or passage.downloaded_at or (now if is_open else begun)
    end = max(end, begun)
    if passage.started_at is None and passage.status in {"intent", "pending"}:
        return [Span(Phase.QUEUED, begun, end)]
    started = min(max(passage.started_at or begun, begun), end)
    queued = [Span(Phase.QUEUED, begun, started)] if started > begun else []
    return [*queued, Span(Phase.RUNNING, started, end)]


def _ending(phase: Phase, end: dt.datetime, seconds: float | None) -> Span:
    return Span(phase, end - dt.timedelta(seconds=seconds or 0.0), end)
