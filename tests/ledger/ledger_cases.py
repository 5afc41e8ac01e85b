"""Requests, jobs and submissions of one account, for the tests of the ledger."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.reserve import Reservation, Submission
from tap_reports.models import Quota, ReportJob, ReportRequest, Slice

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)
MINUTE_QUOTA = Quota(name="reports_per_minute", limit=2, seconds=60)
DAY_QUOTA = Quota(name="reports_per_day", limit=3, seconds=86400)


class Clock:
    """Stands still unless moved."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self.time = now

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += seconds * SECOND


def request_of(day: int = 1, **changes) -> ReportRequest:
    date = dt.date(2026, 2, day)
    request = ReportRequest(
        vendor="acme",
        account="a1",
        api_url="https://api.example.com",
        report="campaign_daily",
        slice=Slice(date, date),
        settled_on=date + dt.timedelta(days=1),
    )
    return replace(request, **changes)


def job_of(request: ReportRequest, job_id: str = "j1", **changes) -> ReportJob:
    return ReportJob(**{"request": request, "id": job_id, "submitted_at": NOON} | changes)


def wanted_of(request: ReportRequest, now: dt.datetime, **changes) -> Submission:
    given = {
        "streams": ["acme_campaign_daily"],
        "run_id": "run1",
        "quotas": [],
        "max_in_flight": 100,
        "in_flight_hours": 1.0,
    }
    return Submission(request=request, now=now, **given | changes)


def reserve(ledger: Ledger, request: ReportRequest, **changes):
    return ledger.reserve(wanted_of(request, ledger._clock.now(), **changes))


def submit(ledger: Ledger, request: ReportRequest, job_id: str = "j1", run_id: str = "run1") -> ReportJob:
    reservation = reserve(ledger, request, run_id=run_id)
    assert isinstance(reservation, Reservation)
    job = job_of(request, job_id, submitted_at=ledger._clock.now())
    ledger.submitted(reservation, job)
    return job


def open_jobs(ledger: Ledger, first: int = 1, last: int = 28, stream: str = "acme_campaign_daily"):
    like = request_of(1, parameters={"other": True})
    days = dt.date(2026, 2, first), dt.date(2026, 2, last)
    return [record.job_id for record in ledger.open_jobs(like, stream=stream, first=days[0], last=days[1])]
