"""A task: one job's way through this run."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tap_reports.exceptions import StreamError
from tap_reports.models import ReportFile, ReportJob, ReportRequest

logger = logging.getLogger("tap-reports.jobs")


class Action(StrEnum):
    """How a task comes to its job."""

    SUBMIT = "submit"
    RESUME = "resume"
    REUSE = "reuse"
    REPLAY = "replay"


class Stage(StrEnum):
    """Where a task stands, as the progress display shows it."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DOWNLOADING = "downloading"
    READY = "ready"
    FAILED = "failed"
    ABANDONED = "abandoned"
    DONE = "done"


@dataclass(slots=True, eq=False)
class Task:
    """One request on its way to its files. Only its lane changes it, one step at a time.

    Attributes:
        request: What is wanted.
        order: Streams in order, slices ascending: who goes first.
        known_id: A job id that the state holds for it, and when it was submitted.
        streams: The streams that want it and have not released it.
        job: The job, once there is one.
        files: Its files in row order, once downloaded.
        error: Why it failed.
        announced: The state names its job.
        warned: Its unknown status was warned of.
        is_dropped: Its job ended for good without a result: nothing to resume.
        is_unwanted: Its streams have failed: nothing more is submitted for it.
        is_refused: The vendor would not run its job again.
        is_polled: Its job is being polled, or was polled for the last time.
        wake_at: When a poll is due that the vendor's call asked for (monotonic); None if none is.
        woken_at: When the last such poll began.
        wakes: How many were asked for.
        turn: Which of its planned polls counts: the latest.
        refresh: A submission bypasses the vendor's cache.
        waiting_since: When the deadline began (monotonic).
        monotonic: The clock.
        times: When each stage was entered first (monotonic), WAITING when the task was made.
        started: When the vendor was first seen working on the job (monotonic), if ever.
    """

    request: ReportRequest
    order: int
    known: Mapping[str, Any] | None = None
    streams: set[str] = field(default_factory=set)
    action: Action | None = None
    job: ReportJob | None = None
    files: tuple[ReportFile, ...] = ()
    error: StreamError | None = None
    monotonic: Callable[[], float] = time.monotonic
    times: dict[Stage, float] = field(default_factory=dict)
    started: float | None = None
    announced: bool = False
    warned: bool = False
    is_dropped: bool = False
    is_unwanted: bool = False
    is_refused: bool = False
    is_polled: bool = False
    wake_at: float | None = None
    woken_at: float = -math.inf
    wakes: int = 0
    turn: int = 0
    waits: int = 0
    refresh: bool = False
    estimate: Any = None
    waiting_since: float | None = None
    polls: int = 0
    odd_polls: int = 0
    links_renewed: int = 0
    retries: int = 0
    replays: int = 0
    resubmissions: int = 0
    refusals: int = 0
    losses: int = 0
    _stage: Stage = field(default=Stage.WAITING, init=False)

    def __post_init__(self) -> None:
        self.times[Stage.WAITING] = self.monotonic()

    @property
    def stage(self) -> Stage:
        """Where it stands; entering a stage notes the time."""
        return self._stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        self.times.setdefault(stage, self.monotonic())
        self._stage = stage

    @property
    def age(self) -> float:
        """Seconds that this run has been at it."""
        return self.monotonic() - self.times[Stage.WAITING]

    def seconds(self, stage: Stage) -> float | None:
        """Return how long ago it entered a stage first, or None if it never did."""
        since = self.times.get(stage)
        return None if since is None else self.monotonic() - since

    @property
    def is_over(self) -> bool:
        """True once there is nothing left to wait for."""
        return self.stage in {Stage.READY, Stage.FAILED, Stage.ABANDONED, Stage.DONE}

    @property
    def job_id(self) -> str:
        """The vendor's job id, or ""."""
        return self.job.id if self.job else ""

    def log(self, status: str, seconds: float | None = None, level: int = logging.INFO) -> None:
        """Log one transition, always with the same keys; structured logs get them as `extra`."""
        keys: dict[str, Any] = {
            "vendor": self.request.vendor,
            "stream": ",".join(sorted(self.streams)),
            "slice": str(self.request.slice) if self.request.slice else None,
            "job_id": self.job_id or None,
            "status": status,
            "attempt": 1 + self.retries + self.replays + self.resubmissions + self.losses,
            "seconds": None if seconds is None else round(seconds, 1),
        }
        text = " ".join(f"{name}={'-' if value is None else value}" for name, value in keys.items())
        logger.log(level, "job %s", text, extra=keys)
