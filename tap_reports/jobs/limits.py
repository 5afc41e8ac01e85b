"""Limits of submissions: an account's credits, and its jobs in flight.

One task submits at a time, the earliest first: what does not suffice for all goes to the earliest slices.
"""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.clock import TOLERANCE_SECONDS
from tap_reports.exceptions import CreditsSpent, QuotaSpent, StreamError
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.jobs.task import Task
    from tap_reports.vendor import Vendor, VendorConfig

ALL_QUOTAS = ""
"""The key for spent credits: nothing more can be submitted to the vendor."""
NOTHING = Decimal(0)


class Credits:
    """One account's credits in this run: estimates until the vendor says what it charged.

    Args:
        vendor, config: The vendor.

    Attributes:
        left: The account's credits as the vendor said last, less what was submitted since; None before.
    """

    def __init__(self, vendor: Vendor, config: VendorConfig) -> None:
        self._per_report, self._per_run = vendor.max_credits(config)
        self._costs: dict[str, Decimal] = {}
        self.left: Decimal | None = None

    @property
    def used(self) -> Decimal:
        """What this run's reports have cost so far."""
        return sum(self._costs.values(), NOTHING)

    def cost_of(self, key: str) -> Decimal | None:
        """Return the credits counted for a report; None if the vendor has no credits."""
        return self._costs.get(key)

    def suffice_for(self, cost: Decimal) -> bool:
        """Return whether the account's credits are known to suffice, so that the vendor need not be asked."""
        return self.left is not None and self.left >= cost

    def take(self, key: str, cost: Decimal) -> None:
        """Count a request that is about to be submitted.

        Raises:
            StreamError: This report costs too much.
            CreditsSpent: The credits do not suffice; the vendor gets no more submissions in this run.
        """
        costs = f"the report would cost {number_of(cost, 'credit')}"
        if self._per_report is not None and cost > self._per_report:
            raise StreamError(
                f"{costs}, max_credits_per_report is {self._per_report}",
                remedy="Raise the limit, shorten slice_days, or ask for fewer columns or filters.",
            )
        if self._per_run is not None and self.used + cost > self._per_run:
            raise CreditsSpent(
                f"{costs} and {self.used} are used in this run, max_credits_per_run is {self._per_run}",
                remedy="Run again to go on, or raise the limit; finished slices are kept.",
            )
        if self.left is not None and self.left < cost:
            raise CreditsSpent(
                f"{costs}, {self.left} are left",
                remedy="Wait for the next period's credits or buy more; finished slices are kept.",
            )
        self.correct(key, cost)

    def correct(self, key: str, cost: Decimal) -> None:
        """Replace the credits counted for a report."""
        if self.left is not None:
            self.left -= cost - self._costs.get(key, NOTHING)
        self._costs[key] = cost

    def give_back(self, key: str) -> None:
        """Remove the credits of a report that was not accepted, or whose job failed."""
        if key in self._costs:
            self.correct(key, NOTHING)


class Gate:
    """One account's submissions.

    Args:
        max_in_flight: Maximum of jobs that are submitted and not yet terminal.
        clock: The time.
    """

    def __init__(self, max_in_flight: int, clock: Clock) -> None:
        self._max_in_flight = max_in_flight
        self._clock = clock
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, Task, asyncio.Future[None]]] = []
        self._in_flight: set[Task] = set()
        self._turn: Task | None = None
        self._held_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._spent: dict[str, QuotaSpent] = {}

    @property
    def held_seconds(self) -> float:
        """How long submissions are held back by a quota or a busy vendor; 0 if they are not."""
        return max(0.0, self._held_until - self._clock.monotonic())

    async def enter(self, task: Task) -> None:
        """Wait for the task's turn. From then on it counts as a job in flight, until `free`.

        Raises:
            QuotaSpent: Nothing more can be submitted for it in this run.
        """
        self._check(task)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (task.order, next(self._numbers), task, future))
        self._admit()
        try:
            await future
            self._check(task)
        except BaseException:
            future.cancel()
            self.free(task)
            self.release_turn(task)
            raise

    def release_turn(self, task: Task) -> None:
        """End the task's turn, if it has it."""
        if self._turn is task:
            self._turn = None
            self._admit()

    def count(self, task: Task) -> None:
        """Count a job that already runs as one in flight."""
        self._in_flight.add(task)

    def free(self, task: Task) -> None:
        """No longer count the task's job as one in flight."""
        if task in self._in_flight:
            self._in_flight.discard(task)
            self._admit()

    def hold(self, seconds: float) -> None:
        """Submit nothing for `seconds` seconds."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    def mark_spent(self, error: QuotaSpent, quota: str = ALL_QUOTAS) -> QuotaSpent:
        """Fail all waiting and later submissions that count in the quota; running jobs continue.

        Returns the error to raise.
        """
        self._spent.setdefault(quota, error)
        for _, _, task, future in self._waiting:
            if (spent := self._spent_for(task)) and not future.done():
                future.set_exception(spent)
        return copy.copy(error)

    def _check(self, task: Task) -> None:
        if spent := self._spent_for(task):
            raise spent

    def _spent_for(self, task: Task) -> QuotaSpent | None:
        """Return the error of a spent quota; a copy, because each task adds its own location."""
        spent = self._spent.get(ALL_QUOTAS) or self._spent.get(task.request.quota)
        return copy.copy(spent) if spent else None

    def _admit(self) -> None:
        """Give the turn to the first waiting task, if one may submit now."""
        while self._waiting and self._waiting[0][3].done():
            heapq.heappop(self._waiting)
        if self._turn or not self._waiting or len(self._in_flight) >= self._max_in_flight:
            return
        if self.held_seconds > TOLERANCE_SECONDS:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self.held_seconds, self._admit)
            return
        _, _, self._turn, future = heapq.heappop(self._waiting)
        self._in_flight.add(self._turn)
        future.set_result(None)
