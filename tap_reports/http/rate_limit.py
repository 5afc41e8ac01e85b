"""Keeps an account's calls below its vendor's limit, and slows down by the vendor's rate limit headers."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tap_reports.exceptions import LONG_WAIT_SECONDS
from tap_reports.http.responses import rate_left

if TYPE_CHECKING:
    from tap_reports.clock import Clock

logger = logging.getLogger("tap-reports.http")

SPREAD_FROM_SECONDS = 600.0
"""A window this long is not used up at once: the second half of its calls is spread over the rest of it."""
MAX_RESET_SECONDS = 3600.0


class RateLimiter:
    """Waits until one more call is allowed. Thread-safe; one thread waits at a time.

    Args:
        limit: Maximum number of calls within any `seconds`, at least 1.
        seconds: The window.
        clock: The time.
    """

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._turn = threading.Lock()
        self._sent: deque[float] = deque()
        self._not_before = 0.0

    def wait(self) -> None:
        """Wait for this call's turn, and count it."""
        with self._turn:
            while (seconds := self._wait()) > 0:
                if seconds >= LONG_WAIT_SECONDS:
                    logger.info(
                        "Few calls of the account's limit are left: the next one goes in %.0f s.", seconds
                    )
                self._clock.sleep(seconds)
            self._sent.append(self._clock.monotonic())

    def apply_headers(self, headers: Mapping[str, str]) -> None:
        """Slow down by an answer's rate limit headers: other programs may use the account too."""
        left = rate_left(headers, self._clock.now())
        if left is None or left.remaining is None or left.reset_seconds is None:
            return
        limit = left.limit or self._limit
        if left.remaining * 2 <= limit:
            pause = min(left.reset_seconds, MAX_RESET_SECONDS) / max(1, left.remaining)
            self._not_before = max(self._not_before, self._clock.monotonic() + pause)

    def _wait(self) -> float:
        """Return the seconds until the next call may go, 0 if it may now."""
        now = self._clock.monotonic()
        while self._sent and self._sent[0] <= now - self._seconds:
            self._sent.popleft()
        used = len(self._sent)
        at = self._not_before
        if used >= self._limit:
            at = max(at, self._sent[used - self._limit] + self._seconds)
        elif self._seconds >= SPREAD_FROM_SECONDS and used * 2 >= self._limit:
            ends = self._sent[0] + self._seconds
            at = max(at, self._sent[-1] + (ends - self._sent[-1]) / (self._limit - used))
        return max(0.0, at - now)
