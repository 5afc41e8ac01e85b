"""How a run and its streams ended."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class StreamEnd(StrEnum):
    """How a stream ended in a run."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUse:
    """What a run did with one job. `action`: submit, resume, reuse or replay."""

    job_id: str
    action: str
    bytes: int | None = None
    credits: Decimal | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOutcome:
    """How one stream ended in one run: the facts of `--summary` (by these names), ledger and last lines.

    Attributes:
        error: Cause and remedy in one sentence, redacted; "" unless it failed.
        rows: Records emitted.
        first_day, last_day: What it was to extract; None for a snapshot, or where it was never started.
        slices, slices_done: How many it had, and how many of them were emitted.
    """

    stream: str
    outcome: StreamEnd
    error: str = ""
    rows: int = 0
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    slices: int = 0
    slices_done: int = 0
    jobs: tuple[JobUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended. `exit_status` is None for one that has not said how it ended: it is under way, or
    it was killed.
    """

    run_id: str
    version: str
    started_at: dt.datetime
    seconds: float | None = None
    exit_status: int | None = None
    signal: int | None = None
    was_killed: bool = False
    streams: tuple[StreamOutcome, ...] = ()
