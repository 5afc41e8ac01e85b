"""All jobs of all streams at once, as the main thread sees them: start, wait, release, close.

The engine's loop submits, polls and downloads; it never writes messages. What the main thread must know comes
as an event: a job to checkpoint in the state (it is polled only after that), a finished task, a request to
stop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import Stopped
from tap_reports.jobs.context import Checkpoint, EngineContext, TaskDone
from tap_reports.jobs.event_loop import Control, TaskCoroutines
from tap_reports.jobs.task import Stage, Task, Timeline, waiting_summary

if TYPE_CHECKING:
    from tap_reports.jobs.worker import VendorWorker
    from tap_reports.models import ReportRequest

logger = logging.getLogger("tap-reports.jobs")

HEARTBEAT_SECONDS = 60.0
WriteState = Callable[[bool], float]
"""Writes the state: now if True, else only if it is due. Returns the seconds until it is due, or 0."""


class Engine:
    """The engine of one run.

    Args:
        context: What all vendors share.
        stop: Stops all threads of the run; called once.
        on_submitted: Called in the main thread for each task that has a job, to add the job to the state.
        write_state: Called after that. The job is polled once this has returned 0.
        on_over: Called in the main thread for each finished task.
    """

    def __init__(
        self,
        context: EngineContext,
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
        self._unwritten: list[asyncio.Future[None]] = []
        """Of jobs that are not in the written state yet."""
        self._on_over = on_over
        self._orders = itertools.count()
        self._last_heartbeat = context.clock.monotonic()
        self._coroutines = TaskCoroutines(context, self.workers)
        self._loop.start(self._coroutines.hold())

    def start(self, stream: str, request: ReportRequest, known: Mapping[str, Any] | None = None) -> Task:
        """Start a task for a request, or share the one that has the same job.

        Args:
            stream: The stream that needs it.
            request: What to request.
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
            self._loop.soon(self._coroutines.start, task, known)
        else:
            task.streams |= {stream}
            if task.job and task.stage is not Stage.SUBMITTING:
                self._on_submitted(task)
        return task

    def wait(self, tasks: Iterable[Task]) -> None:
        """Return when the tasks are finished.

        Raises:
            Stopped: The run is stopping.
        """
        wanted = list(tasks)
        self.wait_until(lambda: all(task.is_over for task in wanted), wanted)

    def wait_until(self, is_met: Callable[[], bool], tasks: Iterable[Task]) -> None:
        """Return when a condition holds that depends on this run's tasks.

        Args:
            is_met: The condition, checked again after each event.
            tasks: Those whose files are read next: they are downloaded even over the limit of disk space.

        Raises:
            Stopped: The run is stopping.
        """
        self._context.disk.need({task.request.key for task in tasks})
        self._loop.soon(self._context.disk_space_changed.set)
        self.drain()
        while not is_met():
            self._handle(self._next_event())

    def drain(self) -> None:
        """Handle what has happened, without waiting.

        Raises:
            Stopped: The run is stopping.
        """
        while True:
            try:
                event = self._loop.next_event(0)
            except queue.Empty:
                break
            self._handle(event)
        self._write_checkpoints(now=False)

    def release(self, task: Task, stream: str) -> None:
        """Note that a stream no longer needs a task; its files are removed when no stream does."""
        task.streams -= {stream}
        if task.streams or task.stage is not Stage.READY:
            return
        task.timeline.enter(Stage.DONE)
        for file in task.files:
            file.path.unlink(missing_ok=True)
        self._context.disk.remove(task.request.key)
        self._loop.soon(self._context.disk_space_changed.set)

    def abandon(self, stream: str) -> None:
        """Submit nothing more for a stream that has failed. The next run resumes its running jobs."""
        for task in self.tasks.values():
            if stream in task.streams and task.stage is Stage.READY:
                self.release(task, stream)
            elif task.streams == {stream} and task.job is None and not task.is_over:
                self._loop.call(partial(self._coroutines.abandon, task))

    def wake(self, task: Task) -> bool:
        """Poll a task's job soon, because its vendor called. Returns False if that changes nothing."""
        try:
            return self._loop.call(lambda: self.workers[task.request.vendor].wake(task))
        except RuntimeError:  # the loop has ended
            return False

    def stop(self) -> None:
        """End the run; nothing more is submitted. Safe in any thread and in a signal handler."""
        self._context.is_stopping = True
        self._loop.post(Control.STOP)

    def close(self) -> None:
        """End all work. Submissions that were sent get a moment to be answered, so that no job id is lost.

        Raises:
            OSError: A job could not be checkpointed, because the output can't be written. All work has ended
                then as well, and the ledger has the job.
        """
        self._context.is_stopping = True
        self._loop.start(self._coroutines.end())
        event, failed = None, None
        try:
            while event is not Control.ENDED:
                try:
                    event = self._next_event(now=True)
                except OSError as error:
                    event, failed = None, failed or error
                if isinstance(event, Checkpoint):
                    self._add_to_state(event)
        finally:
            self._stop()
            self._loop.close()
        if failed:
            raise failed

    def _next_event(self, *, now: bool = False) -> Any:
        """Return the next event. Checkpoints are written before it is waited for."""
        seconds = 0.0
        while True:
            try:
                return self._loop.next_event(seconds)
            except queue.Empty:
                if seconds and not self._unwritten:
                    self._heartbeat()
                seconds = self._write_checkpoints(now=now) or HEARTBEAT_SECONDS

    def _handle(self, event: Any) -> None:
        match event:
            case Control.STOP:
                raise Stopped
            case Checkpoint():
                self._add_to_state(event)
            case TaskDone(task):
                self._on_over(task)
        if self._context.clock.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._heartbeat()

    def _add_to_state(self, checkpoint: Checkpoint) -> None:
        """Add a job to the next state that is written."""
        self._unwritten.append(checkpoint.written)
        self._on_submitted(checkpoint.task)

    def _write_checkpoints(self, *, now: bool) -> float:
        """Write the state if jobs wait for that, and let them be polled.

        A write that fails is not repeated: the run ends. Returns the seconds until it is due, 0 if it is
        written.
        """
        seconds = 0.0
        try:
            if self._unwritten:
                seconds = self._write_state(now)
        finally:
            if not seconds:
                for written in self._unwritten:
                    self._loop.soon(_set, written)
                self._unwritten.clear()
        return seconds

    def _heartbeat(self) -> None:
        """Log once a minute what the run waits for."""
        self._last_heartbeat = self._context.clock.monotonic()
        if text := waiting_summary(self.tasks.values()):
            logger.info("waiting: %s", text)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
