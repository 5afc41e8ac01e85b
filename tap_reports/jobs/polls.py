"""Polling a job until it is done, and what is kept of each answer."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_reports.exceptions import (
    BadAnswer,
    CallBroken,
    CallError,
    CallRejected,
    JobTimeout,
    JobUnknown,
    LinkExpired,
)
from tap_reports.jobs.poll_policy import PollPolicy
from tap_reports.jobs.task import Action, Event, Task
from tap_reports.models import JobStatus, ReportJob
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account
    from tap_reports.jobs.submit import Submissions

UNKNOWN_GRACE = 2
"""Polls in a row of a fresh job that may say "unknown": a vendor's status can lag behind its own answer."""
ODD_GRACE = 3
"""Polls in a row that may make no sense (done without a link) before the job counts as failed."""
PASSING = frozenset({304, 408, 409, 425})
"""Answers to a poll that say nothing of the job."""
THROTTLED = re.compile(r"throttl|rate.?limit|too many", re.IGNORECASE)
"""What a 403 says that does not mean the credentials."""


class Polls:
    """One vendor's polls.

    Args:
        account: The vendor.
        submissions: Told of jobs that are done, and of what they cost.
        interval: Seconds between two polls of a job, where its vendor calls when it is done.
    """

    def __init__(self, account: Account, submissions: Submissions, interval: float | None) -> None:
        self._account = account
        self._submissions = submissions
        self._run = account.run
        self._clock = account.run.clock
        config = account.config
        self._ask_again = PollPolicy(
            interval=config.poll_interval_seconds,
            max_interval=config.poll_max_interval_seconds,
            deadline=config.job_deadline_seconds,
        )
        self._poll_policy = self._ask_again
        if interval:
            self._poll_policy = replace(self._ask_again, interval=interval, max_interval=interval)

    def first_wait(self) -> float:
        """Return how long a job that has just been submitted is left alone."""
        return self._poll_policy.wait(0, 0.0)

    async def finished(self, task: Task, job: ReportJob, poll_in: float) -> ReportJob:
        """Poll a job until it is done, whatever its end.

        Raises:
            JobTimeout: It is not done at its deadline.
            JobUnknown: The vendor does not know it, or not any more.
            CallError: It can't be asked for.
        """
        began, polls, odd = self._clock.monotonic(), 0, 0
        while True:
            if poll_in:
                self._run.wait_or_leave(poll_in)
            await task.wakes.sleep(poll_in, self._clock.monotonic)
            polls += 1
            try:
                polled = await self._account.calls.run(partial(self._poll, job))
            except (BadAnswer, CallBroken, CallRejected) as error:
                odd += 1
                if odd > self._allowed_failures(task, error):
                    raise
                task.log(Event.ASKED_AGAIN, error, level=logging.WARNING)
                policy, asked = self._ask_again, error.retry_after
            else:
                self._note(task, job, polled)
                job, odd, policy, asked = polled, 0, self._poll_policy, polled.retry_after
                if job.status.is_terminal:
                    return job
            waited = self._clock.monotonic() - began
            if policy.is_over(waited):
                raise _timeout(job, waited, policy)
            poll_in = policy.wait(polls, waited, asked)

    def _poll(self, job: ReportJob) -> ReportJob:
        """Return the job as the vendor sees it; one whose link has gone counts as expired.

        In a thread: what is new stands in the ledger before anybody goes on with it.
        """
        try:
            polled = self._account.client.poll(job)
        except LinkExpired as error:
            polled = replace(job, status=JobStatus.EXPIRED, message=str(error))
        if polled.message or polled.unknown_word:  # a vendor's text: it is logged, kept and shown
            polled = replace(polled, word=redact(polled.word), message=redact(polled.message))
        # One that runs again has not finished, whatever its client still knows.
        ended = (polled.finished_at or self._clock.now()) if polled.status.is_terminal else None
        if polled.finished_at != ended:
            polled = replace(polled, finished_at=ended)
        if polled.status is not job.status or polled.credits != job.credits:
            self._run.ledger.seen(polled)
        return polled

    def _allowed_failures(self, task: Task, error: CallError) -> int:
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
                return self._account.policy.max_retries

    def _note(self, task: Task, before: ReportJob, job: ReportJob) -> None:
        """Act on what a poll brought."""
        task.job = job
        if job.status.is_terminal:
            self._submissions.gate.free(task)
        elif task.timeline.began is None and job.status is JobStatus.RUNNING:
            task.timeline.began = self._clock.monotonic()
        if job.unknown_word and job.word != before.word:
            task.log(Event.UNKNOWN, f'unknown status "{job.word}", waited out', level=logging.WARNING)
        if job.status is not before.status and not job.status.is_terminal and not job.unknown_word:
            task.log(Event.RUNNING, job.word, level=logging.DEBUG)
        if job.credits is not None and task.action is Action.SUBMIT:
            self._submissions.credits.correct(task.request.key, job.credits)


def _timeout(job: ReportJob, waited: float, policy: PollPolicy) -> JobTimeout:
    word = f'"{job.word}"' + (" (unknown to this tap)" if job.unknown_word else "")
    return JobTimeout(
        f"the job was still {word if job.word else job.status} after "
        f"{waited:.0f} s (job_deadline_seconds {policy.deadline:g})"
    )
