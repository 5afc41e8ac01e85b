"""How a task comes to a job: found, submitted, or run again by its vendor. It is named in the state then."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import AccessDenied, CallRejected, JobFailed, JobUnknown, StreamError
from tap_reports.jobs.lookup import lookup
from tap_reports.jobs.next_step import failure
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.models import JobStatus, ReportJob
from tap_reports.vendor import Replays, Retries

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account
    from tap_reports.jobs.polls import Polls
    from tap_reports.jobs.submit import Submissions

logger = logging.getLogger("tap-reports.jobs")

EVENTS = {
    Action.SUBMIT: Event.SUBMITTED,
    Action.RESUME: Event.RESUMED,
    Action.REUSE: Event.REUSED,
    Action.REPLAY: Event.REPLAYED,
}


class Starts:
    """One vendor's jobs, from nothing or from an earlier one.

    Each function returns the job and the seconds until its poll; None where its status is fresh.
    """

    def __init__(self, account: Account, submissions: Submissions, polls: Polls) -> None:
        self._account = account
        self._submissions = submissions
        self._polls = polls
        self._run = account.run

    async def begun(self, task: Task, known: Mapping[str, Any] | None) -> tuple[ReportJob, float | None]:
        """Find the task's job, or submit it. Tasks are looked up one by one, so that they submit in order."""
        context = self._run
        found = await context.records.run(
            lambda: lookup(
                task.request,
                context.ledger.find(task.request.key),
                known,
                vendor=self._account.vendor,
                config=self._account.config,
                can_replay=isinstance(self._account.client, Replays),
                now=context.clock.now(),
            )
        )
        if found.note:
            logger.log(found.level, "%s", found.note)
        task.action, task.job = found.action, found.job
        if found.job is None:
            return await self._submitted(task, refresh=found.refresh)
        if found.action is Action.REPLAY:
            return await self.replayed(task, found.job)
        if found.job.status is JobStatus.EMPTY:
            return found.job, None
        await self._named(task, found.job, EVENTS[found.action])
        return found.job, 0.0

    async def _submitted(
        self, task: Task, *, refresh: bool = False, event: Event | None = None
    ) -> tuple[ReportJob, float]:
        """Submit, and have the state name the job."""
        task.action, task.job = Action.SUBMIT, None
        job = await self._submissions.submit(task, refresh=refresh)
        is_ours = task.action is Action.SUBMIT  # else another run's job, just submitted
        await self._named(task, job, event or EVENTS[task.action])
        return job, self._polls.first_wait() if is_ours else 0.0

    async def _named(self, task: Task, job: ReportJob, event: Event) -> None:
        """Have the state name the task's job; it is polled only after that."""
        task.job = job
        task.wakes.restart()
        task.timeline.enter(Stage.RUNNING)
        if not job.status.is_terminal:
            self._submissions.gate.count(task)
        task.log(event)
        await self._run.checkpoint(task)

    async def without_job(self, task: Task, job: ReportJob, error: JobUnknown) -> tuple[ReportJob, float]:
        """Submit again, as the vendor does not know an earlier run's job."""
        if task.action is Action.SUBMIT:
            raise StreamError(str(error), remedy="Run again: a new job is submitted then.") from error
        task.log(Event.UNKNOWN, f"submitted again ({error.answer})", level=logging.WARNING)
        await self._run.records.run(lambda: self._run.ledger.forget(job))
        return await self._submitted(task)

    async def retried(self, task: Task, job: ReportJob) -> tuple[ReportJob, float]:
        """Have the vendor retry a failed job."""
        client = self._account.client
        if not isinstance(client, Retries):
            raise TypeError(f"{self._account.vendor.name} has no retry")
        task.attempts.retries += 1
        try:
            again = await self._account.calls.run(lambda: client.retry(job))
        except AccessDenied:
            raise
        except CallRejected as error:
            # Resumed, it would be refused again: the next run submits again.
            await self.drop(task, job)
            said = f"{job.message}; no retry: {error}" if job.message else f"no retry: {error}"
            raise failure(replace(job, message=said)) from error
        return await self._run_again(task, again, Event.RETRIED)

    async def replayed(self, task: Task, job: ReportJob) -> tuple[ReportJob, float | None]:
        """Have the vendor run a finished job again, for newer data."""
        client = self._account.client
        if not isinstance(client, Replays):
            raise TypeError(f"{self._account.vendor.name} has no replay")
        try:
            again = await self._account.calls.run(lambda: client.replay(job))
        except AccessDenied:
            raise
        except CallRejected as error:
            return await self._not_replayed(task, job, error)
        task.attempts.replays += 1
        return await self._run_again(task, again, Event.REPLAYED)

    async def _not_replayed(
        self, task: Task, job: ReportJob, error: CallRejected
    ) -> tuple[ReportJob, float | None]:
        """Go on without a replay. A job that a submission handed back is not asked for a second time."""
        if task.action is not Action.SUBMIT:
            task.log(Event.RESUBMITTED, f"no replay ({error.answer})", level=logging.WARNING)
            return await self._submitted(task, refresh=True)
        ended, days = job.finished_at, task.request.slice
        if days and ended and ended.date() <= days.end:
            raise JobFailed(
                f"the vendor handed back its result of {ended:%Y-%m-%d %H:%M} UTC, when {days} was "
                f"not over, and does not run it again ({error})",
                remedy="Set another slice_days or start_date: with other dates the vendor makes a new one.",
            )
        task.attempts.is_replay_refused = True
        text = f"no replay ({error.answer}): the result of {ended} is used"
        task.log(Event.REUSED, text, level=logging.WARNING)
        return job, None

    async def _run_again(self, task: Task, job: ReportJob, event: Event) -> tuple[ReportJob, float]:
        """Go on with a job that runs again at the vendor."""
        again = replace(job, finished_at=None)
        await self._run.records.run(lambda: self._run.ledger.seen(again))
        await self._named(task, again, event)
        return again, self._polls.first_wait()

    async def resubmitted(self, task: Task, job: ReportJob) -> tuple[ReportJob, float]:
        """Submit once more, as the vendor's guide asks for."""
        task.attempts.resubmissions += 1
        said = job.message or str(job.status)
        await self._run.records.run(lambda: self._run.ledger.failed(job, said))
        task.log(Event.RESUBMITTED, said, level=logging.WARNING)
        return await self._submitted(task)

    async def drop(self, task: Task, job: ReportJob) -> None:
        """Note that a job came to nothing."""
        said = job.message or str(job.status)
        await self._run.records.run(lambda: self._run.ledger.failed(job, said))
        task.is_dropped = True
        if job.credits is None:
            self._submissions.credits.give_back(task.request.key)
