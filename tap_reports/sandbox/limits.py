"""Limits on calls: of a rolling time, of a day."""

from __future__ import annotations

from collections import deque

from tap_reports.sandbox.options import Time


class RollingLimit:
    """At most so many calls in a rolling time."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._times: deque[float] = deque()

    def left(self, now: float) -> int:
        """Return how many calls are left."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        return self.limit - len(self._times)

    def take(self, now: float) -> bool:
        """Count a call if there is room for it."""
        if self.left(now) <= 0:
            return False
        self._times.append(now)
        return True

    def reset_in(self, now: float) -> float:
        """Return the seconds until there is room again."""
        return max(0.0, self._times[0] + self.seconds - now) if self._times else 0.0

    def clear(self) -> None:
        """Forget all calls."""
        self._times.clear()


class DayQuota:
    """At most so many calls a UTC day."""

    def __init__(self, limit: int, time: Time) -> None:
        self.limit = limit
        self._time = time
        self._day = time.today()
        self._used = 0

    @property
    def left(self) -> int:
        """Calls left today."""
        if self._time.today() != self._day:
            self._day, self._used = self._time.today(), 0
        return self.limit - self._used

    def take(self) -> bool:
        """Count a call if there is room for it."""
        if self.left <= 0:
            return False
        self._used += 1
        return True

    def clear(self) -> None:
        """Forget all calls."""
        self._used = 0
