"""The engine's event loop in a thread of its own, and threads for the calls that block.

Only the loop's thread changes a task. The main thread gets events from `next_event`; threads that call a
vendor return their result to the loop. They are daemons: one that hangs does not keep the program alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from tap_reports.jobs.task import Event, Stage, Task

if TYPE_CHECKING:
    from tap_reports.jobs.context import EngineContext
    from tap_reports.jobs.worker import VendorWorker

T = TypeVar("T")

CALL_THREADS = 8
"""For each vendor's calls."""
LAST_ANSWER_SECONDS = 6.0
"""How long a stopping run waits for the answers to its submissions, so that no job id is lost. Most
schedulers kill a process 10 seconds after they told it to stop.
"""
NOT_ANSWERED = "a submission was not answered before the run ended; the vendor may have accepted it"
Call = tuple["asyncio.Future[Any]", Callable[[], Any]]


class CallThreads:
    """Threads for blocking calls, started when they are needed.

    Args:
        loop: Where their results go.
        name: For the threads' names.
        count: Maximum of calls at the same time; others wait in order.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, count: int) -> None:
        self._loop = loop
        self._name = name
        self._count = count
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._started = 0
        self._open = 0

    async def run(self, call: Callable[[], T]) -> T:
        """Return what a call returns, or raise what it raises. A call that has begun can't be cancelled."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._open += 1
        self._calls.put((future, call))
        if self._started < min(self._open, self._count):
            name = f"{self._name}-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self._started += 1
        return await future

    def close(self) -> None:
        """End the threads once their calls have returned."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while work := self._calls.get():
            future, call = work
            result, error = None, None
            if not future.cancelled():
                try:
                    result = call()
                except BaseException as caught:  # also Stopped: it is raised where the call is awaited
                    error = caught
            with contextlib.suppress(RuntimeError):  # the loop has ended: the result is not needed
                self._loop.call_soon_threadsafe(self._settle, future, result, error)
            del work, future, call, result, error  # a waiting thread must not keep them alive

    def _settle(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._open -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


class EngineLoop:
    """An event loop that runs in its own thread from its first use until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: list[CallThreads] = []
        self._thread: threading.Thread | None = None

    def threads(self, name: str, count: int) -> CallThreads:
        """Return threads for blocking calls; they end with the loop."""
        made = CallThreads(self._loop, name, count)
        self._threads.append(made)
        return made

    # --- called by the main thread ----------------------------------------------------------------------

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the loop, between two steps of its coroutines, and return its result.

        Raises:
            RuntimeError: The loop has ended.
        """
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(function())
            except BaseException as error:
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return answer.result()

    def soon(self, function: Callable[..., object], *values: Any) -> None:
        """Run a function in the loop, without waiting for it."""
        self._loop.call_soon_threadsafe(function, *values)

    def next_event(self, seconds: float | None) -> Any:
        """Return the next event.

        Raises:
            queue.Empty: None came within `seconds`.
        """
        return self._events.get(timeout=seconds) if seconds else self._events.get_nowait()

    def close(self) -> None:
        """End the loop. Calls that hang are left to hang."""
        for threads in self._threads:
            threads.close()
        if self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    # --- called in any thread, and in signal handlers ---------------------------------------------------

    def post(self, event: Any) -> None:
        """Send an event to the main thread."""
        self._events.put(event)


class Control(Enum):
    """Events that concern the whole run."""

    STOP = auto()
    ENDED = auto()


class TaskCoroutines:
    """Starts, abandons and ends the coroutines of tasks, all in the loop.

    Args:
        context: What all vendors share.
        workers: By vendor.
    """

    def __init__(self, context: EngineContext, workers: Mapping[str, VendorWorker]) -> None:
        self._context = context
        self._workers = workers
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._running: dict[Task, asyncio.Task[None]] = {}

    async def hold(self) -> None:
        """Hold the coroutines of all tasks until the run ends."""
        async with asyncio.TaskGroup() as self._group:
            await self._ended.wait()
        self._context.loop.post(Control.ENDED)

    def start(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Start a task's coroutine; `known` is the state's pending job of it, if any."""
        if self._context.is_stopping:
            return
        if self._group is None:  # `hold` takes its first step after this
            asyncio.get_running_loop().call_soon(self.start, task, known)
        else:
            worker = self._workers[task.request.vendor]
            coroutine = self._running[task] = self._group.create_task(worker.run(task, known))
            coroutine.add_done_callback(lambda _: self._running.pop(task, None))

    def abandon(self, task: Task) -> None:
        """Submit nothing more for a task. A submission that was sent is recorded once it is answered."""
        task.is_cancelled = True
        if task not in self._context.unconfirmed:
            task.timeline.enter(Stage.ABANDONED)
            if coroutine := self._running.get(task):
                coroutine.cancel()

    async def end(self) -> None:
        """Cancel all coroutines. Those whose submission was sent first get time for its answer."""
        unconfirmed = self._context.unconfirmed
        for task, coroutine in list(self._running.items()):
            if task not in unconfirmed:
                coroutine.cancel()
        if last := [coroutine for task, coroutine in self._running.items() if task in unconfirmed]:
            await asyncio.wait(last, timeout=LAST_ANSWER_SECONDS)
        for task, coroutine in list(self._running.items()):
            if task.stage is Stage.SUBMITTING:
                task.log(Event.UNANSWERED, NOT_ANSWERED, level=logging.WARNING)
            coroutine.cancel()
        self._ended.set()
