"""A job's life, from top to bottom: found or submitted, named in the state, polled, downloaded.

Each task is one coroutine, `VendorWorker.run`. What a status leads to is told in `next_step`, what a
submission waits for in `submit`. Calls that block run in the vendor's own threads, so that one that hangs
holds up no other vendor.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallError,
    CallRejected,
    CallsFailed,
    FileError,
    JobFailed,
    JobTimeout,
    JobUnknown,
    LinkExpired,
    Stopped,
    StreamError,
)
from tap_reports.jobs.context import NotYet, Over, RunContext
from tap_reports.jobs.download import Downloads
from tap_reports.jobs.lookup import is_good_still, lookup
from tap_reports.jobs.next_step import Rules, Step, failure, next_step
from tap_reports.jobs.poll_policy import PollPolicy
from tap_reports.jobs.submit import Submissions
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.models import JobStatus, ReportFile, ReportJob
from tap_reports.vendor import ClientContext, Replays, ReportClient, Retries, Vendor, VendorConfig

if TYPE_CHECKING:
    from tap_reports.http.api import RetryPolicy

logger = logging.getLogger("tap-reports.jobs")

CALL_THREADS = 8
DOWNLOAD_THREADS = 8
"""Jobs that were submitted together end together; their files should not queue for a thread."""
UNKNOWN_GRACE = 2
"""Polls in a row of a fresh job that may say "unknown": a vendor's status can lag behind its own answer."""
ODD_GRACE = 3
"""Polls in a row that may make no sense (done without a link) before the job counts as failed."""
PASSING = frozenset({304, 408, 409, 425})
"""Answers to a poll that say nothing of the job."""
THROTTLED = re.compile(r"throttl|rate.?limit|too many", re.IGNORECASE)
"""What a 403 says that does not mean the credentials."""
EVENTS = {
    Action.SUBMIT: Event.SUBMITTED,
    Action.RESUME: Event.RESUMED,
    Action.REUSE: Event.REUSED,
    Action.REPLAY: Event.REPLAYED,
}


class VendorWorker:
    """Takes one vendor's tasks from request to files, within that account's limits.

    Args:
        vendor, config, client: The vendor.
        tools: Its sessions.
        policy: For broken calls.
        context: What all vendors share.
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
        context: RunContext,
        poll_interval: float | None = None,
    ) -> None:
        self.vendor = vendor
        self.config = config
        self.client = client
        self._policy = policy
        self._context = context
        self._clock = context.clock
        self._calls = context.loop.threads(vendor.name, CALL_THREADS)
        self._downloads = Downloads(
            client,
            tools,
            policy=replace(policy, deadline=config.job_deadline_seconds),
            threads=context.loop.threads(f"{vendor.name}-download", DOWNLOAD_THREADS),
            context=context,
        )
        self.submissions = Submissions(
            vendor, config, client, policy=policy, calls=self._calls, context=context
        )
        # A run that looks once can't count what earlier looks have tried: a job that failed is said to have.
        self._rules = Rules(
            retries=vendor.retries if isinstance(client, Retries) and not context.looks_once else 0,
            resubmissions=0 if context.looks_once else vendor.resubmissions,
        )
        self._ask_again = PollPolicy(
            interval=config.poll_interval_seconds,
            max_interval=config.poll_max_interval_seconds,
            deadline=config.job_deadline_seconds,
        )
        self._poll_policy = self._ask_again
        if poll_interval:
            self._poll_policy = replace(self._ask_again, interval=poll_interval, max_interval=poll_interval)

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
        except StreamError as error:
            self._fail(task, error)
        except CallError as error:
            self._fail(task, CallsFailed.of(error))
        except Exception as error:
            # A defect of ours must end its stream, not the others.
            logger.debug("Unexpected error", exc_info=True)
            self._fail(task, StreamError(f"unexpected {type(error).__name__}: {error}"))
        finally:
            self.submissions.gate.free(task)
            self._context.unsettled.discard(task)
        self._context.loop.post(Over(task))

    async def _life(self, task: Task, known: Mapping[str, Any] | None) -> None:
        """Take a task through its life. `poll_in` is None as long as its job's status is fresh."""
        job, poll_in = await self._begun(task, known)
        while True:
            if poll_in is not None:
                try:
                    job, poll_in = await self._finished(task, job, poll_in), None
                except JobUnknown as error:
                    job, poll_in = await self._without_job(task, job, error)
                    continue
            match await self._next_step(task, job):
                case Step.READY:
                    return
                case Step.DOWNLOAD:
                    files = await self._downloaded(task, job)
                    if files is not None:
                        task.files = files
                        return
                    job, poll_in = self._with_link_expired(task, job)
                case Step.REPLAY:
                    job, poll_in = await self._replayed(task, job)
                case Step.RETRY:
                    job, poll_in = await self._retried(task, job)
                case Step.RESUBMIT:
                    job, poll_in = await self._resubmitted(task, job)

    def wake(self, task: Task) -> bool:
        """Poll the task's job as soon as the limits allow, as the vendor says that it is done.

        Returns False if it is not waited for, is to be polled so anyway, or was woken too often.
        """
        return task.stage is Stage.RUNNING and task.wakes.ask(self._clock.monotonic())

    # --- to a job ---------------------------------------------------------------------------------------

    async def _begun(self, task: Task, known: Mapping[str, Any] | None) -> tuple[ReportJob, float | None]:
        """Find the task's job, or submit it. Tasks are looked up one by one, so that they submit in order."""
        context = self._context
        found = await context.records.run(
            lambda: lookup(
                task.request,
                known,
                ledger=context.ledger,
                vendor=self.vendor,
                config=self.config,
                client=self.client,
                now=self._clock.now(),
            )
        )
        if found.note:
            logger.log(found.level, "%s", found.note)
        task.action, task.job = found.action, found.job
        if found.job is None:
            return await self._submitted(task, refresh=found.refresh)
        if found.action is Action.REPLAY:
            return await self._replayed(task, found.job)
        if found.job.status is JobStatus.EMPTY:
            return found.job, None
        await self._named(task, found.job, EVENTS[found.action])
        return found.job, 0.0

    async def _submitted(
        self, task: Task, *, refresh: bool = False, event: Event | None = None
    ) -> tuple[ReportJob, float]:
        """Submit, and have the state name the job."""
        task.action, task.job = Action.SUBMIT, None
        job = await self.submissions.submit(task, refresh=refresh)
        is_ours = task.action is Action.SUBMIT  # else another run's job, just submitted
        await self._named(task, job, event or EVENTS[task.action])
        return job, self._poll_policy.wait(0, 0.0) if is_ours else 0.0

    async def _named(self, task: Task, job: ReportJob, event: Event) -> None:
        """Have the state name the task's job; it is polled only after that."""
        task.job = job
        task.wakes.restart()
        task.timeline.enter(Stage.RUNNING)
        if not job.status.is_terminal:
            self.submissions.gate.count(task)
        task.log(event)
        await self._context.checkpoint(task)

    # --- to its end -------------------------------------------------------------------------------------

    async def _finished(self, task: Task, job: ReportJob, poll_in: float) -> ReportJob:
        """Poll a job until it is done, whatever its end.

        Raises:
            JobTimeout: It is not done at its deadline.
            JobUnknown: The vendor does not know it, or not any more.
            CallError: It can't be asked for.
        """
        began, polls, odd = self._clock.monotonic(), 0, 0
        while True:
            if poll_in:
                self._context.wait_or_leave(poll_in)
            await task.wakes.sleep(poll_in, self._clock.monotonic)
            polls += 1
            try:
                polled = await self._polled(job)
            except (BadAnswer, CallBroken, CallRejected) as error:
                odd += 1
                if odd > self._grace(task, error):
                    raise
                task.log(Event.ASKED_AGAIN, error, level=logging.WARNING)
                policy, asked = self._ask_again, error.retry_after
            else:
                await self._note(task, job, polled)
                job, odd, policy, asked = polled, 0, self._poll_policy, polled.retry_after
                if job.status.is_terminal:
                    return job
            waited = self._clock.monotonic() - began
            if policy.is_over(waited):
                raise _timeout(job, waited, policy)
            poll_in = policy.wait(polls, waited, asked)

    async def _polled(self, job: ReportJob) -> ReportJob:
        """Return the job as the vendor sees it; a job whose link has gone counts as expired."""
        try:
            polled = await self._calls.run(lambda: self.client.poll(job))
        except LinkExpired as error:
            return replace(job, status=JobStatus.EXPIRED, message=str(error))
        if polled.status.is_terminal and polled.finished_at is None:
            return replace(polled, finished_at=self._clock.now())
        return polled

    def _grace(self, task: Task, error: CallError) -> int:
        """Return how many polls in a row may end so."""
        is_throttled = error.status == 403 and THROTTLED.search(error.answer)
        match error:
            case JobUnknown():
                return UNKNOWN_GRACE if task.action is Action.SUBMIT else 0
            case BadAnswer():
                return ODD_GRACE
            case CallBroken() if error.retry_after is None:
                return 0  # it was repeated already
            case CallRejected() if not is_throttled and error.status not in PASSING:
                return 0
            case _:
                return self._policy.max_retries

    async def _note(self, task: Task, before: ReportJob, job: ReportJob) -> None:
        """Keep what a poll brought."""
        task.job = job
        if job.status.is_terminal:
            self.submissions.gate.free(task)
        elif task.timeline.began is None and job.status is JobStatus.RUNNING:
            task.timeline.began = self._clock.monotonic()
        if job.unknown_word and job.word != before.word:
            task.log(Event.UNKNOWN, f'unknown status "{job.word}", waited out', level=logging.WARNING)
        if job.status is not before.status or job.credits != before.credits:
            await self._context.records.run(lambda: self._context.ledger.seen(job))
            if not job.status.is_terminal and not job.unknown_word:
                task.log(Event.RUNNING, job.word, level=logging.DEBUG)
        if job.credits is not None and task.action is Action.SUBMIT:
            self.submissions.credits.correct(task.request.key, job.credits)

    async def _without_job(self, task: Task, job: ReportJob, error: JobUnknown) -> tuple[ReportJob, float]:
        """Submit again, as the vendor does not know an earlier run's job."""
        if task.action is Action.SUBMIT:
            raise StreamError(str(error), remedy="Run again: a new job is submitted then.") from error
        task.log(Event.UNKNOWN, f"submitted again ({error.answer})", level=logging.WARNING)
        await self._context.records.run(lambda: self._context.ledger.forget(job))
        return await self._submitted(task)

    async def _next_step(self, task: Task, job: ReportJob) -> Step:
        """Return what to do with a job that is done.

        Raises:
            StreamError: It gives no result, and is not to be resumed.
        """
        try:
            step = next_step(job, task.attempts, self._rules, is_outdated=self._is_outdated(task, job))
        except StreamError:
            await self._drop(task, job)
            raise
        return Step.READY if step is Step.DOWNLOAD and self._context.looks_once else step

    async def _drop(self, task: Task, job: ReportJob) -> None:
        """Note that a job came to nothing."""
        said = job.message or str(job.status)
        await self._context.records.run(lambda: self._context.ledger.failed(job, said))
        task.is_dropped = True
        if job.credits is None:
            self.submissions.credits.give_back(task.request.key)

    def _is_outdated(self, task: Task, job: ReportJob) -> bool:
        """Return whether a submission was answered with an older job whose data is no longer good."""
        return (
            task.action is Action.SUBMIT
            and isinstance(self.client, Replays)
            and not task.attempts.is_replay_refused
            and job.finished_at is not None
            and max(job.finished_at, job.created_at or job.finished_at)
            < job.submitted_at - dt.timedelta(minutes=1)
            and not is_good_still(job, self.vendor, self.config, self._clock.now())
        )

    # --- once more --------------------------------------------------------------------------------------

    async def _retried(self, task: Task, job: ReportJob) -> tuple[ReportJob, float]:
        """Have the vendor retry a failed job."""
        client = self.client
        if not isinstance(client, Retries):
            raise TypeError(f"{self.vendor.name} has no retry")
        task.attempts.retries += 1
        try:
            again = await self._calls.run(lambda: client.retry(job))
        except AccessDenied:
            raise
        except CallRejected as error:
            # Resumed, it would be refused again: the next run submits again.
            await self._drop(task, job)
            said = f"{job.message}; no retry: {error}" if job.message else f"no retry: {error}"
            raise failure(replace(job, message=said)) from error
        return await self._run_again(task, again, Event.RETRIED)

    async def _replayed(self, task: Task, job: ReportJob) -> tuple[ReportJob, float | None]:
        """Have the vendor run a finished job again, for newer data."""
        client = self.client
        if not isinstance(client, Replays):
            raise TypeError(f"{self.vendor.name} has no replay")
        try:
            again = await self._calls.run(lambda: client.replay(job))
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
        await self._context.records.run(lambda: self._context.ledger.seen(again))
        await self._named(task, again, event)
        return again, self._poll_policy.wait(0, 0.0)

    async def _resubmitted(self, task: Task, job: ReportJob) -> tuple[ReportJob, float]:
        """Submit once more, as the vendor's guide asks for."""
        task.attempts.resubmissions += 1
        said = job.message or str(job.status)
        await self._context.records.run(lambda: self._context.ledger.failed(job, said))
        task.log(Event.RESUBMITTED, said, level=logging.WARNING)
        return await self._submitted(task)

    # --- to its files -----------------------------------------------------------------------------------

    async def _downloaded(self, task: Task, job: ReportJob) -> tuple[ReportFile, ...] | None:
        """Return a job's files, None if its link has expired."""
        task.timeline.enter(Stage.DOWNLOADING)
        began = self._clock.monotonic()
        try:
            files = await self._downloads.fetch(job)
        except LinkExpired as error:
            task.attempts.link_renewals += 1
            task.log(Event.LINK_EXPIRED, error, level=logging.WARNING)
            if task.attempts.link_renewals > 1 and not self._rules.resubmissions:
                raise FileError(
                    f"the download link had expired, and so had the new one ({error})",
                    remedy="Run again: the finished job is asked for another link, without a new submission.",
                ) from error
            return None
        size, seconds = sum(file.bytes for file in files), self._clock.monotonic() - began
        await self._context.records.run(
            lambda: self._context.ledger.downloaded(job, size=size, seconds=seconds)
        )
        return files

    def _with_link_expired(self, task: Task, job: ReportJob) -> tuple[ReportJob, float | None]:
        """Poll again for a new link; if that one is no better, the result is gone."""
        if task.attempts.link_renewals > 1:
            return replace(job, status=JobStatus.EXPIRED, message="its download links had expired"), None
        task.timeline.enter(Stage.RUNNING)
        return job, 0.0

    def _fail(self, task: Task, error: StreamError) -> None:
        slice_ = str(task.request.slice or "")
        task.error = error.placed(vendor=self.vendor.name, slice_=slice_, job_id=task.job_id)
        task.timeline.enter(Stage.FAILED)


def _timeout(job: ReportJob, waited: float, policy: PollPolicy) -> JobTimeout:
    word = f'"{job.word}"' + (" (unknown to this tap)" if job.unknown_word else "")
    return JobTimeout(
        f"the job was still {word if job.word else job.status} after "
        f"{waited:.0f} s (job_deadline_seconds {policy.deadline:g})"
    )
