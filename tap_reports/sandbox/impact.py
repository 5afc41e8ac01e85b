"""impact.com's API for brands, partners and agencies: reports, exports, jobs."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tap_reports.sandbox import impact_catalog as catalog
from tap_reports.sandbox import impact_data as data
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.impact_jobs import NAME, ImpactJobs
from tap_reports.sandbox.impact_reports import REPORTS
from tap_reports.sandbox.jobs import Job
from tap_reports.sandbox.limits import DayQuota, RollingLimit
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Shared

PREFIXES = {"Advertisers": "brand", "Mediapartners": "partner", "Agencies": "agency"}
FORMATS = ("CSV", "JSON", "XML")


class Impact:
    """Routes and state."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        options = shared.options
        self.hour = RollingLimit(options.limit(options.requests_per_hour), 3600.0)
        self.reports = DayQuota(options.reports_per_day, shared.time)
        self.clicks = DayQuota(options.clicks_per_day, shared.time)
        self._known: dict[str, str] = {}
        self._jobs = ImpactJobs(shared, self._part, self._count)

    def routes(self) -> list[Route]:
        """Return the routes of all three prefixes."""
        table = [
            ("GET", "CompanyInformation", "company", catalog.company),
            ("GET", "Reports", "list", catalog.reports),
            ("GET", "Reports/{report}/MetaData", "metadata", catalog.metadata),
            ("GET", "ReportExport/{report}", "submit", self._export),
            ("GET", "Jobs", "jobs", self._jobs.listed),
            ("GET", "Jobs/{job_id}", "poll", self._jobs.status),
            ("PUT", "Jobs/{job_id}/Replay", "replay", self._jobs.replay),
        ]
        routes = [
            Route(method, f"/{prefix}/{{sid}}/{path}", NAME, kind, self._guard(prefix, call))
            for prefix in PREFIXES
            for method, path, kind, call in table
        ]
        for prefix in PREFIXES:
            download = self._guard(prefix, self._jobs.download)
            path = f"/{prefix}/{{sid}}/Jobs/{{job_id}}/Download"
            routes.append(Route("GET", path, NAME, "download", download, self._jobs.kind_of_download))
        for prefix, path in (
            ("Mediapartners", "ClickExport"),
            ("Advertisers", "Programs/{program}/ClickExport"),
        ):
            guarded = self._guard(prefix, self._click_export)
            routes.append(Route("GET", f"/{prefix}/{{sid}}/{path}", NAME, "submit", guarded))
        return routes

    def expected(
        self, report: str, start: dt.date | None, end: dt.date | None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return a report's rows; `report` may be `clicks`; `program_ids`, `revision`."""
        first = start or self._shared.time.today()
        query = data.Query(report, first, end or first, tuple(what.get("program_ids", ())))
        return list(self._rows(query, what.get("revision", 0)))

    def clear(self) -> None:
        """Forget quotas and known requests."""
        for part in (self.hour, self.reports, self.clicks, self._known):
            part.clear()

    def _guard(self, prefix: str, call: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        accounts = self._shared.accounts
        pair = base64.b64encode(f"{accounts.impact_sid}:{accounts.impact_word}".encode()).decode()

        def guarded(request: Request) -> Answer:
            if request.headers.get("Authorization") != f"Basic {pair}":
                return error("Unauthorized", 401)
            if request.params["sid"] != accounts.impact_sid:
                return error("Forbidden", 403)
            request.params |= {"prefix": prefix, "kind": PREFIXES[prefix]}
            now = self._shared.time.monotonic()
            with self._shared.jobs.lock:
                allowed = self.hour.take(now)
            limits = self._limits(PREFIXES[prefix], now)
            if not allowed:
                return answer_json(
                    {"Status": "ERROR", "Message": "Rate limit exceeded"},
                    429,
                    limits | self._wait(request, now),
                )
            answer = call(request)
            answer.headers |= limits
            return answer

        return guarded

    def _limits(self, kind: str, now: float) -> dict[str, str]:
        left, reset = str(self.hour.left(now)), str(round(self.hour.reset_in(now)))
        if kind == "partner":
            names = ("X-RateLimit-Limit-hour", "X-RateLimit-Remaining-hour", "RateLimit-Reset")
        else:
            names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        return dict(zip(names, (str(self.hour.limit), left, reset), strict=True))

    def _wait(self, request: Request, now: float) -> dict[str, str]:
        partner = request.params["kind"] == "partner"
        return {"Retry-After": str(max(1, round(self.hour.reset_in(now))))} if partner else {}

    def _export(self, request: Request) -> Answer:
        name, kind = request.params["report"], request.params["kind"]
        spec = REPORTS.get(name)
        if spec is None and kind == "partner":
            return error(f"Report {name} not found", 404)
        if spec is None or kind not in spec.kinds or not spec.accessible:
            return error(f"Not permitted to run report {name}")
        program = request.value("SUBAID")
        if spec.needs_program and not program:
            return error("SUBAID is required")
        today = self._shared.time.today().isoformat()
        default = "" if spec.is_dated else today
        start = _day(default or request.value("START_DATE") or request.value("StartDate"))
        end = _day(default or request.value("END_DATE") or request.value("EndDate"))
        if start > end:
            return error("START_DATE must not be after END_DATE")
        return self._submit(
            request, data.Query(name, start, end, (program,) if program else ()), self.reports
        )

    def _click_export(self, request: Request) -> Answer:
        day = _day(request.value("Date") or self._shared.time.today().isoformat())
        named = (
            [request.params["program"]] if "program" in request.params else request.query.get("ProgramId", [])
        )
        return self._submit(request, data.Query("clicks", day, day, tuple(named)), self.clicks)

    def _submit(self, request: Request, query: data.Query, quota: DayQuota) -> Answer:
        """Take a request: the same parameters hand back the job that there is, at the same price."""
        form = request.value("ResultFormat", "CSV").upper()
        if form not in FORMATS:
            return error("Invalid result format. Must be one of CSV, JSON or XML")
        if form == "XML":
            return error("XML is not served by the sandbox")
        shared, key = self._shared, json.dumps([request.path, request.query], sort_keys=True)
        with shared.jobs.lock:
            if not quota.take():
                return self._quota_spent(request, quota)
            shared.jobs.accepted[NAME] += 1
            job = shared.jobs.get(NAME, self._known.get(key, ""))
            if job is None:
                what = {
                    "query": query,
                    "format": form,
                    "base": f"/{request.params['prefix']}/{request.params['sid']}",
                }
                job = shared.jobs.add(NAME, query.report, what)
                self._known[key] = job.id
                self._jobs.announce(job)
        request.job_id = job.id
        uri = f"{job.what['base']}/Jobs/{job.id}"
        answer = {"Status": "QUEUED", "QueuedUri": uri, "ResultUri": f"{uri}/Download"}
        return answer_json(
            answer if request.params["kind"] == "brand" else answer | {"ReplayUri": f"{uri}/Replay"}
        )

    def _quota_spent(self, request: Request, quota: DayQuota) -> Answer:
        now = self._shared.time.now()
        midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
        seconds = str(int((midnight - now).total_seconds()) + 1)
        partner = request.params["kind"] == "partner"
        headers = {"Retry-After": seconds} if partner else {}
        message = f"Daily limit of {quota.limit} requests exceeded"
        return answer_json({"Status": "ERROR", "Message": message}, 429, headers)

    def _rows(self, query: data.Query, revision: int) -> Any:
        """Yield a query's rows; days that are yet to come have none."""
        options = self._shared.options
        past = replace(query, end=min(query.end, self._shared.time.today()))
        return data.rows(options.seed, options.rows, past, self._shared.restated(revision))

    def _count(self, job: Job) -> int:
        return sum(1 for _ in self._rows(job.what["query"], job.revision))

    def _part(self, job: Job, page: str) -> Part:
        """Return a job's file; `page` is a page of a paged result, or empty."""
        query: data.Query = job.what["query"]
        revision, name = job.revision, f"{job.id}-{job.revision}"
        if job.what["format"] == "JSON":
            root = "Clicks" if query.report == "clicks" else "Records"
            if self._shared.options.has(Switch.IMPACT_PAGED):
                return self._page(job, root, int(page or 1))
            return text_part(
                f"{name}.json", lambda bare: data.as_json(root, () if bare else self._rows(query, revision))
            )
        if self._shared.options.has(Switch.IMPACT_ZERO_BYTE) and not any(
            True for _ in self._rows(query, revision)
        ):
            return text_part(f"{name}.csv", lambda _: ())
        return csv_part(f"{name}.csv", query.header, lambda: self._rows(query, revision))

    def _page(self, job: Job, root: str, page: int) -> Part:
        size, revision = self._shared.options.page_size, job.revision

        def pieces(_: bool) -> list[str]:
            total = sum(1 for _ in self._rows(job.what["query"], revision))
            chosen = itertools.islice(self._rows(job.what["query"], revision), (page - 1) * size, page * size)
            pages = max(1, -(-total // size))
            frame = {
                "@page": str(page),
                "@numpages": str(pages),
                "@pagesize": str(size),
                "@total": str(total),
            }
            return [json.dumps({**frame, root: list(chosen)}, ensure_ascii=False)]

        return text_part(f"{job.id}-{revision}-page{page}.json", pieces)


def _day(text: str) -> dt.date:
    """Return the day of a date parameter, `YYYY-MM-DD` or an ISO instant."""
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError as problem:
        raise Refusal(error("START_DATE and END_DATE are required, yyyy-MM-dd")) from problem
