"""All jobs of all streams at once, as the main thread sees them: start, wait, release, close.

The engine's loop submits, polls and downloads; it never writes messages. What the main thread must know comes
as an event: a job to name in the state (it is polled only after that), a task that is over, a signal to stop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import Stopped
from tap_reports.jobs.context import Checkpoint, Over, RunContext
from tap_reports.jobs.task import Event, Stage, Task, Timeline

if TYPE_CHECKING:
    from tap_reports.jobs.worker import VendorWorker
    from tap_reports.models import ReportRequest

logger = logging.getLogger("tap-reports.jobs")

HEARTBEAT_SECONDS = 60.0
LAST_ANSWER_SECONDS = 6.0
"""How long a stopping run waits for submissions that are on their way: their ids are not to be lost. Whoever
stops it mostly kills it after 10.
"""


WriteState = Callable[[bool], float]
"""Writes the state if it is due, or in any case. Returns the seconds until it is; 0 if all is written."""


class Signal(Enum):
    """Events without a task."""

    STOP = auto()
    ENDED = auto()


class Runner:
    """The engine of one run.

    Args:
        context: What all vendors share.
        stop: Ends the run for all threads; called once.
        on_submitted: Called in the main thread for each task, to name its job in the state.
        write_state: Called then. The job is polled when it has returned 0.
        on_over: Called in the main thread for each task that is over.
    """

    def __init__(
        self,
        context: RunContext,
        *,
        stop: Callable[[], None],
        on_submitted: Callable[[Task], None],
        write_state: WriteState,
        on_over: Callable[[Task], None] = lambda _task: None,
    ) -> None:
        self.workers: dict[str, VendorWorker] = {}
        self.tasks: dict[str, Task] = {}
        self._context = context
        self._loop = context.loop
        self._stop = stop
        self._on_submitted = on_submitted
        self._write_state = write_state
        self._on_over = on_over
        self._unnamed: list[asyncio.Future[None]] = []
        self._orders = itertools.count()
        self._beat = context.clock.monotonic()
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._lives: dict[Task, asyncio.Task[None]] = {}
        self._loop.start(self._work())

    # --- for the main thread ----------------------------------------------------------------------------

    def start(self, stream: str, request: ReportRequest, known: Mapping[str, Any] | None = None) -> Task:
        """Start a request on its way, or join the task that is already on the way to the same job.

        Args:
            stream: Who wants it.
            request: What is wanted.
            known: The state's pending job of this request, if any.
        """
        key = request.key
        task = self.tasks.get(key)
        if task and (task.stage is Stage.ABANDONED or (task.stage is Stage.DONE and task.files)):
            task = None
        if task is None:
            timeline = Timeline(self._context.clock.monotonic)
            task = Task(request, next(self._orders), frozenset({stream}), timeline=timeline)
            self.tasks[key] = task
            self._loop.soon(self._begin, task, known)
        else:
            task.streams |= {stream}
            if task.job and task.stage is not Stage.SUBMITTING:
                self._on_submitted(task)
        return task

    def wait(self, tasks: Iterable[Task]) -> None:
        """Return when the tasks are over.

        Raises:
            Stopped: The run is to end.
        """
        wanted = list(tasks)
        self.wait_until(lambda: all(task.is_over for task in wanted), wanted)

    def wait_until(self, is_so: Callable[[], bool], tasks: Iterable[Task]) -> None:
        """Return when something is so that depends on what the tasks of this run have come to.

        Args:
            is_so: Asked again after each event.
            tasks: Whose files are wanted next: they are downloaded however much lies on the disk.

        Raises:
            Stopped: The run is to end.
        """
        self._context.disk.need({task.request.key for task in tasks})
        self._loop.soon(self._context.room.set)
        self.drain()
        while not is_so():
            self._handle(self._next_event())

    def drain(self) -> None:
        """Handle what has happened, without waiting.

        Raises:
            Stopped: The run is to end.
        """
        while True:
            try:
                event = self._loop.next_event(0)
            except queue.Empty:
                break
            self._handle(event)
        self._checkpoint(now=False)

    def release(self, task: Task, stream: str) -> None:
        """Note that a stream has no more use for a task; its files go when nobody has."""
        task.streams -= {stream}
        if task.streams or task.stage is not Stage.READY:
            return
        task.timeline.enter(Stage.DONE)
        for file in task.files:
            file.path.unlink(missing_ok=True)
        self._context.disk.remove(task.request.key)
        self._loop.soon(self._context.room.set)

    def abandon(self, stream: str) -> None:
        """Submit nothing more for a stream that has failed; its running jobs are left to be resumed."""
        for task in self.tasks.values():
            if stream in task.streams and task.stage is Stage.READY:
                self.release(task, stream)
            elif task.streams == {stream} and task.job is None and not task.is_over:
                self._loop.call(partial(self._abandon, task))

    def wake(self, task: Task) -> bool:
        """Poll a task's job soon, as its vendor called. Returns False if that changes nothing."""
        try:
            return self._loop.call(lambda: self.workers[task.request.vendor].wake(task))
        except RuntimeError:  # the loop has ended
            return False

    def stop(self) -> None:
        """End the run; nothing more is submitted. Safe in any thread and in a signal handler."""
        self._context.is_ending = True
        self._loop.post(Signal.STOP)

    def close(self) -> None:
        """End all work. Submissions on their way get a moment to be answered, so that no id is lost.

        Raises:
            OSError: A job could not be named in the state, since the output can't be written. All has ended
                then as well, and the ledger has the job.
        """
        self._context.is_ending = True
        self._loop.start(self._end())
        event, failed = None, None
        try:
            while event is not Signal.ENDED:
                try:
                    event = self._next_event(now=True)
                except OSError as error:
                    event, failed = None, failed or error
                if isinstance(event, Checkpoint):
                    self._name(event)
        finally:
            self._stop()
            self._loop.close()
        if failed:
            raise failed

    def _next_event(self, *, now: bool = False) -> Any:
        """Return what happens next. Jobs that are to be named are named before anything is waited for."""
        seconds = 0.0
        while True:
            try:
                return self._loop.next_event(seconds)
            except queue.Empty:
                if seconds and not self._unnamed:
                    self._heartbeat()
                seconds = self._checkpoint(now=now) or HEARTBEAT_SECONDS

    def _handle(self, event: Any) -> None:
        match event:
            case Signal.STOP:
                raise Stopped("the run is to end")
            case Checkpoint():
                self._name(event)
            case Over(task):
                self._on_over(task)
        if self._context.clock.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._heartbeat()

    def _name(self, checkpoint: Checkpoint) -> None:
        self._unnamed.append(checkpoint.named)
        self._on_submitted(checkpoint.task)

    def _checkpoint(self, *, now: bool) -> float:
        """Write the state, which names the jobs of `_unnamed`, and let them be polled.

        Where it can't be written that is not tried again: nobody waits for it. Returns the seconds until it
        is due, 0 if it is written.
        """
        seconds = 0.0
        try:
            if self._unnamed:
                seconds = self._write_state(now)
        finally:
            if not seconds:
                for named in self._unnamed:
                    self._loop.soon(_set, named)
                self._unnamed.clear()
        return seconds

    def _heartbeat(self) -> None:
        """Say once a minute that the run is alive, and what it waits for."""
        self._beat = self._context.clock.monotonic()
        if text := waited_for(self.tasks.values()):
            logger.info("waiting: %s", text)

    # --- in the loop ------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Hold the coroutines of all tasks until the run ends."""
        async with asyncio.TaskGroup() as self._group:
            await self._ended.wait()
        self._loop.post(Signal.ENDED)

    def _begin(self, task: Task, known: Mapping[str, Any] | None) -> None:
        if self._context.is_ending:
            return
        if self._group is None:  # `_work` takes its first step after this
            asyncio.get_running_loop().call_soon(self._begin, task, known)
        else:
            worker = self.workers[task.request.vendor]
            life = self._lives[task] = self._group.create_task(worker.run(task, known))
            life.add_done_callback(lambda _: self._lives.pop(task, None))

    def _abandon(self, task: Task) -> None:
        """Submit nothing more for a task. A submission on its way is still to be noted."""
        task.is_unwanted = True
        if task not in self._context.unsettled:
            task.timeline.enter(Stage.ABANDONED)
            if life := self._lives.get(task):
                life.cancel()

    async def _end(self) -> None:
        """Cancel all coroutines; those whose submission is on its way when it has been answered."""
        unsettled = self._context.unsettled
        for task, life in list(self._lives.items()):
            if task not in unsettled:
                life.cancel()
        if last := [life for task, life in self._lives.items() if task in unsettled]:
            await asyncio.wait(last, timeout=LAST_ANSWER_SECONDS)
        for task, life in list(self._lives.items()):
            if task.stage is Stage.SUBMITTING:
                task.log(Event.UNANSWERED, NOT_ANSWERED, level=logging.WARNING)
            life.cancel()
        self._ended.set()


NOT_ANSWERED = "a submission was not answered before the run ended; the vendor may have accepted it"


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def waited_for(tasks: Iterable[Task]) -> str:
    """Return what is waited for, and the oldest of it: `3 running, 1 waiting; oldest: ... for 12 min`."""
    open_ = [task for task in tasks if not task.is_over]
    if not open_:
        return ""
    counts = Counter(task.stage for task in open_)
    oldest = min(open_, key=lambda task: task.timeline.entered[Stage.WAITING])
    job = f" job {oldest.job_id}" if oldest.job_id else ""
    what = f"{oldest.stream} {oldest.request.slice or ''}".strip()
    return (
        f"{', '.join(f'{counts[stage]} {stage}' for stage in Stage if counts[stage])}; "
        f"oldest: {what}{job}, {oldest.stage} for {oldest.timeline.seconds():.0f} s"
    )
