"""One vendor's lane: takes each task from request to files, within that account's limits.

Every step is an action on the lane's agenda; it does one call, notes the outcome in the ledger, and puts the
next step on the agenda. The lane finds out what a task needs and sees it in and out; its stations do the
rest: submissions, polls, reruns, fetches. What a step may do again, and how often, is the law of the house:
re-polling is free, re-submitting is not.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallError, CallsFailed, Stopped, StreamError
from tap_reports.jobs.download import Fetches
from tap_reports.jobs.lookup import lookup
from tap_reports.jobs.poll import Polls
from tap_reports.jobs.rerun import Reruns
from tap_reports.jobs.submit import Submissions
from tap_reports.jobs.task import Action, Stage, Task
from tap_reports.models import JobStatus
from tap_reports.vendor import ClientContext, ReportClient, Vendor, VendorConfig

if TYPE_CHECKING:
    from tap_reports.http.api import RetryPolicy
    from tap_reports.jobs.context import Workshop
    from tap_reports.jobs.scheduler import Agenda
    from tap_reports.models import Quota, ReportJob

logger = logging.getLogger("tap-reports.jobs")


class Lane:
    """One vendor's tasks.

    Args:
        vendor, config, client: The vendor.
        tools: Its sessions, for downloads.
        policy: For broken calls.
        agenda: Where its steps run.
        shop: What all lanes share.
        poll_interval: Seconds between two polls of a job, where its vendor calls when it is done.
    """

    def __init__(
        self,
        vendor: Vendor,
        config: VendorConfig,
        client: ReportClient,
        *,
        tools: ClientContext,
        policy: RetryPolicy,
        agenda: Agenda,
        shop: Workshop,
        poll_interval: float | None = None,
    ) -> None:
        self.vendor = vendor
        self.config = config
        self.client = client
        self.policy = policy
        self.agenda = agenda
        self.shop = shop
        self.submissions = Submissions(self)
        self.polls = Polls(self, poll_interval)
        self.reruns = Reruns(self)
        self.fetches = Fetches(self, tools.api, tools.files)
        self._lock = threading.Lock()
        self._new: deque[Task] = deque()

    @property
    def quotas(self) -> list[Quota]:
        """The account's submission quotas."""
        return list(self.vendor.quotas(self.config))

    @property
    def credits_left(self) -> Decimal | None:
        """The account's credits, less what was submitted since the vendor was asked; None if it was not."""
        return self.submissions.credits.left

    @property
    def held_seconds(self) -> float:
        """How long submissions are held back by a quota or a busy vendor; 0 if they are not."""
        return self.submissions.held_seconds

    def begin(self, task: Task) -> None:
        """Find out what the task needs, and start it. Tasks are looked up one by one, so that they are
        submitted in order.
        """
        with self._lock:
            self._new.append(task)
            is_first = len(self._new) == 1
        if is_first:
            self.agenda.add(self._look_up_next)

    def acknowledge(self, task: Task) -> None:
        """The state names the job now: polling may start."""
        self.polls.begin(task)

    def wake(self, task: Task) -> bool:
        """The vendor says that the job is done: poll it soon. Returns False if that changes nothing."""
        return self.polls.wake(task)

    def _look_up_next(self) -> None:
        self.guarded(self._new[0], self._look_up)
        with self._lock:
            self._new.popleft()
            more = bool(self._new)
        if more:
            self.agenda.add(self._look_up_next)

    def _look_up(self, task: Task) -> None:
        decision = lookup(
            task.request,
            task.known,
            ledger=self.shop.ledger,
            vendor=self.vendor,
            config=self.config,
            client=self.client,
            now=self.shop.clock.now(),
        )
        if decision.note:
            logger.log(decision.level, "%s", decision.note)
        task.action, task.job, task.refresh = decision.action, decision.job, decision.refresh
        job = task.job
        if job is None:
            self.submissions.enqueue(task)
        elif task.action is Action.REPLAY:
            self.step(task, lambda task: self.reruns.replay(task, job))
        elif job.status is JobStatus.EMPTY:
            self.ready(task)
        else:
            self.announce(task, job)

    # --- what the stations call -----------------------------------------------------------------------

    def step(self, task: Task, step: Callable[[Task], None], delay: float = 0.0) -> None:
        """Run a step of the task on a thread of the lane, in `delay` seconds."""
        self.agenda.add(lambda: self.guarded(task, step), delay)

    def guarded(self, task: Task, step: Callable[[Task], None]) -> None:
        """Run a step; whatever it raises ends the task with an error that says where."""
        if self.shop.stopping():
            return
        if task.is_over:
            self.submissions.free_place(task)
            return
        try:
            step(task)
        except Stopped:
            return
        except StreamError as error:
            self.fail(task, error)
        except CallError as error:
            self.fail(task, CallsFailed.of(error))
        except Exception as error:
            # A defect of ours must end its stream, not the others.
            logger.debug("Unexpected error", exc_info=True)
            self.fail(task, StreamError(f"unexpected {type(error).__name__}: {error}"))

    def announce(self, task: Task, job: ReportJob) -> None:
        """Have the state name the task's job before the first poll."""
        task.announced = False
        task.woken_at = -math.inf  # a job that starts, or starts again: the first call counts at once
        task.stage = Stage.RUNNING
        if not job.status.is_terminal:
            self.submissions.take_place(task)
        task.log(str(task.action))
        self.shop.post("submitted", task)

    def ready(self, task: Task) -> None:
        """The task has all that it will have."""
        self.submissions.free_place(task)
        task.stage = Stage.READY
        since = task.waiting_since
        task.log("ready", None if since is None else self.shop.clock.monotonic() - since)
        self.shop.post("over", task)

    def fail(self, task: Task, error: StreamError) -> None:
        """End the task with an error."""
        self.submissions.free_place(task)
        slice_ = str(task.request.slice or "")
        task.error = error.placed(vendor=self.vendor.name, slice_=slice_, job_id=task.job_id)
        task.stage = Stage.FAILED
        self.shop.post("over", task)
