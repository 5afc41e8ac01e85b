"""Polling: when a job is asked for, and what its status means. Law: re-polling is free."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.exceptions import BadAnswer, JobFailed, JobTimeout, JobUnknown, LinkExpired, StreamError
from tap_reports.jobs.lookup import is_good_still
from tap_reports.jobs.poll_policy import PollPolicy, WakePolicy
from tap_reports.jobs.task import Action, Stage, Task
from tap_reports.models import JobStatus, ReportJob
from tap_reports.vendor import Replays

if TYPE_CHECKING:
    from tap_reports.jobs.worker import Lane

UNKNOWN_GRACE = 3
"""Polls of a fresh job that may say "unknown": a vendor's status can lag behind its own answer."""
ODD_GRACE = 3
"""Polls in a row that may make no sense (done without a link) before the job counts as failed."""


class Polls:
    """One lane's polls.

    Args:
        lane: Whose.
        interval: Seconds between two polls of a job, where its vendor calls when it is done.
    """

    def __init__(self, lane: Lane, interval: float | None = None) -> None:
        self._lane = lane
        self._ask_again = PollPolicy(
            interval=lane.config.poll_interval_seconds,
            max_interval=lane.config.poll_max_interval_seconds,
            deadline=lane.config.job_deadline_seconds,
        )
        self._policy = self._ask_again
        if interval:
            self._policy = replace(self._ask_again, interval=interval, max_interval=interval)
        self._wakes = WakePolicy()
        self._lock = threading.Lock()

    def begin(self, task: Task) -> None:
        """The state names the task's job now: poll it."""
        done = task.job is not None and task.job.status.is_terminal
        self.again_in(task, 0.0 if done or task.action is not Action.SUBMIT else self._policy.wait(0, 0.0))

    def wake(self, task: Task) -> bool:
        """Poll the task's job as soon as the limits allow, in place of its next poll.

        Returns False if it is not waited for, is to be polled so anyway, or was woken too often.
        """
        with self._lock:
            if task.stage is not Stage.RUNNING or task.wake_at is not None or task.wakes >= self._wakes.most:
                return False
            task.wakes += 1
            task.wake_at = max(self._lane.shop.clock.monotonic(), task.woken_at + self._wakes.gap)
            if task.announced and not task.is_polled:
                self._plan(task, self._wakes.gap)
            return True

    def again_in(self, task: Task, seconds: float) -> None:
        """Poll in so many seconds, and at no other time; sooner if the task was woken meanwhile."""
        with self._lock:
            self._plan(task, seconds)

    def _plan(self, task: Task, seconds: float) -> None:
        """Make this the only poll to come. The caller holds the lock."""
        task.turn += 1
        turn, task.is_polled = task.turn, False
        if task.wake_at is not None:
            seconds = min(seconds, max(0.0, task.wake_at - self._lane.shop.clock.monotonic()))
        self._lane.step(task, lambda task: self._poll_at(task, turn), seconds)

    def _poll_at(self, task: Task, turn: int) -> None:
        with self._lock:
            if task.turn != turn or task.stage is not Stage.RUNNING or task.job is None:
                return
            task.is_polled = True
            if task.wake_at is not None:
                task.wake_at, task.woken_at = None, self._lane.shop.clock.monotonic()
        self._poll(task, task.job)

    def _poll(self, task: Task, before: ReportJob) -> None:
        clock = self._lane.shop.clock
        if task.waiting_since is None:
            task.waiting_since = clock.monotonic()
        task.polls += 1
        try:
            job = task.job = self._polled(task, before)
        except JobUnknown as error:
            self._unknown(task, before, error)
            return
        except BadAnswer as error:
            self._odd(task, before, error)
            return
        task.odd_polls = 0
        if task.started is None and job.status is JobStatus.RUNNING:
            task.started = clock.monotonic()
        if job.status is not before.status or job.credits != before.credits:
            self._lane.shop.ledger.seen(job)
        if not job.status.is_terminal and job.status is not before.status and not job.unknown_word:
            task.log(job.word or job.status)  # an unknown word was warned of
        self.judge(task, job)

    def _polled(self, task: Task, job: ReportJob) -> ReportJob:
        """Return the job as the vendor sees it; a job whose link has gone counts as expired."""
        try:
            polled = self._lane.client.poll(job)
        except LinkExpired as error:
            return replace(job, status=JobStatus.EXPIRED, message=str(error))
        if polled.status.is_terminal and polled.finished_at is None:
            polled = replace(polled, finished_at=self._lane.shop.clock.now())
        if polled.unknown_word and not task.warned:
            task.warned = True
            task.log(f'unknown status "{polled.word}", waited out', level=logging.WARNING)
        return polled

    def judge(self, task: Task, job: ReportJob) -> None:
        """Do what the job's status asks for.

        Raises:
            StreamError: It will give no result.
        """
        if job.status.is_terminal:
            self._lane.submissions.free_place(task)
        match job.status:
            case JobStatus.PENDING | JobStatus.RUNNING:
                self._later(task, job, self._policy)
            case JobStatus.SUCCEEDED | JobStatus.EMPTY if self._is_outdated(task, job):
                self._lane.reruns.replay(task, job)
            case JobStatus.SUCCEEDED:
                self._lane.fetches.begin(task, job)
            case JobStatus.EMPTY:
                self._lane.ready(task)
            case JobStatus.FAILED_RETRYABLE:
                self._lane.reruns.retry(task, job)
            case JobStatus.EXPIRED:
                self._lane.reruns.resubmit(task, job, JobTimeout)
            case _:
                raise self._lane.reruns.failed(task, job, JobFailed)

    def _later(self, task: Task, job: ReportJob, policy: PollPolicy) -> None:
        """Poll again, unless the job's time is up."""
        now = self._lane.shop.clock.monotonic()
        waited = now - (now if task.waiting_since is None else task.waiting_since)
        # A hair's breadth before the deadline counts as at it: waits are cut to end there.
        if waited >= policy.deadline - 0.001:
            word = f'"{job.word}"' + (" (unknown to this tap)" if job.unknown_word else "")
            raise JobTimeout(
                f"the job was still {word if job.word else job.status} after "
                f"{waited:.0f} s (job_deadline_seconds {policy.deadline:g})"
            )
        self.again_in(task, policy.wait(task.polls, waited, job.retry_after))

    def _unknown(self, task: Task, job: ReportJob, error: JobUnknown) -> None:
        """The vendor does not know the job: submit anew if it was an earlier run's, else wait a little."""
        if task.action is not Action.SUBMIT:
            task.log(f"unknown to the vendor, submitted anew ({error.answer})", level=logging.WARNING)
            self._lane.shop.ledger.forget(job)
            task.action, task.job, task.known, task.refresh = Action.SUBMIT, None, None, False
            task.waiting_since, task.polls = None, 0
            self._lane.submissions.enqueue(task)
        elif task.polls < UNKNOWN_GRACE:
            self._later(task, job, self._ask_again)
        else:
            raise StreamError(str(error), remedy="Run again: a new job is submitted then.") from error

    def _odd(self, task: Task, job: ReportJob, error: BadAnswer) -> None:
        task.odd_polls += 1
        if task.odd_polls > ODD_GRACE:
            raise error
        task.log(f"odd answer, asked again ({error})", level=logging.WARNING)
        self._later(task, job, self._ask_again)

    def _is_outdated(self, task: Task, job: ReportJob) -> bool:
        """Return whether a submission was answered with an older job whose data is no longer good."""
        return (
            task.action is Action.SUBMIT
            and isinstance(self._lane.client, Replays)
            and task.replays == 0
            and not task.is_refused
            and job.finished_at is not None
            and max(job.finished_at, job.created_at or job.finished_at)
            < job.submitted_at - dt.timedelta(minutes=1)
            and not is_good_still(job, self._lane.vendor, self._lane.config, self._lane.shop.clock.now())
        )
