"""Submission: what it waits for, and what happens after each answer.

Invariant: submitting again is not free. A request is sent again only if the vendor certainly did not accept
it, or if a second job costs little by `Vendor.lost_submission`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from tap_reports.exceptions import (
    BadAnswer,
    CallError,
    CreditsSpent,
    NotSent,
    QuotaSpent,
    Stopped,
    StreamError,
    SubmissionLost,
)
from tap_reports.jobs.event_loop import CALL_THREADS
from tap_reports.jobs.limits import Credits, Gate
from tap_reports.jobs.next_step import Step, after_submission_error, after_wait
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.ledger.quota import Wait
from tap_reports.ledger.reserve import ABANDONED_SECONDS, Existing, Reservation, Submission
from tap_reports.models import ReportJob
from tap_reports.vendor import Estimates

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account
    from tap_reports.models import Estimate

MIN_WAIT_SECONDS = 0.05
MAX_IN_FLIGHT_WAIT_SECONDS = 15.0
"""Maximum wait before the ledger is asked again while too many jobs are in flight; the first is a second."""
NOTE_WAITING_SECONDS = ABANDONED_SECONDS / 4
"""How often the ledger is told that a submission is still waiting for its answer."""


class Submissions:
    """One vendor's submissions in this run."""

    def __init__(self, account: Account) -> None:
        self.gate = Gate(account.config.max_jobs_in_flight, account.run.clock)
        self.credits = Credits(account.vendor, account.config)
        self._account = account
        self._run = account.run
        self._estimates: dict[str, Estimate] = {}
        self._sending = asyncio.Semaphore(CALL_THREADS)
        self._in_flight_waits = self._refusals = 0
        self._refused_since = 0.0

    async def submit(self, task: Task, *, refresh: bool = False) -> ReportJob:
        """Submit a task's request as soon as that is allowed. Returns its job, which the ledger has by then.

        Args:
            task: It is in `context.unconfirmed` afterwards: the written state does not have the job yet.
            refresh: True if a result that the vendor has cached would be too old.

        Raises:
            QuotaSpent: A day quota or a credit limit is spent.
            StreamError, CallError: The vendor does not accept it, or the outcome is unknown.
            Stopped: The run is stopping.
        """
        job: ReportJob | None = None
        while job is None:
            self._run.unconfirmed.discard(task)
            self._run.raise_if_stopping()
            if task.is_cancelled:
                task.timeline.enter(Stage.ABANDONED)
                raise Stopped("its streams have failed")
            self.gate.free(task)
            task.timeline.enter(Stage.WAITING)
            await self.gate.enter(task)
            try:
                # No more are reserved than can be sent: other runs take an old reservation for abandoned.
                async with self._sending:
                    job = await self._try_submit(task, refresh=refresh)
            finally:
                self.gate.release_turn(task)
        return job

    async def _try_submit(self, task: Task, *, refresh: bool) -> ReportJob | None:
        """Check credits, reserve and send. Returns None if the task has to wait for another turn."""
        await self._reserve_credits(task)
        self._run.unconfirmed.add(task)
        task.timeline.enter(Stage.SUBMITTING)
        request, context = task.request, self._run

        def reserve() -> Reservation | Existing | Wait:
            submission = Submission(
                request=request,
                streams=task.streams,
                run_id=context.run_id,
                quotas=self._account.vendor.quotas(self._account.config),
                max_in_flight=self._account.config.max_jobs_in_flight,
                in_flight_hours=self._account.config.job_deadline_seconds / 3600,
                now=context.clock.now(),
                estimate=self.credits.cost_of(request.key),
            )
            return context.ledger.reserve(submission)

        reservation = await context.ledger_thread.run(reserve)
        if isinstance(reservation, Wait):
            self._wait_for(task, reservation)
            return None
        self._in_flight_waits = 0
        if isinstance(reservation, Existing):
            self.credits.give_back(request.key)  # the run that submitted it counts them
            task.action = Action.RESUME
            return reservation.job
        if not self._refusals:  # while the vendor refuses, one at a time tries
            self.gate.release_turn(task)
        return await self._send(task, reservation, refresh=refresh)

    async def _reserve_credits(self, task: Task) -> None:
        """Count what the request costs, if the limits allow it.

        The vendor is asked for the remaining credits first, and again when its last answer, less what was
        submitted since, does not suffice.
        """
        client, credits_ = self._account.client, self.credits
        if not isinstance(client, Estimates):
            return
        credits_.give_back(task.request.key)  # those of an earlier attempt
        estimate = self._estimates.get(task.request.key)
        if estimate is None:
            estimate = await self._account.calls.run(lambda: client.estimate(task.request))
            self._estimates[task.request.key] = estimate
            for text in estimate.warnings:
                task.log(Event.WARNED, text, level=logging.WARNING)
        if not credits_.suffice_for(estimate.credits):
            credits_.left = await self._account.calls.run(client.remaining_credits)
        try:
            credits_.take(task.request.key, estimate.credits)
        except CreditsSpent as error:
            raise self.gate.mark_spent(error) from error

    def _wait_for(self, task: Task, wait: Wait) -> None:
        """Wait for a quota by minute or hour, or until fewer jobs are in flight.

        Raises:
            QuotaSpent: A day quota is spent, also for all other tasks that count in it.
        """
        self.credits.give_back(task.request.key)
        if after_wait(wait) is Step.FAIL:
            resets = f"at {wait.resets_at.isoformat(timespec='minutes')}" if wait.resets_at else "tomorrow"
            spent = QuotaSpent(
                f"the quota {wait.quota} ({wait.limit} a day) is spent",
                remedy=f"It resets {resets}; run again after that, finished slices are kept.",
            )
            spent.per_day = wait.limit
            raise self.gate.mark_spent(spent, task.request.quota)
        what = f"for {wait.quota}" if wait.quota else "for other jobs of this account that are in flight"
        task.log(Event.WAITING, what, level=logging.DEBUG)
        self._run.raise_if_not_waiting(
            wait.seconds if wait.quota else self._account.config.poll_interval_seconds
        )
        self._in_flight_waits = 0 if wait.quota else self._in_flight_waits + 1
        seconds = wait.seconds if wait.quota else _in_flight_wait(self._in_flight_waits)
        self.gate.hold(max(seconds, MIN_WAIT_SECONDS))

    async def _send(self, task: Task, reservation: Reservation, *, refresh: bool) -> ReportJob | None:
        ledger, request = self._run.ledger, task.request
        if self._run.is_stopping:
            await self._run.ledger_thread.run(lambda: ledger.not_sent(reservation))
            self._run.raise_if_stopping()

        def send() -> ReportJob:  # in a thread: the ledger has the answer before it is used
            try:
                job = self._account.client.submit(request, refresh=refresh)
            except (NotSent, Stopped):  # a stopping run sends no submission
                ledger.not_sent(reservation)
                raise
            except (SubmissionLost, BadAnswer):  # a BadAnswer came after the submission was sent
                ledger.lost(reservation)
                raise
            except (CallError, QuotaSpent):
                ledger.refused(reservation)
                raise
            ledger.submitted(reservation, job)
            return job

        waiting = asyncio.create_task(self._note_waiting(reservation))
        try:
            job = await self._account.calls.run(send)
        except (SubmissionLost, BadAnswer) as error:
            self._after_loss(task, error)
            return None
        except (CallError, QuotaSpent) as error:
            self.credits.give_back(request.key)
            self._after_refusal(task, error)
            return None
        except asyncio.CancelledError:  # the run ends, perhaps without the answer
            await self._run.ledger_thread.run(lambda: ledger.lost(reservation))
            raise
        finally:
            waiting.cancel()
        self._refusals = 0
        return job

    async def _note_waiting(self, reservation: Reservation) -> None:
        """Keep telling the ledger that a submission waits for its answer, or other runs would send it."""
        while True:
            await asyncio.sleep(NOTE_WAITING_SECONDS)
            await self._run.ledger_thread.run(lambda: self._run.ledger.keep_alive(reservation))

    def _after_refusal(self, task: Task, error: CallError | QuotaSpent) -> None:
        """Hold back all submissions for a while, if the vendor may accept them later.

        Raises:
            CallError, QuotaSpent: It will not.
        """
        if isinstance(error, QuotaSpent):
            raise self.gate.mark_spent(error, task.request.quota) from error
        now = self._run.clock.monotonic()
        if not self._refusals:
            self._refused_since = now
        self._refusals += 1
        wait = self._account.policy.wait(self._refusals, error.retry_after)
        left = self._account.config.job_deadline_seconds - (now - self._refused_since)
        rules = self._account.rules
        step = after_submission_error(error, rules, times=self._refusals, wait=wait, seconds_left=left)
        if step is Step.FAIL:
            raise error
        event = Event.NOT_SENT if isinstance(error, NotSent) else Event.REFUSED
        task.log(event, f"sent again in {wait:.1f} s ({error})", level=logging.WARNING)
        self._run.raise_if_not_waiting(wait)
        self.gate.hold(wait)

    def _after_loss(self, task: Task, error: SubmissionLost | BadAnswer) -> None:
        """Send a submission again whose answer was lost.

        Raises:
            StreamError: A second one might be charged.
        """
        task.attempts.losses += 1
        if after_submission_error(error, self._account.rules, times=task.attempts.losses) is Step.FAIL:
            at = self._run.clock.now().isoformat(timespec="seconds")
            raise StreamError(
                f"the answer to a submission sent at {at} was lost ({error}); "
                f"{self._account.vendor.title} may or may not have accepted (and charged) it",
                remedy=error.remedy if isinstance(error, SubmissionLost) else SubmissionLost.remedy,
            ) from error
        task.log(Event.LOST, f"sent again ({error})", level=logging.WARNING)
        self.gate.hold(self._account.policy.wait(task.attempts.losses, error.retry_after))


def _in_flight_wait(times: int) -> float:
    """Return the seconds until the ledger is asked again: longer each time, so that hundreds of runs on one
    account ask it seldom.
    """
    return min(MAX_IN_FLIGHT_WAIT_SECONDS, 2.0 ** min(times - 1, 16)) * random.uniform(0.6, 1.0)
