"""Time as an argument, so that tests never sleep."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Protocol

from tap_reports.exceptions import Stopped


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> dt.datetime:
        """Return the time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> dt.datetime:
        """Return the time, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        time.sleep(seconds)


class StoppableClock:
    """A clock whose sleepers wake up, with `Stopped`, when the run is to end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stop = threading.Event()
        self.now = clock.now
        self.monotonic = clock.monotonic

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, or raise Stopped when the run is to end."""
        if self._stop.is_set() or self._stop.wait(seconds):
            raise Stopped("the run is to end")

    def stop(self) -> None:
        """Wake all sleepers."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """True once the run is to end."""
        return self._stop.is_set()
