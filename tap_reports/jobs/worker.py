"""A job's life, from top to bottom: found or submitted, named in the state, polled, downloaded.

Each task is one coroutine, `VendorWorker.run`. What a status leads to is told in `next_step`, what a
submission waits for in `submit`. Calls that block run in the vendor's own threads, so that one that hangs
holds up no other vendor.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from tap_reports.exceptions import CallError, JobUnknown, Stopped, StreamError, defect
from tap_reports.jobs.context import Account, NotYet, Over
from tap_reports.jobs.download import Downloads
from tap_reports.jobs.lookup import is_good_still
from tap_reports.jobs.next_step import Rules, Step, next_step
from tap_reports.jobs.polls import Polls
from tap_reports.jobs.starts import Starts
from tap_reports.jobs.submit import Submissions
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.models import ReportJob
from tap_reports.vendor import Replays, Retries

logger = logging.getLogger("tap-reports.jobs")

DOWNLOAD_THREADS = 8
"""Jobs that were submitted together end together; their files should not queue for a thread."""


class VendorWorker:
    """Takes one vendor's tasks from request to files, within that account's limits.

    Args:
        account: The vendor.
        poll_interval: Seconds between two polls of a job, where its vendor calls when it is done.
    """

    def __init__(self, account: Account, *, poll_interval: float | None = None) -> None:
        self.account = account
        self._run = run = account.run
        threads = run.loop.threads(f"{account.vendor.name}-download", DOWNLOAD_THREADS)
        self._downloads = Downloads(account, threads)
        self.submissions = Submissions(account)
        self._polls = Polls(account, self.submissions, poll_interval)
        self._starts = Starts(account, self.submissions, self._polls)
        vendor = account.vendor
        # A run that looks once can't count what earlier looks have tried: a job that failed is said to have.
        self._rules = Rules(
            retries=vendor.retries if isinstance(account.client, Retries) and not run.looks_once else 0,
            resubmissions=0 if run.looks_once else vendor.resubmissions,
        )

    async def run(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Take a task from request to files; whatever goes wrong ends it with an error that says where.

        Args:
            task: What is wanted.
            known: The state's pending job of it, if any.
        """
        try:
            await self._life(task, known)
            task.timeline.enter(Stage.READY)
            task.log(Event.READY)
        except (Stopped, asyncio.CancelledError):
            return
        except NotYet as error:
            task.again_in = error.seconds
            if task.job is None:
                task.timeline.enter(Stage.WAITING)
        except (StreamError, CallError) as error:
            self._fail(task, StreamError.of(error))
        except Exception as error:
            # A defect of ours must end its stream, not the others.
            logger.debug("traceback", exc_info=True)
            self._fail(task, defect(error))
        finally:
            self.submissions.gate.free(task)
            self._run.unsettled.discard(task)
        self._run.loop.post(Over(task))

    async def _life(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Take a task through its life. `poll_in` is None as long as its job's status is fresh."""
        job, poll_in = await self._starts.begun(task, known)
        while True:
            if poll_in is not None:
                try:
                    job, poll_in = await self._polls.finished(task, job, poll_in), None
                except JobUnknown as error:
                    job, poll_in = await self._starts.without_job(task, job, error)
                    continue
            match await self._next_step(task, job):
                case Step.READY:
                    return
                case Step.DOWNLOAD:
                    files = await self._downloads.files_of(
                        task, job, may_resubmit=bool(self._rules.resubmissions)
                    )
                    if files is not None:
                        task.files = files
                        return
                    job, poll_in = self._downloads.with_link_expired(task, job)
                case Step.REPLAY:
                    job, poll_in = await self._starts.replayed(task, job)
                case Step.RETRY:
                    job, poll_in = await self._starts.retried(task, job)
                case Step.RESUBMIT:
                    job, poll_in = await self._starts.resubmitted(task, job)

    def wake(self, task: Task) -> bool:
        """Poll the task's job as soon as the limits allow, as the vendor says that it is done.

        Returns False if it is not waited for, is to be polled so anyway, or was woken too often.
        """
        return task.stage is Stage.RUNNING and task.wakes.ask(self._run.clock.monotonic())

    async def _next_step(self, task: Task, job: ReportJob) -> Step:
        """Return what to do with a job that is done.

        Raises:
            StreamError: It gives no result, and is not to be resumed.
        """
        try:
            step = next_step(job, task.attempts, self._rules, is_outdated=self._is_outdated(task, job))
        except StreamError:
            await self._starts.drop(task, job)
            raise
        return Step.READY if step is Step.DOWNLOAD and self._run.looks_once else step

    def _is_outdated(self, task: Task, job: ReportJob) -> bool:
        """Return whether a submission was answered with an older job whose data is no longer good."""
        return (
            task.action is Action.SUBMIT
            and isinstance(self.account.client, Replays)
            and not task.attempts.is_replay_refused
            and job.finished_at is not None
            and max(job.finished_at, job.created_at or job.finished_at)
            < job.submitted_at - dt.timedelta(minutes=1)
            and not is_good_still(job, self.account.vendor, self.account.config, self._run.clock.now())
        )

    def _fail(self, task: Task, error: StreamError) -> None:
        slice_ = str(task.request.slice or "")
        task.error = error.placed(vendor=self.account.vendor.name, slice_=slice_, job_id=task.job_id)
        task.timeline.enter(Stage.FAILED)
