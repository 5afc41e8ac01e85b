"""A job's life, from top to bottom: found or submitted, checkpointed, polled, downloaded.

Each task is one coroutine, `VendorWorker.run`. It carries out one step after the other; `next_step` decides
which. Blocking calls run in the vendor's own threads, so that one that hangs does not delay other vendors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tap_reports.exceptions import (
    AccessDenied,
    CallError,
    CallRejected,
    FileError,
    JobFailed,
    LinkExpired,
    Stopped,
    StreamError,
    unexpected_error,
)
from tap_reports.jobs.context import Account, TaskDone, WouldWait
from tap_reports.jobs.download import Downloads
from tap_reports.jobs.next_step import (
    Step,
    after_expired_link,
    after_finish,
    after_refused_replay,
    failure,
    find_job,
    is_outdated,
)
from tap_reports.jobs.poll import Polls
from tap_reports.jobs.submit import Submissions
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.models import REPLAYED, JobStatus, ReportJob
from tap_reports.vendor import Replays, Retries

logger = logging.getLogger("tap-reports.jobs")

EVENT_OF_ACTION = {
    Action.SUBMIT: Event.SUBMITTED,
    Action.RESUME: Event.RESUMED,
    Action.REUSE: Event.REUSED,
}
"""Without REPLAY: that event is logged once the vendor has accepted the replay."""


class VendorWorker:
    """Takes one vendor's tasks from request to files, within that account's limits.

    Args:
        account: The vendor.
        poll_interval: Seconds between two polls of a job, if its vendor calls when it is done.
    """

    def __init__(self, account: Account, *, poll_interval: float | None = None) -> None:
        self.account = account
        self._run = account.run
        self._client = account.client
        self._ledger = account.run.ledger
        self._downloads = Downloads(account)
        self.submissions = Submissions(account)
        self._polls = Polls(account, self.submissions, poll_interval)

    async def run(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Take a task from request to files. Any error ends it, with its location.

        Args:
            task: The task.
            known: Its pending job in the state, if any.
        """
        try:
            await self._carry_out(task, known)
            task.timeline.enter(Stage.READY)
            task.log(Event.READY)
        except (Stopped, asyncio.CancelledError):
            return
        except WouldWait as error:
            task.look_again_seconds = error.seconds
            if task.job is None:
                task.timeline.enter(Stage.WAITING)
        except (StreamError, CallError) as error:
            self._fail(task, StreamError.from_error(error))
        except Exception as error:
            # A mistake in this program must end this stream, not the others.
            logger.debug("traceback", exc_info=True)
            self._fail(task, unexpected_error(error))
        finally:
            self.submissions.gate.free(task)
            self._run.unconfirmed.discard(task)
        self._run.loop.post(TaskDone(task))

    async def _carry_out(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Carry out one step after the other. Each returns the job as it is then, and the next step."""
        job, step = await self._find_or_submit(task, known)
        while step is not Step.READY:
            match step:
                case Step.SUBMIT | Step.REFRESH:
                    job, step = await self._submit(task, refresh=step is Step.REFRESH)
                case Step.POLL | Step.POLL_LATER:
                    job, step = await self._poll(task, job, at_once=step is Step.POLL)
                case Step.DOWNLOAD:
                    job, step = await self._download(task, job)
                case Step.REPLAY:
                    job, step = await self._replay(task, job)
                case Step.RETRY:
                    job, step = await self._retry(task, job)
                case Step.RESUBMIT:
                    job, step = await self._resubmit(task, job)
                case Step.FAIL:
                    await self._record_failure(task, job)
                    raise failure(job, task.attempts)
                case Step.LEAVE:  # its errors are raised where it is decided
                    raise AssertionError(step)

    def wake(self, task: Task) -> bool:
        """Poll the task's job as soon as the limits allow, because the vendor called.

        Returns False if the job is not running, such a poll is due already, or too many were requested.
        """
        return task.stage is Stage.RUNNING and task.postback_polls.request(self._run.clock.monotonic())

    # --- the steps ------------------------------------------------------------------------------------

    async def _find_or_submit(self, task: Task, known: Mapping[str, Any] | None) -> tuple[ReportJob, Step]:
        """Find the task's job, or submit it. Tasks are looked up one by one, so that they submit in order."""
        lookup = await self._run.ledger_thread.run(
            lambda: find_job(
                task.request,
                self._ledger.find(task.request.key),
                known,
                vendor=self.account.vendor,
                config=self.account.config,
                can_replay=isinstance(self._client, Replays),
                now=self._run.clock.now(),
            )
        )
        if lookup.warning:
            logger.warning("%s", lookup.warning)
        task.action, task.job = lookup.action, lookup.job
        if lookup.job is None:
            return await self._submit(task, refresh=lookup.refresh)
        if lookup.step is Step.POLL:
            await self._checkpoint(task, lookup.job, EVENT_OF_ACTION[lookup.action])
        return lookup.job, lookup.step

    async def _submit(self, task: Task, *, refresh: bool = False) -> tuple[ReportJob, Step]:
        """Submit, and checkpoint the job."""
        task.action, task.job = Action.SUBMIT, None
        job = await self.submissions.submit(task, refresh=refresh)
        await self._checkpoint(task, job, EVENT_OF_ACTION[task.action])
        # A job that another run has just submitted is resumed.
        return job, Step.POLL_LATER if task.action is Action.SUBMIT else Step.POLL

    async def _resubmit(self, task: Task, job: ReportJob) -> tuple[ReportJob, Step]:
        """Record that the job failed, and submit once more, as the vendor's guide says."""
        task.attempts.resubmissions += 1
        reason = job.message or str(job.status)
        await self._run.ledger_thread.run(lambda: self._ledger.failed(job, reason))
        task.log(Event.RESUBMITTED, reason, level=logging.WARNING)
        return job, Step.SUBMIT

    async def _poll(self, task: Task, job: ReportJob, *, at_once: bool) -> tuple[ReportJob, Step]:
        """Poll until the job is done."""
        done = await self._polls.until_done(task, job, at_once=at_once)
        if done is None:
            await self._run.ledger_thread.run(lambda: self._ledger.forget(job))
            return job, Step.SUBMIT
        return done, self._after_finish(task, done)

    async def _retry(self, task: Task, job: ReportJob) -> tuple[ReportJob, Step]:
        """Have the vendor retry a failed job."""
        client = self._client
        if not isinstance(client, Retries):
            raise TypeError(f"{self.account.vendor.name} has no retry")
        task.attempts.retries += 1
        try:
            again = await self.account.calls.run(lambda: client.retry(job))
        except AccessDenied:
            raise
        except CallRejected as error:
            message = f"{job.message}; no retry: {error}" if job.message else f"no retry: {error}"
            return replace(job, message=message), Step.FAIL
        return await self._run_again(task, again, Event.RETRIED)

    async def _replay(self, task: Task, job: ReportJob) -> tuple[ReportJob, Step]:
        """Have the vendor run a finished job again, for newer data."""
        client = self._client
        if not isinstance(client, Replays):
            raise TypeError(f"{self.account.vendor.name} has no replay")
        try:
            again = await self.account.calls.run(lambda: client.replay(job))
        except AccessDenied:
            raise
        except CallRejected as error:
            return await self._without_replay(task, job, error)
        task.attempts.replays += 1
        return await self._run_again(task, again, Event.REPLAYED)

    async def _without_replay(
        self, task: Task, job: ReportJob, error: CallRejected
    ) -> tuple[ReportJob, Step]:
        """Return the next step after the vendor refused to run the job again."""
        match after_refused_replay(job, is_handed_back=task.action is not Action.REPLAY):
            case Step.REFRESH:
                task.log(Event.RESUBMITTED, f"no replay ({error.answer})", level=logging.WARNING)
                return job, Step.REFRESH
            case Step.FAIL:
                raise JobFailed(
                    f"the vendor handed back its result of {job.finished_at:%Y-%m-%d %H:%M} UTC, when "
                    f"{job.request.slice} was not over, and does not run it again ({error})",
                    remedy="Set another slice_days or start_date: with other dates the vendor makes a new "
                    "one.",
                )
        task.attempts.is_replay_refused = True
        text = f"no replay ({error.answer}): the result of {job.finished_at} is used"
        task.log(Event.REUSED, text, level=logging.WARNING)
        return job, self._after_finish(task, job)

    async def _run_again(self, task: Task, job: ReportJob, event: Event) -> tuple[ReportJob, Step]:
        """Record that the vendor runs a job again."""
        handle = job.handle if event is Event.RETRIED else {**job.handle, REPLAYED: True}
        again = replace(job, finished_at=None, handle=handle)
        await self._run.ledger_thread.run(lambda: self._ledger.seen(again))
        await self._checkpoint(task, again, event)
        return again, Step.POLL_LATER

    async def _download(self, task: Task, job: ReportJob) -> tuple[ReportJob, Step]:
        """Download the job's files. If a link has expired, a poll may return a new one."""
        task.timeline.enter(Stage.DOWNLOADING)
        try:
            task.files = await self._downloads.fetch(job)
        except LinkExpired as error:
            task.attempts.expired_links += 1
            task.log(Event.LINK_EXPIRED, error, level=logging.WARNING)
            match after_expired_link(task.attempts, self.account.rules):
                case Step.POLL:
                    task.timeline.enter(Stage.RUNNING)
                    return job, Step.POLL
                case Step.LEAVE:
                    raise FileError(
                        f"the download link had expired, and so had the new one ({error})",
                        remedy="Run again: the finished job is asked for another link, without a new "
                        "submission.",
                    ) from error
                case step:
                    expired = "its download links had expired"
                    return replace(job, status=JobStatus.EXPIRED, message=expired), step
        return job, Step.READY

    # --- helpers of the steps -------------------------------------------------------------------------

    def _after_finish(self, task: Task, job: ReportJob) -> Step:
        account = self.account
        is_old = (
            isinstance(account.client, Replays)
            and not task.attempts.is_replay_refused
            and is_outdated(job, account.vendor, account.config)
        )
        return after_finish(job, task.attempts, account.rules, is_outdated=is_old)

    async def _checkpoint(self, task: Task, job: ReportJob, event: Event) -> None:
        """Checkpoint the task's job. It is polled only after that."""
        task.job = job
        task.postback_polls.restart()
        task.timeline.enter(Stage.RUNNING)
        if not job.status.is_terminal:
            self.submissions.gate.count(task)
        task.log(event)
        await self._run.checkpoint(task)

    async def _record_failure(self, task: Task, job: ReportJob) -> None:
        """Record that a job failed for good."""
        reason = job.message or str(job.status)
        await self._run.ledger_thread.run(lambda: self._ledger.failed(job, reason))
        task.has_no_result = True
        if job.credits is None:
            self.submissions.credits.give_back(task.request.key)

    def _fail(self, task: Task, error: StreamError) -> None:
        slice_ = str(task.request.slice or "")
        task.error = error.with_location(vendor=self.account.vendor.name, slice_=slice_, job_id=task.job_id)
        task.timeline.enter(Stage.FAILED)
