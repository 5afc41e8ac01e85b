"""`--plan`: what a sync would do now."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_reports.client import ReportClient
from tap_reports.commands import console as tables
from tap_reports.commands.plan_table import parts
from tap_reports.commands.verdict import Budget, Limit, verdict
from tap_reports.exceptions import CallError, StreamError
from tap_reports.jobs.next_step import find_job
from tap_reports.jobs.task import Action
from tap_reports.redaction import redact
from tap_reports.vendor import Estimates, Replays, Vendor

if TYPE_CHECKING:
    from tap_reports.models import ReportRequest
    from tap_reports.streams import ReportStream
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

Json = dict[str, Any]


def plan(run: Run, streams: Iterable[ReportStream], *, as_json: bool) -> int:
    """Print what a sync would do now. Returns the exit status: 1 if a stream could not be planned."""
    errors: list[str] = []
    content = planned(run, streams, errors)
    if as_json:
        tables.write_json(content)
    else:
        console = tables.stdout_console()
        tables.show(console, parts(content, console))
    for error in errors:
        logger.error("not planned: %s", error)
    return 1 if errors else 0


# --- what there is to do ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """How a request comes to its job, what that would cost, and what the vendor says to it."""

    request: ReportRequest
    action: Action
    cost: Decimal | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Planner:
    """What each slice's job would be; streams of one request share it."""

    run: Run
    vendors: dict[str, tuple[Vendor, ReportClient]]
    jobs: dict[str, PlannedJob] = field(default_factory=dict)
    """By request key."""

    def stream(self, stream: ReportStream) -> Json:
        parts = stream.extraction.plan.slices
        days = [part.days for part in parts if part.days]
        return {
            "stream": stream.name,
            "replication_method": stream.replication_method,
            "first_day": days[0].start if days else None,
            "last_day": days[-1].end if days else None,
            "slices": [self.slice(stream, request) for part in parts for request in part.requests],
            "warnings": self.warnings(request.key for part in parts for request in part.requests),
        }

    def warnings(self, keys: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(redact(text) for key in keys for text in self.jobs[key].warnings))

    def slice(self, stream: ReportStream, request: ReportRequest) -> Json:
        vendor, client = self.vendors[request.vendor]
        found = find_job(
            request,
            self.run.ledger.find(request.key),
            stream.bookmark_state.pending(request.key),
            vendor=vendor,
            config=client.config,
            can_replay=isinstance(client, Replays),
            now=self.run.clock.now(),
        )
        if request.key not in self.jobs:
            job = PlannedJob(request, found.action)
            if found.action is Action.SUBMIT and isinstance(client, Estimates):
                estimate = client.estimate(request)
                job = PlannedJob(request, found.action, estimate.credits, estimate.warnings)
            self.jobs[request.key] = job
        days = request.slice
        return {
            "start": days.start if days else None,
            "end": days.end if days else None,
            "action": str(found.action),
            "job_id": found.job.id if found.job else None,
            "estimated_credits": self.jobs[request.key].cost,
        }

    def totals(self) -> Json:
        actions = [job.action for job in self.jobs.values()]
        estimates = [job.cost for job in self.jobs.values() if job.cost is not None]
        counts: Json = {str(action): actions.count(action) for action in Action}
        return {**counts, "estimated_credits": sum(estimates, Decimal(0)) if estimates else None}

    def verdict(self, quotas: Iterable[Json]) -> Json:
        left = {(one["vendor"], one["quota"]): one["remaining"] for one in quotas}
        limits: list[Limit] = []
        budgets: list[Budget] = []
        submits = [job for job in self.jobs.values() if job.action is Action.SUBMIT]
        for name, (vendor, client) in self.vendors.items():
            limits += [
                Limit(vendor=name, quota=quota, remaining=left[name, quota.name])
                for quota in vendor.quotas(client.config)
                if (name, quota.name) in left
            ]
            costs = [job.cost for job in submits if job.request.vendor == name and job.cost is not None]
            if costs:
                per_report, per_run = vendor.max_credits(client.config)
                budgets.append(
                    Budget(
                        vendor=name,
                        cost=sum(costs, Decimal(0)),
                        max_cost=max(costs),
                        left=left.get((name, "credits")),
                        per_report=per_report,
                        per_run=per_run,
                    )
                )
        return verdict([(job.request.vendor, job.request.quota) for job in submits], limits, budgets)


def planned(run: Run, streams: Iterable[ReportStream], errors: list[str]) -> Json:
    """Return the plan; what can't be planned is added to `errors`."""
    planner = _Planner(run, {vendor.name: (vendor, client) for vendor, client in run.vendors})
    found = []
    for stream in streams:
        before = dict(planner.jobs)
        try:
            found.append(planner.stream(stream))
        except (StreamError, CallError) as error:
            planner.jobs = before  # what is not in the plan is not in its sums
            failed = StreamError.from_error(error)
            errors.append(redact(failed.with_location(vendor=stream.report.vendor, stream=stream.name)))
    quotas = list(_quotas(run, planner.vendors.values(), errors))
    verdict_ = planner.verdict(quotas)
    return {"streams": found, "quotas": quotas, "totals": planner.totals(), "verdict": verdict_}


def _quotas(run: Run, vendors: Iterable[tuple[Vendor, ReportClient]], errors: list[str]) -> Iterator[Json]:
    for vendor, client in vendors:
        quotas = list(vendor.quotas(client.config))
        for use in run.ledger.usage(vendor.name, client.account, quotas, run.clock.now()):
            yield {
                "vendor": vendor.name,
                "quota": use.name,
                "limit": use.limit,
                "used": use.used,
                "remaining": use.remaining,
                "resets_at": use.resets_at.isoformat(timespec="seconds") if use.resets_at else None,
            }
        if isinstance(client, Estimates):
            yield _credits(vendor, client, errors)


def _credits(vendor: Vendor, client: Estimates, errors: list[str]) -> Json:
    left = None
    try:
        left = client.remaining_credits()
    except CallError as error:
        errors.append(redact(StreamError.from_error(error).with_location(vendor=vendor.name)))
    unknown = {"limit": None, "used": None}
    return {"vendor": vendor.name, "quota": "credits", **unknown, "remaining": left, "resets_at": None}
