"""How often a job that is not ready is asked for, and how long at all."""

from __future__ import annotations

import random
from dataclasses import dataclass

GROWTH = 1.1
"""A wait is about a tenth of the job's age, so a run lasts at most a tenth longer than its longest job."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WakePolicy:
    """How often the vendor's calls may have a job polled: forged and repeated ones cost little.

    A call that comes within the gap is not lost: the job is polled at its end, once for all of them.

    Attributes:
        gap: Seconds between two such polls of one job.
        most: Such polls of one job in all; after them it is polled by its schedule alone.
    """

    gap: float = 5.0
    most: int = 20
