"""A task: what a run does for one request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tap_reports.clock import TOLERANCE_SECONDS
from tap_reports.exceptions import StreamError
from tap_reports.models import ReportFile, ReportJob, ReportRequest

logger = logging.getLogger("tap-reports.jobs")

POSTBACK_GAP_SECONDS = 5.0
"""Minimum time between two such polls of one job, so that repeated calls cost little."""
MAX_POSTBACK_POLLS = 20
"""Polls of one job that postbacks may request, so that forged calls cost little. Later ones are ignored."""


class Action(StrEnum):
    """How a task gets its job."""

    SUBMIT = "submit"
    RESUME = "resume"
    REUSE = "reuse"
    REPLAY = "replay"


class Stage(StrEnum):
    """What a task is doing, as the progress display shows it."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DOWNLOADING = "downloading"
    READY = "ready"
    FAILED = "failed"
    ABANDONED = "abandoned"
    DONE = "done"


class Event(StrEnum):
    """What happened to a job: the `status=` of its log lines."""

    SUBMITTED = "submitted"
    RESUMED = "resumed"
    REUSED = "reused"
    REPLAYED = "replayed"
    RETRIED = "retried"
    RESUBMITTED = "resubmitted"
    WAITING = "waiting"
    WARNED = "warned"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    LOST = "lost"
    RUNNING = "running"
    UNKNOWN = "unknown"
    """The vendor does not know the job, or we do not know its status word."""
    POLLED_AGAIN = "asked_again"
    CALLED_BACK = "called_back"
    LINK_EXPIRED = "link_expired"
    UNANSWERED = "unanswered"
    READY = "ready"


@dataclass(slots=True)
class Attempts:
    """What was tried for a task so far, in addition to the first submission.

    Attributes:
        losses: Submissions whose answer was lost.
        retries, replays: How often the vendor ran a failed job again, and a finished one.
        resubmissions: New submissions that the vendor's guide asks for.
        expired_links: Download links that had expired.
        is_replay_refused: True if the vendor refused to run the finished job again.
    """

    losses: int = 0
    retries: int = 0
    replays: int = 0
    resubmissions: int = 0
    expired_links: int = 0
    is_replay_refused: bool = False

    @property
    def number(self) -> int:
        """The number of this attempt, from 1."""
        return 1 + self.losses + self.retries + self.replays + self.resubmissions


@dataclass(slots=True)
class Timeline:
    """When a task entered each stage first (monotonic).

    Attributes:
        monotonic: The clock.
        stage: The current stage.
        entered: By stage. WAITING is when the task was made.
        running_since: When a poll first said that the vendor works on the job; None before.
    """

    monotonic: Callable[[], float] = time.monotonic
    stage: Stage = field(default=Stage.WAITING, init=False)
    entered: dict[Stage, float] = field(init=False)
    running_since: float | None = None

    def __post_init__(self) -> None:
        self.entered = {self.stage: self.monotonic()}

    def enter(self, stage: Stage) -> None:
        """Enter a stage, maybe again."""
        self.entered.setdefault(stage, self.monotonic())
        self.stage = stage

    def seconds(self) -> float:
        """Return how long ago the task was made."""
        return self.monotonic() - self.entered[Stage.WAITING]


@dataclass(slots=True)
class PostbackPolls:
    """Early polls of a job, requested by its vendor's calls (postbacks).

    Calls within the gap are not lost: the job is polled once, at the end of the gap.

    Attributes:
        due: When the requested poll is due (monotonic); None without one.
        last: When the last requested poll started.
        count: How many were requested.
    """

    due: float | None = None
    last: float = -math.inf
    count: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def restart(self) -> None:
        """Forget the last poll, because the job starts (again): the first call need not wait for the gap."""
        self.last = -math.inf

    def request(self, now: float) -> bool:
        """Request a poll. Returns False if one is due already, or too many were requested."""
        if self.due is not None or self.count >= MAX_POSTBACK_POLLS:
            return False
        self.count += 1
        self.due = max(now, self.last + POSTBACK_GAP_SECONDS)
        self._changed.set()
        return True

    async def sleep(self, seconds: float, monotonic: Callable[[], float]) -> None:
        """Wait until the next poll: `seconds` seconds, or less if a postback requests it."""
        end = monotonic() + seconds
        while (left := min(end, end if self.due is None else self.due) - monotonic()) > TOLERANCE_SECONDS:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        if self.due is not None:
            self.due, self.last = None, monotonic()


@dataclass(slots=True, eq=False)
class Task:
    """One request on its way to its files. Only the engine's loop changes it, except for `streams`.

    Attributes:
        request: What to request.
        order: Its rank: streams in order, slices ascending.
        streams: The streams that need it and have not released it. Only the main thread changes it.
        action: How it got its job, once that is known.
        job: The job, once there is one.
        files: Its files in row order, once downloaded.
        error: Why it failed.
        attempts: What was tried.
        timeline: Its stages, and when it entered them.
        postback_polls: Early polls requested by postbacks.
        has_no_result: True if its job failed for good: there is nothing to resume.
        is_cancelled: True if its streams have failed: nothing more is submitted for it.
        look_again_seconds: `--submit` stopped here, as it does not wait: seconds until its next call.
    """

    request: ReportRequest
    order: int
    streams: frozenset[str] = frozenset()
    action: Action | None = None
    job: ReportJob | None = None
    files: tuple[ReportFile, ...] = ()
    error: StreamError | None = None
    attempts: Attempts = field(default_factory=Attempts)
    timeline: Timeline = field(default_factory=Timeline)
    postback_polls: PostbackPolls = field(default_factory=PostbackPolls)
    has_no_result: bool = False
    is_cancelled: bool = False
    look_again_seconds: float | None = None

    @property
    def stage(self) -> Stage:
        """The current stage."""
        return self.timeline.stage

    @property
    def is_over(self) -> bool:
        """True once it is finished, or `--submit` has stopped here."""
        over = {Stage.READY, Stage.FAILED, Stage.ABANDONED, Stage.DONE}
        return self.stage in over or self.look_again_seconds is not None

    @property
    def job_id(self) -> str:
        """The vendor's job id, or ""."""
        return self.job.id if self.job else ""

    @property
    def stream(self) -> str:
        """The streams that need it, in short: `second_nature_report__quiz +2`."""
        first, *others = sorted(self.streams, key=lambda name: (len(name), name)) or [""]
        return f"{first} +{len(others)}" if others else first

    def log(self, event: Event, detail: object = "", *, level: int = logging.INFO) -> None:
        """Log one transition, always with the same keys; structured logs get them as `extra`.

        Args:
            event: What happened. `seconds` in the log line counts from when the task was made.
            detail: More of it, in words.
        """
        if not logger.isEnabledFor(level):
            return
        keys: dict[str, Any] = {
            "vendor": self.request.vendor,
            "stream": self.stream.replace(" ", ""),
            "slice": str(self.request.slice) if self.request.slice else None,
            "job_id": self.job_id or None,
            "status": str(event),
            "attempt": self.attempts.number,
            "seconds": round(self.timeline.seconds(), 1),
        }
        text = " ".join(f"{name}={'-' if value in (None, '') else value}" for name, value in keys.items())
        extra = {**keys, "stream_name": self.stream.partition(" ")[0]}
        logger.log(level, "job %s%s", text, f": {detail}" if detail else "", extra=extra)


def waiting_summary(tasks: Iterable[Task]) -> str:
    """Return the number of tasks by stage, and the oldest: `3 running, 1 waiting; oldest: ... for 725 s`."""
    open_ = [task for task in tasks if not task.is_over]
    if not open_:
        return ""
    counts = Counter(task.stage for task in open_)
    oldest = min(open_, key=lambda task: task.timeline.entered[Stage.WAITING])
    job = f" job {oldest.job_id}" if oldest.job_id else ""
    what = f"{oldest.stream} {oldest.request.slice or ''}".strip()
    return (
        f"{', '.join(f'{counts[stage]} {stage}' for stage in Stage if counts[stage])}; "
        f"oldest: {what}{job}, {oldest.stage} for {oldest.timeline.seconds():.0f} s"
    )
