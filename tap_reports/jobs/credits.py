"""What reports may cost: the limits that the user set, and what is left of the account's credits."""

from __future__ import annotations

import logging
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.exceptions import CreditsSpent, QuotaSpent

if TYPE_CHECKING:
    from tap_reports.jobs.task import Task
    from tap_reports.vendor import Estimates, Vendor, VendorConfig


class Credits:
    """One account's credits in this run.

    Args:
        vendor, config: The vendor.
    """

    def __init__(self, vendor: Vendor, config: VendorConfig) -> None:
        self._per_report, self._per_run = vendor.max_credits(config)
        self._lock = threading.Lock()
        self._used = Decimal(0)
        self._left: Decimal | None = None

    @property
    def left(self) -> Decimal | None:
        """The account's credits, less what was submitted since the vendor was asked; None if it was not."""
        return self._left

    def afford(self, client: Estimates, task: Task) -> Decimal:
        """Return the request's cost, and count it, if the limits allow it.

        Raises:
            QuotaSpent: This report costs too much.
            CreditsSpent: So would every other one in this run.
        """
        estimate = client.estimate(task.request)
        for text in estimate.warnings:
            task.log(f"vendor warns: {text}", level=logging.WARNING)
        cost = estimate.credits
        if self._per_report is not None and cost > self._per_report:
            raise QuotaSpent(
                f"the report would cost {cost} credits, max_credits_per_report is {self._per_report}",
                remedy="Raise the limit, shorten slice_days, or ask for fewer columns or filters.",
            )
        with self._lock:
            if self._per_run is not None and self._used + cost > self._per_run:
                raise CreditsSpent(
                    f"the report would cost {cost} credits and {self._used} are used in this run, "
                    f"max_credits_per_run is {self._per_run}",
                    remedy="Run again to go on, or raise the limit; finished slices are kept.",
                )
            self._used += cost
        left = self._left_after(client, cost)
        if left is not None and left < 0:
            raise CreditsSpent(
                f"the report would cost {cost} credits, {left + cost} are left",
                remedy="Wait for the next period's credits or buy more; finished slices are kept.",
            )
        return cost

    def _left_after(self, client: Estimates, cost: Decimal) -> Decimal | None:
        """Return the credits left after a report. The vendor is asked at first, and again where its last
        answer less what was submitted since does not suffice.
        """
        with self._lock:
            left = self._left
            if left is not None and left >= cost:
                self._left = left - cost
                return self._left
        asked = client.remaining_credits()
        if asked is None:
            return None
        with self._lock:
            self._left = asked - cost
        return asked - cost
