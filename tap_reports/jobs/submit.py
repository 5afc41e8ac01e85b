"""Submission: what it waits for, and what becomes of each request that is sent.

Law: submitting again is not free. A request is sent again only where the vendor certainly did not take it, or
where a second one costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tap_reports.exceptions import (
    BadAnswer,
    CallError,
    CallRefused,
    CreditsSpent,
    NotSent,
    QuotaSpent,
    Stopped,
    StreamError,
    SubmissionLost,
)
from tap_reports.jobs.event_loop import CALL_THREADS
from tap_reports.jobs.limits import Credits, Gate
from tap_reports.jobs.poll_policy import busy_wait
from tap_reports.jobs.task import Action, Event, Stage, Task
from tap_reports.ledger.ledger import ABANDONED_SECONDS, Existing, Reservation, Submission, Wait
from tap_reports.models import ReportJob
from tap_reports.vendor import Estimates, LostSubmission

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account
    from tap_reports.models import Estimate

SHORTEST_WAIT_SECONDS = 0.05
NOTED_EVERY_SECONDS = ABANDONED_SECONDS / 4
"""How often other runs are shown that a submission is still waiting for its answer."""
THROTTLED = 429


class Submissions:
    """One vendor's submissions in this run."""

    def __init__(self, account: Account) -> None:
        self.gate = Gate(account.config.max_jobs_in_flight, account.run.clock)
        self.credits = Credits(account.vendor, account.config)
        self._account = account
        self._run = account.run
        self._estimates: dict[str, Estimate] = {}
        self._sending = asyncio.Semaphore(CALL_THREADS)
        self._busy = self._refusals = 0
        self._refused_since = 0.0

    async def submit(self, task: Task, *, refresh: bool = False) -> ReportJob:
        """Submit a task's request as soon as that is allowed. Returns its job, which the ledger has by then.

        Args:
            task: `context.unsettled` has it afterwards: the state does not name the job yet.
            refresh: A result that the vendor has kept would be too old.

        Raises:
            QuotaSpent: A day quota or a credit limit is spent.
            StreamError, CallError: The vendor does not take it, or nobody knows whether it did.
            Stopped: The run is ending.
        """
        job: ReportJob | None = None
        while job is None:
            self._run.unsettled.discard(task)
            self._run.go_on()
            if task.is_cancelled:
                task.timeline.enter(Stage.ABANDONED)
                raise Stopped("its streams have failed")
            self.gate.free(task)
            task.timeline.enter(Stage.WAITING)
            await self.gate.enter(task)
            try:
                # No more are reserved than can be sent: to other runs an old intent is an abandoned one.
                async with self._sending:
                    job = await self._turn(task, refresh=refresh)
            finally:
                self.gate.release_turn(task)
        return job

    async def _turn(self, task: Task, *, refresh: bool) -> ReportJob | None:
        """Use a task's turn: check credits, reserve, send. Returns None if it has to wait for another."""
        await self._reserve_credits(task)
        self._run.unsettled.add(task)
        task.timeline.enter(Stage.SUBMITTING)
        request, context = task.request, self._run

        def reserve() -> Reservation | Existing | Wait:
            wanted = Submission(
                request=request,
                streams=task.streams,
                run_id=context.run_id,
                quotas=self._account.vendor.quotas(self._account.config),
                max_in_flight=self._account.config.max_jobs_in_flight,
                in_flight_hours=self._account.config.job_deadline_seconds / 3600,
                now=context.clock.now(),
                estimate=self.credits.counted(request.key),
            )
            return context.ledger.reserve(wanted)

        place = await context.records.run(reserve)
        if isinstance(place, Wait):
            self._wait_for(task, place)
            return None
        self._busy = 0
        if isinstance(place, Existing):
            self.credits.give_back(request.key)  # whoever submitted it pays
            task.action = Action.RESUME
            return place.job
        if not self._refusals:  # while the vendor refuses, one at a time tries
            self.gate.release_turn(task)
        return await self._send(task, place, refresh=refresh)

    async def _reserve_credits(self, task: Task) -> None:
        """Count what the request costs, if the limits allow it. The vendor is asked what is left at first,
        and again where its last answer less what was submitted since does not suffice.
        """
        client, credits_ = self._account.client, self.credits
        if not isinstance(client, Estimates):
            return
        credits_.give_back(task.request.key)  # an earlier attempt's
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
            raise self.gate.spend(error) from error

    def _wait_for(self, task: Task, wait: Wait) -> None:
        """Wait for a minute quota or a job in flight. A spent day quota ends what it counts."""
        self.credits.give_back(task.request.key)
        if wait.is_day and wait.quota:
            resets = f"at {wait.resets_at.isoformat(timespec='minutes')}" if wait.resets_at else "tomorrow"
            spent = QuotaSpent(
                f"the quota {wait.quota} ({wait.limit} a day) is spent",
                remedy=f"It resets {resets}; run again after that, finished slices are kept.",
            )
            spent.per_day = wait.limit
            raise self.gate.spend(spent, task.request.quota)
        what = f"for {wait.quota}" if wait.quota else "for other jobs of this account that are in flight"
        task.log(Event.WAITING, what, level=logging.DEBUG)
        self._run.wait_or_leave(wait.seconds if wait.quota else self._account.config.poll_interval_seconds)
        self._busy = 0 if wait.quota else self._busy + 1
        self.gate.hold(max(wait.seconds if wait.quota else busy_wait(self._busy), SHORTEST_WAIT_SECONDS))

    async def _send(self, task: Task, place: Reservation, *, refresh: bool) -> ReportJob | None:
        ledger, request = self._run.ledger, task.request
        if self._run.is_ending:
            await self._run.records.run(lambda: ledger.not_sent(place))
            self._run.go_on()

        def send() -> ReportJob:  # in a thread: its answer is in the ledger before anybody waits for it
            try:
                job = self._account.client.submit(request, refresh=refresh)
            except (NotSent, Stopped):  # a run that ends begins no submission
                ledger.not_sent(place)
                raise
            except (SubmissionLost, BadAnswer):  # a BadAnswer came from behind the submission
                ledger.lost(place)
                raise
            except (CallError, QuotaSpent):
                ledger.refused(place)
                raise
            ledger.submitted(place, job)
            return job

        waiting = asyncio.create_task(self._note_waiting(place))
        try:
            job = await self._account.calls.run(send)
        except (SubmissionLost, BadAnswer) as error:
            self._lost(task, error)
            return None
        except (CallError, QuotaSpent) as error:
            self.credits.give_back(request.key)
            self._refused(task, error)
            return None
        except asyncio.CancelledError:  # the run ends, and the answer may never come
            await self._run.records.run(lambda: ledger.lost(place))
            raise
        finally:
            waiting.cancel()
        self._refusals = 0
        return job

    async def _note_waiting(self, place: Reservation) -> None:
        """Show other runs that a submission waits for its turn or answer still: they would send it too."""
        while True:
            await asyncio.sleep(NOTED_EVERY_SECONDS)
            await self._run.records.run(lambda: self._run.ledger.waiting(place))

    def _refused(self, task: Task, error: CallError | QuotaSpent) -> None:
        """Wait before the vendor is asked again, if that may help.

        One that throttles or has too many jobs pending is waited for until the deadline of jobs; a call that
        broke is repeated as often as any other.

        Raises:
            CallError, QuotaSpent: It would not.
        """
        if isinstance(error, QuotaSpent):
            raise self.gate.spend(error, task.request.quota) from error
        may_pass = isinstance(error, CallRefused) or (isinstance(error, NotSent) and error.is_worth_repeating)
        now = self._run.clock.monotonic()
        if not self._refusals:
            self._refused_since = now
        self._refusals += 1
        wait = self._account.policy.wait(self._refusals, error.retry_after)
        left = self._account.config.job_deadline_seconds - (now - self._refused_since)
        tries_on = error.status == THROTTLED or self._refusals <= self._account.policy.max_retries
        if not (may_pass and tries_on and wait <= left):
            raise error
        event = Event.NOT_SENT if isinstance(error, NotSent) else Event.REFUSED
        task.log(event, f"sent again in {wait:.1f} s ({error})", level=logging.WARNING)
        self._run.wait_or_leave(wait)
        self.gate.hold(wait)

    def _lost(self, task: Task, error: SubmissionLost | BadAnswer) -> None:
        """Decide what becomes of a submission whose answer was lost, by what a second one costs.

        Raises:
            StreamError: A second one might be charged.
        """
        task.attempts.losses += 1
        allowed = {LostSubmission.RESEND: self._account.policy.max_retries, LostSubmission.RESEND_ONCE: 1}
        if task.attempts.losses > allowed.get(self._account.vendor.lost_submission, 0):
            at = self._run.clock.now().isoformat(timespec="seconds")
            raise StreamError(
                f"the answer to a submission sent at {at} was lost ({error}); "
                f"{self._account.vendor.title} may or may not have accepted (and charged) it",
                remedy=error.remedy if isinstance(error, SubmissionLost) else SubmissionLost.remedy,
            ) from error
        task.log(Event.LOST, f"sent again ({error})", level=logging.WARNING)
        self.gate.hold(self._account.policy.wait(task.attempts.losses, error.retry_after))
