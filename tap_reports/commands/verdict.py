"""Whether quotas and credits allow a plan today, or how many days it takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from tap_reports.models import Quota
from tap_reports.wording import number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A vendor's quota, and what is left of it."""

    vendor: str
    quota: Quota
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Estimated cost of a vendor's new jobs, and its limits (None: not known)."""

    vendor: str
    cost: Decimal
    left: Decimal | None = None
    per_report: Decimal | None = None
    per_run: Decimal | None = None
    max_cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a plan fits today.

    Attributes:
        fits: All of it can be submitted today.
        days: How many days it takes; None if waiting does not help.
        why: The quotas and credit limits that it exceeds; None if it fits.
    """

    fits: bool
    days: int | None
    why: str | None


def judge(submits: Iterable[tuple[str, str]], limits: Iterable[Limit], budgets: Iterable[Budget]) -> Verdict:
    """Return the verdict. `submits` are vendor and quota (`Quota.counts`) of each new job."""
    jobs = Counter(submits)
    days, reasons = 1, []
    for limit in limits:
        count = jobs[limit.vendor, limit.quota.counts]
        if not limit.quota.is_day or count <= limit.remaining:
            continue  # a sync waits for a shorter quota
        needed = math.ceil((count - limit.remaining) / limit.quota.limit) + (limit.remaining > 0)
        days = max(days, needed)
        reasons.append(_why(limit, count, needed))
    too_expensive = [text for budget in budgets for text in _exceeded(budget)]
    if reasons or too_expensive:
        why = "; ".join([*reasons, *too_expensive])
        return Verdict(fits=False, days=None if too_expensive else days, why=why)
    return Verdict(fits=True, days=1 if jobs else 0, why=None)


def _why(limit: Limit, count: int, days: int) -> str:
    a_day = limit.quota.limit
    left = f"{a_day:,} a day left"
    if limit.remaining < a_day:
        left = f"{limit.remaining:,} left today, {a_day:,} a day"
    jobs = f"{number_of(count, 'job')} to submit"
    return f"{limit.vendor} {limit.quota.name}: {jobs}, {left}: {number_of(days, 'day')}"


def _exceeded(budget: Budget) -> Iterator[str]:
    """Yield each credit limit that the jobs exceed; waiting does not help."""
    name = f"{budget.vendor} credits"
    if budget.left is not None and budget.cost > budget.left:
        yield f"{name}: about {budget.cost:,} needed, {budget.left:,} left"
    if budget.per_run is not None and budget.cost > budget.per_run:
        yield f"{name}: about {budget.cost:,} needed, max_credits_per_run is {budget.per_run:,}"
    if budget.per_report is not None and budget.max_cost > budget.per_report:
        yield f"{name}: a report needs {budget.max_cost:,}, max_credits_per_report is {budget.per_report:,}"
