"""Limits on calls: of a rolling time, of a day."""

from __future__ import annotations

from collections import deque

from tap_reports.sandbox.options import Time


class RollingLimit:
    """At most so many calls in a rolling time."""

    def __init__(self, limit: int, seconds: float, time: Time) -> None:
        self.limit, self._seconds, self._time = limit, seconds, time
        self._times: deque[float] = deque()

    @property
    def left(self) -> int:
        """Calls left."""
        while self._times and self._times[0] <= self._time.monotonic() - self._seconds:
            self._times.popleft()
        return self.limit - len(self._times)

    def take(self) -> bool:
        """Count a call if there is room for it."""
        is_free = self.left > 0
        if is_free:
            self._times.append(self._time.monotonic())
        return is_free

    @property
    def reset_in(self) -> float:
        """Seconds until there is room again."""
        return max(0.0, self._times[0] + self._seconds - self._time.monotonic()) if self._times else 0.0

    @property
    def retry_after(self) -> dict[str, str]:
        """The header of a refusal."""
        return {"Retry-After": str(max(1, round(self.reset_in)))}

    def clear(self) -> None:
        """Forget all calls."""
        self._times.clear()


class DayQuota:
    """At most so many calls a UTC day."""

    def __init__(self, limit: int, time: Time) -> None:
        self.limit, self._time = limit, time
        self._day, self._used = time.today(), 0

    def take(self) -> bool:
        """Count a call if there is room for it."""
        if self._time.today() != self._day:
            self._day, self._used = self._time.today(), 0
        is_free = self._used < self.limit
        self._used += is_free
        return is_free

    def clear(self) -> None:
        """Forget all calls."""
        self._used = 0
