"""A job that must run once more: by the vendor's own retry or replay, or as a new submission."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.exceptions import AccessDenied, CallRejected, JobFailed, StreamError
from tap_reports.jobs.task import Action, Task
from tap_reports.models import ReportJob
from tap_reports.vendor import Replays, Retries

if TYPE_CHECKING:
    from tap_reports.jobs.worker import Lane


class Reruns:
    """One lane's second attempts.

    Args:
        lane: Whose.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def retry(self, task: Task, job: ReportJob) -> None:
        """Have the vendor retry a failed job, as often as it may; then submit it anew, where that is law."""
        client = self._lane.client
        if not isinstance(client, Retries) or task.retries + task.replays >= self._lane.vendor.retries:
            self.resubmit(task, job, JobFailed)
            return
        task.retries += 1
        task.log(f"{job.word or job.status}, vendor's retry ({job.message})", level=logging.WARNING)
        try:
            again = client.retry(job)
        except AccessDenied:
            raise
        except CallRejected as error:
            # Resumed, it would be refused again: the next run submits anew.
            said = f"{job.message}; no retry: {error}" if job.message else f"no retry: {error}"
            raise self.failed(task, replace(job, message=said), JobFailed) from error
        self._run_on(task, again)

    def replay(self, task: Task, job: ReportJob) -> None:
        """Have the vendor run a finished job again, for newer data."""
        client = self._lane.client
        if not isinstance(client, Replays):
            raise TypeError(f"{self._lane.vendor.name} has no replay")
        try:
            again = client.replay(job)
        except AccessDenied:
            raise
        except CallRejected as error:
            self._not_replayed(task, job, error)
            return
        task.replays += 1
        task.log("replay")
        self._run_on(task, again)

    def resubmit(self, task: Task, job: ReportJob, failure: type[StreamError]) -> None:
        """Submit once more where the vendor's guide asks for it.

        Raises:
            StreamError: `failure`, where it does not.
        """
        if task.resubmissions >= self._lane.vendor.resubmissions:
            raise self.failed(task, job, failure)
        task.resubmissions += 1
        task.log(f"{job.word or job.status}, submitted once more ({job.message})", level=logging.WARNING)
        self._lane.shop.ledger.failed(job, job.message or str(job.status))
        task.action, task.job, task.waiting_since, task.polls = Action.SUBMIT, None, None, 0
        self._lane.submissions.enqueue(task)

    def failed(self, task: Task, job: ReportJob, failure: type[StreamError]) -> StreamError:
        """Note that a job ended for good without a result. Returns the error to raise."""
        self._lane.shop.ledger.failed(job, job.message or str(job.status))
        task.is_dropped = True
        said = f": {job.message}" if job.message else ""
        return failure(f'the job ended as "{job.word or job.status}"{said}', remedy=JobFailed.default_remedy)

    def _not_replayed(self, task: Task, job: ReportJob, error: CallRejected) -> None:
        """Go on without a replay. A job that a submission handed back is not asked for a second time."""
        if task.action is not Action.SUBMIT:
            task.log(f"no replay ({error.answer}), submitted anew", level=logging.WARNING)
            task.action, task.job, task.refresh = Action.SUBMIT, None, True
            self._lane.submissions.enqueue(task)
            return
        ended, days = job.finished_at, task.request.slice
        if days and ended and ended.date() <= days.end:
            raise JobFailed(
                f"the vendor handed back its result of {ended:%Y-%m-%d %H:%M} UTC, when {days} was "
                f"not over, and does not run it again ({error})",
                remedy="Set another slice_days or start_date: with other dates the vendor makes a new one.",
            )
        task.is_refused = True
        task.log(f"no replay ({error.answer}): the result of {ended} is used", level=logging.WARNING)
        self._lane.polls.judge(task, job)

    def _run_on(self, task: Task, job: ReportJob) -> None:
        """Go on with a job that runs (again) at the vendor."""
        task.job, task.polls, task.waiting_since = replace(job, finished_at=None), 0, None
        self._lane.shop.ledger.seen(task.job)
        self._lane.announce(task, task.job)
