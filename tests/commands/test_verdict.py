"""The verdict of `--plan`: whether it fits today, or how many days it takes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tap_reports.commands.verdict import Budget, Limit, Verdict, judge
from tap_reports.models import Quota

DAY = Quota(name="reports_per_day", limit=100, seconds=86400)
MINUTE = Quota(name="reports_per_minute", limit=5, seconds=60)


def judged(jobs, quota=DAY, remaining=100, *budgets):
    submits = [("impact", "report")] * jobs
    return judge(submits, [Limit(vendor="impact", quota=quota, remaining=remaining)], budgets)


def test_more_jobs_than_a_day_takes_are_days():
    why = "impact reports_per_day: 268 jobs to submit, 100 a day left: 3 days"
    assert judged(268) == Verdict(fits=False, days=3, why=why)


@pytest.mark.parametrize(
    ("jobs", "remaining", "days"),
    [(0, 0, 0), (100, 100, 1), (101, 100, 2), (90, 10, 2), (90, 0, 1), (101, 0, 2)],
)
def test_what_is_left_today_counts_as_a_day(jobs, remaining, days):
    verdict = judged(jobs, remaining=remaining)
    assert (verdict.days, verdict.fits) == (days, jobs <= remaining)


def test_a_minute_quota_does_not_matter():
    assert judged(50, MINUTE, 5).fits


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"left": Decimal(9)}, "about 12 needed, 9 left"),
        ({"per_run": Decimal(11)}, "max_credits_per_run is 11"),
        ({"per_report": Decimal(7)}, "max_credits_per_report is 7"),
    ],
)
def test_too_few_credits_do_not_fit_on_any_day(limits, said):
    budget = Budget(vendor="similarweb", cost=Decimal(12), max_cost=Decimal(8), **limits)
    verdict = judged(1, DAY, 100, budget)
    assert (verdict.fits, verdict.days) == (False, None)
    assert said in verdict.why


def test_a_quota_counts_its_own_kind_of_job_only():
    clicks = Quota(name="clicks_per_day", limit=10, seconds=86400, counts="click")
    assert judged(50, clicks, 0) == Verdict(fits=True, days=1, why=None)
