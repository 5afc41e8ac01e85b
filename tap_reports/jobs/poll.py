"""Polling a job until it is done: how often, how long, and what is recorded of each answer."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_reports.clock import TOLERANCE_SECONDS
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRejected,
    JobTimeout,
    JobUnknown,
    LinkExpired,
    StreamError,
)
from tap_reports.jobs.next_step import Step, after_poll_error, is_new
from tap_reports.jobs.task import Action, Event, Task
from tap_reports.models import JobStatus, ReportJob
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account
    from tap_reports.jobs.submit import Submissions

UNKNOWN_REMEDY = (
    "Look for the job in the vendor's account. The next run asks for it again, and submits a new one if the "
    "vendor still does not know it."
)
KEPT_REMEDY = "The job is kept: the next run polls it again, without a new submission."
GROWTH = 1.1
"""A wait is about a tenth of the job's age, so a run lasts at most a tenth longer than its longest job."""


class Polls:
    """One vendor's polls.

    Args:
        account: The vendor.
        submissions: Notified of jobs that are done, and of what they cost.
        interval: Seconds between two polls of a job, if its vendor calls when it is done.
    """

    def __init__(self, account: Account, submissions: Submissions, interval: float | None) -> None:
        self._account = account
        self._submissions = submissions
        self._run = account.run
        self._clock = account.run.clock
        self._interval = interval
        self._deadline = account.config.job_deadline_seconds
        """Maximum seconds from submission (or, for a resumed job, from the first poll)."""

    async def until_done(self, task: Task, job: ReportJob, *, at_once: bool) -> ReportJob | None:
        """Poll a job until it is done: `at_once`, or after a first wait.

        Returns None if the vendor does not know it, and it was not submitted by this run.

        Raises:
            JobTimeout: It is not done at its deadline.
            StreamError, CallError: It can't be polled.
        """
        began, polls, failures = self._clock.monotonic(), 0, 0
        wait = 0.0 if at_once else self._wait(0, 0.0)
        while True:
            if wait:
                self._run.raise_if_not_waiting(wait)
            await task.postback_polls.sleep(wait, self._clock.monotonic)
            polls += 1
            try:
                polled = await self._account.calls.run(partial(self._poll, job))
            except (BadAnswer, CallBroken, CallRejected) as error:
                failures += 1
                if not self._is_polled_again(task, job, error, failures):
                    return None
                retry_after = error.retry_after
            else:
                self._update(task, job, polled)
                job, failures, retry_after = polled, 0, polled.retry_after
                if job.status.is_terminal:
                    return job
            waited = self._clock.monotonic() - began
            if waited >= self._deadline - TOLERANCE_SECONDS:
                raise _timeout(job, waited, self._deadline)
            wait = self._wait(polls, waited, retry_after, is_broken=failures > 0)

    def _wait(
        self, polls: int, waited: float, retry_after: float | None = None, *, is_broken: bool = False
    ) -> float:
        """Return the seconds until the next poll: exponential with jitter, capped, never past the deadline.

        Args:
            polls: Polls so far.
            waited: Seconds of the deadline already used.
            retry_after: Seconds that the vendor asked to wait; honoured even if longer than our maximum.
            is_broken: True if the last poll returned no status: the next one does not wait for a postback.
        """
        config = self._account.config
        first, maximum = config.poll_interval_seconds, config.poll_max_interval_seconds
        if self._interval and not is_broken:
            first = maximum = self._interval
        grown = min(maximum, first * GROWTH ** min(polls, 200))
        jittered = max(grown * random.uniform(0.85, 1.0), retry_after or 0.0)
        left = self._deadline - waited
        return min(jittered, left) if left > 0 else jittered

    def _is_polled_again(
        self, task: Task, job: ReportJob, error: BadAnswer | CallBroken | CallRejected, failures: int
    ) -> bool:
        """Return whether a job is polled again, or else submitted again, after a poll without a status.

        Raises:
            StreamError, CallError: Neither. The next run resumes it.
        """
        is_own, rules = task.action is Action.SUBMIT, self._account.rules
        is_recent = is_new(job, self._clock.now())
        match after_poll_error(error, rules, failures=failures, is_own=is_own, is_new=is_recent):
            case Step.POLL_LATER:
                is_expected = isinstance(error, JobUnknown) and not is_own
                level = logging.DEBUG if is_expected else logging.WARNING
                task.log(Event.POLLED_AGAIN, error, level=level)
                return True
            case Step.SUBMIT:
                task.log(Event.UNKNOWN, f"submitted again ({error.answer})", level=logging.WARNING)
                return False
        match error:
            case JobUnknown():
                raise StreamError(str(error), remedy=UNKNOWN_REMEDY) from error
            case CallRejected() if not isinstance(error, AccessDenied):
                raise StreamError(str(error), remedy=KEPT_REMEDY) from error
        raise error

    def _poll(self, job: ReportJob) -> ReportJob:
        """Return the job with its current status; EXPIRED if its link has expired.

        Runs in a thread: the ledger has a new status before it is acted on.
        """
        try:
            polled = self._account.client.poll(job)
        except LinkExpired as error:
            polled = replace(job, status=JobStatus.EXPIRED, message=str(error))
        if polled.message or polled.unknown_word:  # a vendor's text: it is logged, stored and shown
            polled = replace(polled, word=redact(polled.word), message=redact(polled.message))
        # A job that runs again has not finished, even if its client still has an old time.
        ended = (polled.finished_at or self._clock.now()) if polled.status.is_terminal else None
        if polled.finished_at != ended:
            polled = replace(polled, finished_at=ended)
        if polled.status is not job.status or polled.credits != job.credits:
            self._run.ledger.seen(polled)
        return polled

    def _update(self, task: Task, before: ReportJob, job: ReportJob) -> None:
        """Update the task from a poll."""
        task.job = job
        if job.status.is_terminal:
            self._submissions.gate.free(task)
        elif task.timeline.running_since is None and job.status is JobStatus.RUNNING:
            task.timeline.running_since = self._clock.monotonic()
        if job.unknown_word and job.word != before.word:
            task.log(Event.UNKNOWN, f'unknown status "{job.word}", waited out', level=logging.WARNING)
        if job.status is not before.status and not job.status.is_terminal and not job.unknown_word:
            task.log(Event.RUNNING, job.word, level=logging.DEBUG)
        if job.credits is not None and task.action is Action.SUBMIT:
            self._submissions.credits.correct(task.request.key, job.credits)


def _timeout(job: ReportJob, waited: float, deadline: float) -> JobTimeout:
    word = f'"{job.word}"' + (" (unknown to this tap)" if job.unknown_word else "")
    return JobTimeout(
        f"the job was still {word if job.word else job.status} after "
        f"{waited:.0f} s (job_deadline_seconds {deadline:g})"
    )
