"""Clocks. Time is an argument, so that tests do not sleep."""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from tap_reports.exceptions import Stopped

TOLERANCE_SECONDS = 0.001
"""A timer may fire this much early; that counts as on time."""


class Clock(Protocol):
    """Tells the time, and sleeps."""

    def now(self) -> dt.datetime:
        """Return the time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` seconds."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> dt.datetime:
        """Return the time, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` seconds."""
        time.sleep(seconds)


class StoppableClock:
    """A clock whose `sleep` raises `Stopped` when the run is stopping."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stop = threading.Event()
        self.now = clock.now
        self.monotonic = clock.monotonic

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` seconds, or raise Stopped when the run is stopping."""
        if self._stop.is_set() or self._stop.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Make all calls of `sleep` raise Stopped."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """True once the run is stopping."""
        return self._stop.is_set()


class Timers:
    """Calls functions at their time, all in one thread: a `threading.Timer` for each API call would cost more
    than the call. The functions must not wait. Usable in all threads and in signal handlers.
    """

    def __init__(self) -> None:
        self._due: list[list[Any]] = []
        """A heap of [time, unique number, function]; the function is None once the timer is cancelled."""
        self._numbers = itertools.count()
        self._sooner = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, seconds: float, function: Callable[[], object]) -> Callable[[], None]:
        """Call a function after `seconds` seconds. Returns a function that cancels that."""
        timer = [time.monotonic() + seconds, next(self._numbers), function]
        with self._sooner:
            heapq.heappush(self._due, timer)
            if self._thread is None or not self._thread.is_alive():  # as after a fork
                self._thread = threading.Thread(target=self._work, name="timers", daemon=True)
                self._thread.start()
            elif self._due[0] is timer:
                self._sooner.notify()

        def cancel() -> None:
            timer[2] = None

        return cancel

    def _work(self) -> None:
        while True:
            function = self._next()
            with contextlib.suppress(Exception):  # a function that fails must not stop the others
                function()

    def _next(self) -> Callable[[], object]:
        with self._sooner:
            while True:
                while self._due and self._due[0][2] is None:
                    heapq.heappop(self._due)
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    function: Callable[[], object] = heapq.heappop(self._due)[2]
                    return function
                self._sooner.wait(left)


TIMERS = Timers()
