"""All jobs of all streams at once: starts the lanes, hands finished tasks to the main thread in its order.

Worker threads submit, poll and download; they never write messages. What the main thread must know comes as
an event: a job to name in the state (polling starts only after that), a task that is over, a signal to stop.
"""

from __future__ import annotations

import itertools
import logging
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import Stopped
from tap_reports.jobs.task import Stage, Task

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.downloads.fetch_file import DiskBudget
    from tap_reports.jobs.scheduler import Agenda
    from tap_reports.jobs.worker import Lane
    from tap_reports.models import ReportRequest

logger = logging.getLogger("tap-reports.jobs")

HEARTBEAT_SECONDS = 60.0
LAST_WORDS_SECONDS = 10.0
"""How long a stopping run waits for submissions that are on the way, so that their ids are not lost."""
LAST_WORDS_LOOK_SECONDS = 0.02
"""Between two looks whether one is still on the way."""


class Runner:
    """The engine of one run.

    Args:
        clock: The time.
        stop: Ends the run for all threads; called once.
        on_submitted: Called in the main thread for each task whose job the state must name.
        on_over: Called in the main thread for each task that is over.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        disk: DiskBudget,
        stop: Callable[[], None],
        on_submitted: Callable[[Task], None],
        on_over: Callable[[Task], None] = lambda _task: None,
        inline: Agenda | None = None,
    ) -> None:
        self.lanes: dict[str, Lane] = {}
        self.tasks: dict[str, Task] = {}
        self._clock = clock
        self._disk = disk
        self._stop = stop
        self._on_submitted = on_submitted
        self._on_over = on_over
        self._inline = inline
        self._agendas: list[Agenda] = []
        self._events: queue.SimpleQueue[tuple[str, Task | None]] = queue.SimpleQueue()
        self._orders = itertools.count()
        self.is_ending = False
        """Nothing more may be submitted."""
        self._beat = clock.monotonic()

    def post(self, event: str, task: Task | None) -> None:
        """Tell the main thread. Safe in any thread and in a signal handler."""
        self._events.put((event, task))

    def use(self, lane: Lane, *agendas: Agenda) -> None:
        """Add a vendor's lane."""
        self.lanes[lane.vendor.name] = lane
        self._agendas.extend(agendas)

    def start(self, stream: str, request: ReportRequest, known: Mapping[str, Any] | None = None) -> Task:
        """Start a request on its way, or join the task that is already on the way to the same job.

        Args:
            stream: Who wants it.
            request: What is wanted.
            known: The state's pending job of this request, if any.
        """
        task = self.tasks.get(request.key)
        if task and (task.stage is Stage.ABANDONED or (task.stage is Stage.DONE and task.files)):
            task = None
        if task is None:
            task = Task(
                request=request, order=next(self._orders), known=known, monotonic=self._clock.monotonic
            )
            task.streams.add(stream)
            self.tasks[request.key] = task
            self.lanes[request.vendor].begin(task)
        else:
            task.streams.add(stream)
            if task.announced and task.job:
                self._on_submitted(task)
        return task

    def wait(self, tasks: Iterable[Task]) -> None:
        """Return when the tasks are over.

        Raises:
            Stopped: The run is to end.
        """
        wanted = list(tasks)
        self._disk.need({task.request.key for task in wanted})
        self.drain()
        while not all(task.is_over for task in wanted):
            self._handle(*self._next_event())

    def drain(self) -> None:
        """Handle what has happened, without waiting.

        Raises:
            Stopped: The run is to end.
        """
        while True:
            try:
                event, task = self._events.get_nowait()
            except queue.Empty:
                return
            self._handle(event, task)

    def release(self, task: Task, stream: str) -> None:
        """Note that a stream has no more use for a task; its files go when nobody has."""
        task.streams.discard(stream)
        if task.streams or task.stage is not Stage.READY:
            return
        task.stage = Stage.DONE
        for file in task.files:
            file.path.unlink(missing_ok=True)
        self._disk.remove(task.request.key)

    def abandon(self, stream: str) -> None:
        """Submit nothing more for a stream that has failed; its running jobs are left to be resumed."""
        for task in self.tasks.values():
            if stream in task.streams and task.stage is Stage.READY:
                self.release(task, stream)
            elif task.streams == {stream} and task.job is None and not task.is_over:
                task.is_unwanted = True
                if task.stage is not Stage.SUBMITTING:  # that answer is still to be noted
                    task.stage = Stage.ABANDONED

    def close(self) -> None:
        """End all threads. Submissions on the way get a moment to be answered, so that no id is lost.

        Raises:
            OSError: A job could not be named in the state, since the output can't be written. All has ended
                then as well, and the ledger has the job.
        """
        self.is_ending = True
        for agenda in self._agendas:
            agenda.close()
        try:
            self._hear_last_words()
        finally:
            self._stop()

    def _hear_last_words(self) -> None:
        """Name the jobs of submissions that are still on the way. An output that can't be written does not
        end that: their answers are to be in the ledger.
        """
        trouble: OSError | None = None
        end = self._clock.monotonic() + LAST_WORDS_SECONDS
        while any(_has_news(task) for task in self.tasks.values()) and self._clock.monotonic() < end:
            try:
                event, task = self._events.get(timeout=LAST_WORDS_LOOK_SECONDS)
            except queue.Empty:
                continue
            if event == "submitted" and task:
                try:
                    self._name(task)
                except OSError as error:
                    trouble = trouble or error
        if trouble:
            raise trouble

    def _name(self, task: Task) -> None:
        """Have the state name a task's job."""
        try:
            self._on_submitted(task)
        finally:
            task.announced = (
                True  # also if it can't be written: it is not tried again, so nobody waits for it
            )

    def _next_event(self) -> tuple[str, Task | None]:
        while self._inline is not None and self._events.empty():
            if not self._inline.run_next():
                raise RuntimeError("waiting for tasks that nobody works on")
        while True:
            try:
                return self._events.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                self._heartbeat()

    def _handle(self, event: str, task: Task | None) -> None:
        if event == "stop":
            raise Stopped("the run is to end")
        if event == "submitted" and task:
            self._name(task)
            self.lanes[task.request.vendor].acknowledge(task)
        if event == "over" and task:
            self._on_over(task)
        if self._clock.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._heartbeat()

    def _heartbeat(self) -> None:
        """Say once a minute that the run is alive, and what it waits for."""
        self._beat = self._clock.monotonic()
        if text := waited_for(self.tasks.values()):
            logger.info("waiting: %s", text)


def _has_news(task: Task) -> bool:
    """Return whether the state does not yet name a task's job, or may be about to."""
    return task.stage is Stage.SUBMITTING or (task.stage is Stage.RUNNING and not task.announced)


def waited_for(tasks: Iterable[Task]) -> str:
    """Return what is waited for, and the oldest of it: `3 running, 1 waiting; oldest: ... for 12 min`."""
    open_ = [task for task in tasks if not task.is_over]
    if not open_:
        return ""
    counts = Counter(task.stage for task in open_)
    oldest = min(open_, key=lambda task: task.times[Stage.WAITING])
    job = f" job {oldest.job_id}" if oldest.job_id else ""
    what = f"{','.join(sorted(oldest.streams))} {oldest.request.slice or ''}".strip()
    return (
        f"{', '.join(f'{counts[stage]} {stage}' for stage in Stage if counts[stage])}; "
        f"oldest: {what}{job}, {oldest.stage} for {oldest.age:.0f} s"
    )
