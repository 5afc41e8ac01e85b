"""Spreads the calls of one account over time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_reports.clock import Clock


class Pace:
    """Waits until one more call fits into the last minute. For many threads; whoever comes first goes first.

    Args:
        per_minute: Most calls in any minute, at least 1.
        clock: The time.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        from pyrate_limiter import Duration, InMemoryBucket, Rate

        self._clock = clock
        self._lock = threading.Lock()
        # The bucket alone: a Limiter would sleep on its own clock and start a thread to tidy up.
        self._bucket = InMemoryBucket([Rate(per_minute, Duration.MINUTE)])

    def __call__(self) -> None:
        """Wait for this call's turn."""
        with self._lock:
            while wait := self._milliseconds_left():
                self._clock.sleep(wait / 1000)

    def _milliseconds_left(self) -> int:
        """Return 0 if the call may go (it is counted then), else how long to wait."""
        from pyrate_limiter import RateItem

        item = RateItem("call", int(self._clock.monotonic() * 1000))
        self._bucket.leak(item.timestamp)
        if self._bucket.put(item):
            return 0
        wait = self._bucket.waiting(item)
        return max(1, wait) if isinstance(wait, int) else 1
