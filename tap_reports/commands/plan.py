"""`--plan`: what a sync would do now."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tap_reports.client import ReportClient
from tap_reports.commands.verdict import Budget, Limit, Verdict, judge
from tap_reports.console import output
from tap_reports.exceptions import CallError, StreamError
from tap_reports.jobs.next_step import find_job
from tap_reports.jobs.task import Action
from tap_reports.redaction import redact
from tap_reports.vendor import Estimates, Replays, Vendor
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tap_reports.models import Estimate, ReportRequest
    from tap_reports.streams import ReportStream
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

Json = dict[str, Any]
STYLES = {"submit": "bold yellow", "resume": "cyan", "reuse": "green", "replay": "magenta"}
SLICE_WIDTH, ACTION_WIDTH = 24, 6


def plan(run: Run, streams: Iterable[ReportStream], *, as_json: bool) -> int:
    """Print what a sync would do now. Returns the exit status: 1 if a stream could not be planned."""
    errors: list[str] = []
    content = _plan_content(run, streams, errors)
    console = output.stdout_console()
    if as_json:
        output.write_json(content)
    else:
        output.show(plan_lines(content, console), console)
    for error in errors:
        logger.error("not planned: %s", error)
    return 1 if errors else 0


def _plan_content(run: Run, streams: Iterable[ReportStream], errors: list[str]) -> Json:
    """Return the plan as the JSON has it. What can't be planned is added to `errors`."""
    planner = _Planner(run, {vendor.name: (vendor, client) for vendor, client in run.vendors})
    planned = []
    for stream in streams:
        before = dict(planner.jobs)
        try:
            planned.append(planner.plan_stream(stream))
        except (StreamError, CallError) as error:
            planner.jobs = before  # the sums must not include what is not in the plan
            failed = StreamError.from_error(error)
            errors.append(redact(failed.with_location(vendor=stream.report.vendor, stream=stream.name)))
    quotas = list(_quotas(run, errors))
    return {
        "streams": planned,
        "quotas": quotas,
        "totals": planner.totals(),
        "verdict": asdict(planner.verdict(quotas)),
    }


@dataclass(frozen=True, slots=True)
class _PlannedJob:
    request: ReportRequest
    action: Action
    estimate: Estimate | None

    @property
    def credits(self) -> Decimal | None:
        return self.estimate.credits if self.estimate else None


@dataclass(slots=True)
class _Planner:
    """Plans each slice's job; streams with the same request share it. `jobs` are by request key."""

    run: Run
    vendors: dict[str, tuple[Vendor, ReportClient]]
    jobs: dict[str, _PlannedJob] = field(default_factory=dict)

    def plan_stream(self, stream: ReportStream) -> Json:
        plan = stream.extraction.plan
        days = [slice_plan.days for slice_plan in plan.slices if slice_plan.days]
        slices = [self._plan_slice(stream, request) for request in plan.requests]
        jobs = [self.jobs[request.key] for request in plan.requests]
        warnings = [text for job in jobs if job.estimate for text in job.estimate.warnings]
        return {
            "stream": stream.name,
            "replication_method": stream.replication_method,
            "first_day": days[0].start if days else None,
            "last_day": days[-1].end if days else None,
            "slices": slices,
            "warnings": list(dict.fromkeys(map(redact, warnings))),
        }

    def _plan_slice(self, stream: ReportStream, request: ReportRequest) -> Json:
        vendor, client = self.vendors[request.vendor]
        lookup = find_job(
            request,
            self.run.ledger.find(request.key),
            stream.extraction.state.pending(request.key),
            vendor=vendor,
            config=client.config,
            can_replay=isinstance(client, Replays),
            now=self.run.clock.now(),
        )
        if request.key not in self.jobs:
            estimate = None
            if lookup.action is Action.SUBMIT and isinstance(client, Estimates):
                estimate = client.estimate(request)
            self.jobs[request.key] = _PlannedJob(request, lookup.action, estimate)
        days = request.slice
        return {
            "start": days.start if days else None,
            "end": days.end if days else None,
            "action": str(lookup.action),
            "job_id": lookup.job.id if lookup.job else None,
            "estimated_credits": self.jobs[request.key].credits,
        }

    def totals(self) -> Json:
        counts = Counter(job.action for job in self.jobs.values())
        costs = [job.credits for job in self.jobs.values() if job.credits is not None]
        return {
            **{str(action): counts[action] for action in Action},
            "estimated_credits": sum(costs, Decimal(0)) if costs else None,
        }

    def verdict(self, quotas: Iterable[Json]) -> Verdict:
        left = {(quota["vendor"], quota["quota"]): quota["remaining"] for quota in quotas}
        submits = [job for job in self.jobs.values() if job.action is Action.SUBMIT]
        limits: list[Limit] = []
        budgets: list[Budget] = []
        for name, (vendor, client) in self.vendors.items():
            limits += [
                Limit(vendor=name, quota=quota, remaining=left[name, quota.name])
                for quota in vendor.quotas(client.config)
                if (name, quota.name) in left
            ]
            costs = [job.credits for job in submits if job.request.vendor == name and job.credits is not None]
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
        return judge([(job.request.vendor, job.request.quota) for job in submits], limits, budgets)


def _quotas(run: Run, errors: list[str]) -> Iterator[Json]:
    for vendor, client in run.vendors:
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
            left = None
            try:
                left = client.remaining_credits()
            except CallError as error:
                errors.append(redact(StreamError.from_error(error).with_location(vendor=vendor.name)))
            unknown = {"limit": None, "used": None, "remaining": left, "resets_at": None}
            yield {"vendor": vendor.name, "quota": "credits", **unknown}


def plan_lines(content: Json, console: Console) -> Iterator[RenderableType]:
    """Yield what the console shows of a plan."""
    if not content["streams"]:
        yield "No stream can be planned."
    elif console.is_terminal:
        for stream in content["streams"]:
            yield from _stream_lines(stream)
    else:
        columns = ["stream", "slice", "action", "job id", "credits"]
        rows = [row for stream in content["streams"] for row in _table_rows(stream)]
        yield output.table(columns, rows, title="Plan", numbers=["credits"])
    if content["quotas"]:
        keys = ("vendor", "quota", "used", "limit", "remaining")
        rows = [
            [*(quota[key] for key in keys), output.utc_second(quota["resets_at"])]
            for quota in content["quotas"]
        ]
        columns = ["vendor", "quota", "used", "limit", "left", "resets at (UTC)"]
        yield output.table(columns, rows, title="Quotas", numbers=columns[2:5])
    for stream in content["streams"]:
        for text in stream["warnings"]:
            yield output.cell(f"{stream['stream']}: {text}", "yellow")
    yield output.cell(_total(content["totals"]), "bold")
    if why := content["verdict"]["why"]:
        yield output.cell(f"Does not fit today. {why}", "bold red")


def _stream_lines(stream: Json) -> Iterator[RenderableType]:
    """Yield a stream's name and days, and a line for each slice, within 80 columns."""
    days = output.day_range(stream["first_day"], stream["last_day"])
    count = len(stream["slices"])
    about = f"{days}, {number_of(count, 'job')}" if stream["first_day"] else "snapshot"
    yield Text.assemble((stream["stream"], "bold"), (f"  {about if count else 'nothing new'}", "dim"))
    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in (SLICE_WIDTH, ACTION_WIDTH, None):
        grid.add_column(width=width)
    for slice_ in stream["slices"]:
        cost = slice_["estimated_credits"]
        grid.add_row(
            f"  {output.day_range(slice_['start'], slice_['end'])}",
            output.cell(slice_["action"], STYLES[slice_["action"]]),
            " ".join(filter(None, [slice_["job_id"], number_of(cost, "credit") if cost is not None else ""])),
        )
    yield grid


def _table_rows(stream: Json) -> Iterator[list[Any]]:
    """Yield one line a slice with every value, for `grep` and the like."""
    for slice_ in stream["slices"]:
        days = output.day_range(slice_["start"], slice_["end"])
        yield [stream["stream"], days, slice_["action"], slice_["job_id"], slice_["estimated_credits"]]
    if not stream["slices"]:
        yield [stream["stream"], None, "nothing new", None, None]


def _total(totals: Json) -> str:
    counts = {name: count for name, count in totals.items() if name in STYLES and count}
    if not counts:
        return "Nothing to do."
    total = sum(counts.values())
    text = f"{number_of(total, 'job')}: " + ", ".join(f"{count} to {name}" for name, count in counts.items())
    cost = totals["estimated_credits"]
    return text if cost is None else f"{text}; about {number_of(cost, 'credit')}"
