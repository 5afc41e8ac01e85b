"""How often a job that is not ready is asked for, and how long at all."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

GROWTH = 1.1
"""A wait is about a tenth of the job's age, so a run lasts at most a tenth longer than its longest job."""
TOLERANCE_SECONDS = 0.001
"""A timer may end this much before its time; that counts as at its time."""
MOST_BUSY_SECONDS = 15.0
"""Longest wait before asking again for a place that another run's job holds; the first is a second."""
WAKE_GAP_SECONDS = 5.0
"""Between two polls of one job that the vendor's calls ask for: repeated calls cost little."""
MOST_WAKES = 20
"""Such polls of one job in all: forged calls cost little. After them it is polled by its schedule alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """Exponential with jitter, capped.

    Attributes:
        interval: First wait, seconds.
        max_interval: Longest wait, seconds.
        deadline: Longest time from submission (or, for a resumed job, from the first poll), seconds.
    """

    interval: float
    max_interval: float
    deadline: float

    def wait(self, polls: int, waited: float, asked: float | None = None) -> float:
        """Return the seconds until the next poll, never past the deadline.

        Args:
            polls: Polls so far.
            waited: Seconds of the deadline already used.
            asked: Seconds that the vendor asked to wait; honoured even past our own cap.
        """
        grown = min(self.max_interval, self.interval * GROWTH ** min(polls, 200))
        jittered = max(grown * random.uniform(0.85, 1.0), asked or 0.0)
        left = self.deadline - waited
        return min(jittered, left) if left > 0 else jittered

    def is_over(self, waited: float) -> bool:
        """Return whether the deadline has come after `waited` seconds."""
        return waited >= self.deadline - TOLERANCE_SECONDS


def busy_wait(asked: int) -> float:
    """Return the seconds until a place is asked for again: longer each time, so that hundreds of runs on one
    account ask seldom.
    """
    return min(MOST_BUSY_SECONDS, 2.0 ** min(asked - 1, 16)) * random.uniform(0.6, 1.0)


@dataclass(slots=True)
class Wakes:
    """When a job is polled sooner because its vendor called.

    A call that comes within the gap is not lost: the job is polled at its end, once for all of them.

    Attributes:
        due: When a poll is due that a call asked for (monotonic); None if none is.
        last: When the last such poll began.
        count: How many were asked for.
    """

    due: float | None = None
    last: float = -math.inf
    count: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def restart(self) -> None:
        """The job starts, or starts again: the first call counts at once."""
        self.last = -math.inf

    def ask(self, now: float) -> bool:
        """Ask for a poll. Returns False if one is due already, or too many were asked for."""
        if self.due is not None or self.count >= MOST_WAKES:
            return False
        self.count += 1
        self.due = max(now, self.last + WAKE_GAP_SECONDS)
        self._changed.set()
        return True

    async def sleep(self, seconds: float, monotonic: Callable[[], float]) -> None:
        """Wait until the next poll: so many seconds, or less if a call asks for it."""
        end = monotonic() + seconds
        while (left := min(end, end if self.due is None else self.due) - monotonic()) > TOLERANCE_SECONDS:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        if self.due is not None:
            self.due, self.last = None, monotonic()
