"""How a run, its streams, and the checks of `--test` ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tap_reports.exceptions import CallError
from tap_reports.wording import with_remedy


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
        first_day, last_day: The days to extract; None for a snapshot, or if it was not started.
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
    """How a run ended. `exit_status` is None while it runs, and if it was killed."""

    run_id: str
    version: str
    started_at: dt.datetime
    seconds: float | None = None
    exit_status: int | None = None
    signal: int | None = None
    was_killed: bool = False
    streams: tuple[StreamOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `--test`: what was checked, whether it passed, and what to know or do."""

    name: str
    ok: bool
    detail: str = ""

    @classmethod
    def of(cls, name: str, error: CallError) -> Check:
        """Return a failed check, from a call's error."""
        return cls(name=name, ok=False, detail=with_remedy(str(error), error.remedy))

    @classmethod
    def tried(cls, name: str, ask: Callable[[], str]) -> Check:
        """Make a free call that returns the detail; the check failed if the call did."""
        try:
            return cls(name=name, ok=True, detail=ask())
        except CallError as error:
            return cls.of(name, error)
