"""Submission: the line for the places among the jobs in flight, and what becomes of each request sent.

Law: re-submitting is not free. A request is sent again only where the vendor certainly did not take it, or
where a second one costs nothing.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tap_reports.exceptions import (
    BadAnswer,
    CallBroken,
    CallRefused,
    CallRejected,
    CreditsSpent,
    NotSent,
    QuotaSpent,
    StreamError,
    SubmissionLost,
)
from tap_reports.jobs.credits import Credits
from tap_reports.jobs.serial_queue import Line
from tap_reports.jobs.task import Action, Stage, Task
from tap_reports.ledger.ledger import Existing, Reservation, Wait
from tap_reports.vendor import Estimates, LostSubmission

if TYPE_CHECKING:
    from tap_reports.jobs.worker import Lane

ALL_QUOTAS = ""
"""Spent credits: nothing of the vendor can be submitted any more."""
BUSY_SECONDS = 1.0
"""Wait before asking again for a place that another process holds."""


class Submissions:
    """One lane's line of tasks that wait for a job.

    Args:
        lane: Whose.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.credits = Credits(lane.vendor, lane.config)
        self._lock = threading.Lock()
        self._queue: list[tuple[int, int, Task]] = []
        self._in_flight: set[int] = set()
        self._blocked_until = 0.0
        self._line = Line(lane.agenda, self._serve)
        self._spent: dict[str, QuotaSpent] = {}

    @property
    def held_seconds(self) -> float:
        """How long they are held back by a quota or a busy vendor; 0 if they are not."""
        return max(0.0, self._blocked_until - self._lane.shop.clock.monotonic())

    def enqueue(self, task: Task, wait: float = 0.0) -> None:
        """Put a task in line for a place among the jobs in flight.

        Args:
            task: Without a job.
            wait: Seconds for which nothing at all is to be submitted.
        """
        self.free_place(task)
        task.stage = Stage.ABANDONED if task.is_unwanted else Stage.WAITING
        clock = self._lane.shop.clock
        with self._lock:
            heapq.heappush(self._queue, (task.order, id(task), task))
            self._blocked_until = max(self._blocked_until, clock.monotonic() + wait if wait else 0.0)
            delay = max(0.0, self._blocked_until - clock.monotonic())
        self._lane.agenda.add(self._admit, delay)

    def take_place(self, task: Task) -> None:
        """Count a job that already runs among the jobs in flight."""
        with self._lock:
            self._in_flight.add(id(task))

    def free_place(self, task: Task) -> None:
        """Free the task's place among the jobs in flight, if it has one."""
        with self._lock:
            if id(task) not in self._in_flight:
                return
            self._in_flight.discard(id(task))
        self._lane.agenda.add(self._admit)

    def _admit(self) -> None:
        """Let tasks in line submit, in order, as far as places are free and no quota is waited for."""
        while True:
            with self._lock:
                # A hair's breadth before the time counts as at it: nobody asks again.
                held = self._lane.shop.clock.monotonic() < self._blocked_until - 0.001
                full = len(self._in_flight) >= self._lane.config.max_jobs_in_flight
                if held or full or not self._queue:
                    return
                task = heapq.heappop(self._queue)[2]
                if task.is_over:
                    continue
                self._in_flight.add(id(task))
                self._line.join(task)

    def _serve(self, task: Task, let_next: Callable[[], None]) -> None:
        self._lane.guarded(task, lambda task: self._submit(task, let_next))

    def _submit(self, task: Task, let_next: Callable[[], None]) -> None:
        if spent := self._spent_for(task):
            raise spent
        if isinstance(self._lane.client, Estimates) and task.estimate is None:
            try:
                task.estimate = self.credits.afford(self._lane.client, task)
            except CreditsSpent as error:
                raise self._spend(error) from error
        # In this order: the run's end waits for what it sees submitting, and what it does not see ends here.
        task.stage = Stage.SUBMITTING
        shop = self._lane.shop
        if shop.ending():
            task.stage = Stage.ABANDONED
            return
        place = shop.ledger.reserve(
            task.request,
            stream=",".join(sorted(task.streams)),
            run_id=shop.run_id,
            quotas=self._lane.quotas,
            max_in_flight=self._lane.config.max_jobs_in_flight,
            in_flight_hours=self._lane.config.job_deadline_seconds / 3600,
            now=shop.clock.now(),
        )
        let_next()
        if isinstance(place, Wait):
            self._wait_for(task, place)
        elif isinstance(place, Existing):
            task.action, task.job = Action.RESUME, place.job
            self._lane.announce(task, place.job)
        else:
            self._send(task, place)

    def _wait_for(self, task: Task, wait: Wait) -> None:
        """Wait for a minute quota or a place; a spent day quota stops the submissions that it counts."""
        if wait.is_day and wait.quota:
            resets = wait.resets_at.isoformat(timespec="minutes") if wait.resets_at else "tomorrow"
            raise self._spend(
                QuotaSpent(
                    f"the quota {wait.quota} ({wait.limit} a day) is spent",
                    remedy=f"It resets at {resets}; run again after that, finished slices are kept.",
                ),
                task.request.quota,
            )
        if not wait.quota and not task.waits:
            task.log("waits for a place: other jobs of this account are in flight")
        task.waits += 1
        self.enqueue(task, max(wait.seconds, 0.05) if wait.quota else min(wait.seconds, BUSY_SECONDS))

    def _send(self, task: Task, place: Reservation) -> None:
        ledger = self._lane.shop.ledger
        try:
            job = self._lane.client.submit(task.request, refresh=task.refresh)
        except NotSent as error:
            ledger.not_sent(place)
            self._again_if(task, error)
        except CallRefused as error:
            ledger.refused(place)
            self._again_if(task, error)
        except SubmissionLost as error:
            ledger.lost(place)
            self._lost(task, error)
        except QuotaSpent as error:
            ledger.refused(place)
            raise self._spend(error, task.request.quota) from error
        except BadAnswer as error:
            # It came from behind the submission: a job may well run there.
            ledger.lost(place)
            self._lost(task, SubmissionLost(error.what, error.answer, status=error.status))
        except (CallRejected, CallBroken):
            # CallBroken: a free call before it (a token), as `submit` itself never raises it.
            ledger.refused(place)
            raise
        else:
            task.job, task.waiting_since = job, self._lane.shop.clock.monotonic()
            ledger.submitted(place, job)
            self._lane.announce(task, job)

    def _again_if(self, task: Task, error: CallRefused | NotSent) -> None:
        """Send a refused submission again, as often as a broken call."""
        task.refusals += 1
        policy = self._lane.policy
        wait = policy.wait(task.refusals, error.retry_after)
        if isinstance(error, NotSent) and not error.is_worth_repeating:
            raise error
        if task.refusals > policy.max_retries or wait > self._lane.config.job_deadline_seconds:
            raise error
        task.log(f"refused, again in {wait:.1f} s ({error})", level=logging.WARNING)
        self.enqueue(task, wait)

    def _lost(self, task: Task, error: SubmissionLost) -> None:
        """Decide what becomes of a submission whose answer was lost, by what a second one costs."""
        task.losses += 1
        allowed = {
            LostSubmission.RESEND: self._lane.policy.max_retries,
            LostSubmission.RESEND_ONCE: 1,
            LostSubmission.FAIL: 0,
        }[self._lane.vendor.lost_submission]
        if task.losses > allowed:
            at = self._lane.shop.clock.now().isoformat(timespec="seconds")
            raise StreamError(
                f"the answer to a submission sent at {at} was lost ({error}); "
                f"{self._lane.vendor.title} may or may not have accepted (and charged) it",
                remedy=error.remedy,
            ) from error
        task.log(f"answer lost, sent again ({error})", level=logging.WARNING)
        self.enqueue(task, self._lane.policy.wait(task.losses, error.retry_after))

    def _spend(self, error: QuotaSpent, quota: str = ALL_QUOTAS) -> QuotaSpent:
        """Note that nothing more that counts in the quota can be submitted; all of it that is in line fails
        now, what runs goes on.
        """
        self._spent.setdefault(quota, error)
        self._lane.agenda.add(self._clear_queue)
        return QuotaSpent(error.cause, remedy=error.remedy)

    def _spent_for(self, task: Task) -> QuotaSpent | None:
        """Return why the task cannot be submitted in this run, or None."""
        spent = self._spent.get(ALL_QUOTAS) or self._spent.get(task.request.quota)
        return QuotaSpent(spent.cause, remedy=spent.remedy) if spent else None

    def _clear_queue(self) -> None:
        with self._lock:
            tasks = [task for _, _, task in self._queue]
            self._queue = [entry for entry in self._queue if not self._spent_for(entry[2])]
            heapq.heapify(self._queue)
        for task in tasks:
            if not task.is_over and (spent := self._spent_for(task)):
                self._lane.fail(task, spent)
