"""The coroutines of all tasks of a run, in the engine's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tap_reports.jobs.task import Event, Stage, Task

if TYPE_CHECKING:
    from tap_reports.jobs.context import RunContext
    from tap_reports.jobs.worker import VendorWorker

LAST_ANSWER_SECONDS = 6.0
"""How long a stopping run waits for submissions that are on their way: their ids are not to be lost. Whoever
stops it mostly kills it after 10.
"""
NOT_ANSWERED = "a submission was not answered before the run ended; the vendor may have accepted it"


class Signal(Enum):
    """Events without a task."""

    STOP = auto()
    ENDED = auto()


class RunningTasks:
    """Starts, abandons and ends them.

    Args:
        context: What all vendors share.
        workers: By vendor.
    """

    def __init__(self, context: RunContext, workers: Mapping[str, VendorWorker]) -> None:
        self._context = context
        self._workers = workers
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._running: dict[Task, asyncio.Task[None]] = {}

    async def work(self) -> None:
        """Hold the coroutines of all tasks until the run ends."""
        async with asyncio.TaskGroup() as self._group:
            await self._ended.wait()
        self._context.loop.post(Signal.ENDED)

    def begin(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Start a task's coroutine; `known` is the state's pending job of it, if any."""
        if self._context.is_ending:
            return
        if self._group is None:  # `work` takes its first step after this
            asyncio.get_running_loop().call_soon(self.begin, task, known)
        else:
            worker = self._workers[task.request.vendor]
            coroutine = self._running[task] = self._group.create_task(worker.run(task, known))
            coroutine.add_done_callback(lambda _: self._running.pop(task, None))

    def abandon(self, task: Task) -> None:
        """Submit nothing more for a task. A submission on its way is still to be noted."""
        task.is_cancelled = True
        if task not in self._context.unsettled:
            task.timeline.enter(Stage.ABANDONED)
            if coroutine := self._running.get(task):
                coroutine.cancel()

    async def end(self) -> None:
        """Cancel all coroutines; those whose submission is on its way when it has been answered."""
        unsettled = self._context.unsettled
        for task, coroutine in list(self._running.items()):
            if task not in unsettled:
                coroutine.cancel()
        if last := [coroutine for task, coroutine in self._running.items() if task in unsettled]:
            await asyncio.wait(last, timeout=LAST_ANSWER_SECONDS)
        for task, coroutine in list(self._running.items()):
            if task.stage is Stage.SUBMITTING:
                task.log(Event.UNANSWERED, NOT_ANSWERED, level=logging.WARNING)
            coroutine.cancel()
        self._ended.set()
