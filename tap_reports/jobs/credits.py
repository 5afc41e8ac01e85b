"""What reports may cost: the limits that the user set, and what is left of the account's credits. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.exceptions import CreditsSpent, StreamError, counted

if TYPE_CHECKING:
    from tap_reports.vendor import Vendor, VendorConfig

NOTHING = Decimal(0)


class Credits:
    """One account's credits in this run: estimates until the vendor says what it charged.

    Args:
        vendor, config: The vendor.

    Attributes:
        left: The account's credits, less what was submitted since the vendor was asked; None if it was not.
    """

    def __init__(self, vendor: Vendor, config: VendorConfig) -> None:
        self._per_report, self._per_run = vendor.max_credits(config)
        self._costs: dict[str, Decimal] = {}
        self.left: Decimal | None = None

    @property
    def used(self) -> Decimal:
        """What this run's reports cost so far."""
        return sum(self._costs.values(), NOTHING)

    def counted(self, key: str) -> Decimal | None:
        """Return what is counted for a report; None where the vendor has no credits."""
        return self._costs.get(key)

    def suffice_for(self, cost: Decimal) -> bool:
        """Return whether the account's credits are known to suffice, so that the vendor need not be asked."""
        return self.left is not None and self.left >= cost

    def take(self, key: str, cost: Decimal) -> None:
        """Count a request that is about to be submitted.

        Raises:
            StreamError: This report costs too much.
            CreditsSpent: So would every other one in this run.
        """
        costs = f"the report would cost {counted(cost, 'credit')}"
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
        """Count what a report costs in place of what was counted for it so far."""
        if self.left is not None:
            self.left -= cost - self._costs.get(key, NOTHING)
        self._costs[key] = cost

    def give_back(self, key: str) -> None:
        """Count nothing for a report that was not accepted, or came to nothing."""
        if key in self._costs:
            self.correct(key, NOTHING)
