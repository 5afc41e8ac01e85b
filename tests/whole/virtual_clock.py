"""The engine on a virtual clock: waiting takes no time, and calls are made one after the other."""

from __future__ import annotations

import asyncio
import datetime as dt
import queue
import selectors
from collections import deque
from functools import cached_property

from tap_reports.jobs.event_loop import EngineLoop

MAX_IDLE_WAITS = 10_000
"""Waits for an event in a row, after which the engine counts as stuck."""


class FakeClock:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self._start = dt.datetime.now(dt.UTC)
        self.seconds = 0.0
        self.jump = dt.timedelta(0)

    def now(self) -> dt.datetime:
        return self._start + dt.timedelta(seconds=self.seconds) + self.jump

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class _Jump(selectors.DefaultSelector):
    """Where the loop would wait, its clock jumps to the next timer."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("the engine waits for nothing")
        self.clock.sleep(max(0.0, timeout))
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(_Jump(clock))
        self.time = clock.monotonic


class _Here:
    """Makes calls at once, in the loop."""

    async def run(self, call):
        return call()

    def close(self) -> None:
        pass


class VirtualLoop(EngineLoop):
    """Runs in the main thread, while that waits for an event."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._posted = deque()
        self._waiter = None
        self._tasks = []
        self._idle = 0

    @cached_property
    def _loop(self):  # a run that never starts has none to close
        return _Loop(self._clock)

    def threads(self, name, count):
        return _Here()

    def start(self, coroutine):
        self._tasks.append(self._loop.create_task(coroutine))

    def call(self, function):
        return function()

    def soon(self, function, *values):
        self._loop.call_soon(function, *values)

    def at(self, seconds, function):
        """Call a function in so many seconds."""
        self._loop.call_later(seconds, function)

    def post(self, event):
        self._posted.append(event)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def next_event(self, seconds):
        if not self._posted and seconds:
            self._loop.run_until_complete(self._wait(seconds))
        if self._posted:
            self._idle = 0
            return self._posted.popleft()
        self._idle += bool(seconds)
        assert self._idle < MAX_IDLE_WAITS, "the engine waits for nothing"
        raise queue.Empty

    async def _wait(self, seconds):
        self._waiter = self._loop.create_future()
        if self._posted:
            return
        await asyncio.wait([self._waiter], timeout=seconds)

    def close(self):
        self._loop.close()
