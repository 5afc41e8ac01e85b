"""A delay queue with its own threads: actions run when they are due, in order of due time.

Without threads (`workers=0`) the caller runs them itself, and waiting is the clock's business: that is how
tests run the whole engine on a clock of their own.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped

if TYPE_CHECKING:
    from tap_reports.clock import Clock

logger = logging.getLogger("tap-reports.jobs")

Action = Callable[[], None]


class Agenda:
    """Actions with due times.

    Args:
        name: For its threads' names.
        workers: How many threads; 0: `run_next` is called instead.
        clock: The time.
    """

    def __init__(self, name: str, workers: int, clock: Clock) -> None:
        self._name = name
        self._workers = workers
        self._clock = clock
        self._due: list[tuple[float, int, Action]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def add(self, action: Action, delay: float = 0.0) -> None:
        """Run `action` in `delay` seconds, or as soon as a thread is free after that."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (self._clock.monotonic() + delay, next(self._count), action))
            if len(self._threads) < self._workers:
                # Started one by one: a run with two jobs needs no eight threads.
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def run_next(self) -> bool:
        """Wait until the next action is due and run it here. Returns False if there is none."""
        with self._changed:
            if not self._due:
                return False
            due, _, action = heapq.heappop(self._due)
        self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        action()
        return True

    def close(self) -> None:
        """Drop everything that is not running yet; the threads end."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while action := self._take():
            try:
                action()
            except Stopped:
                return
            except Exception:  # an action reports its own errors; this one is a defect, and must be seen
                logger.exception("Unexpected error in %s", self._name)

    def _take(self) -> Action | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - self._clock.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
