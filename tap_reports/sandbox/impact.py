"""impact.com's API for brands, partners and agencies: reports, exports, jobs."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tap_reports.sandbox import impact_catalog as catalog
from tap_reports.sandbox import impact_reports as data
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.impact_jobs import ImpactJobs
from tap_reports.sandbox.jobs import Job
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Call, Day, DayQuota, RollingLimit, Shared

PREFIXES = {"Advertisers": "brand", "Mediapartners": "partner", "Agencies": "agency"}
FORMATS = ("CSV", "JSON", "XML")


class Impact(ImpactJobs):
    """Routes and state."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        options = shared.options
        self._hour = RollingLimit(options.limit(options.requests_per_hour), 3600.0, shared.time)
        self._reports = DayQuota(options.reports_per_day, shared.time)
        self._clicks = DayQuota(options.clicks_per_day, shared.time)
        self._known: dict[str, str] = {}
        self.kept = [self._hour, self._reports, self._clicks, self._known]

    def routes(self) -> list[Route]:
        """Return the routes of all three prefixes."""
        table = [
            ("GET", "CompanyInformation", "company", catalog.company),
            ("GET", "Reports", "list", catalog.reports),
            ("GET", "Reports/{report}/MetaData", "metadata", catalog.metadata),
            ("GET", "ReportExport/{report}", "submit", self._export),
            ("GET", "Jobs/{job_id}", "poll", self.status),
            ("GET", "Jobs/{job_id}/Download", "link", self.download),
            ("PUT", "Jobs/{job_id}/Replay", "replay", self.replay),
        ]
        more = {
            "Mediapartners": [("GET", "ClickExport", "submit", self._click_export)],
            "Advertisers": [("GET", "Programs/{program}/ClickExport", "submit", self._click_export)],
        }
        routes = []
        for prefix in PREFIXES:
            root = f"/{prefix}/{{sid}}"
            for method, path, kind, call in (*table, *more.get(prefix, ())):
                routes.append(Route(method, f"{root}/{path}", self.name, kind, self._guard(prefix, call)))
        return routes

    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> data.Query:
        """Return what is asked for of a report, which may be `clicks`, for `program_ids`."""
        first = start or self._time.today()
        return data.Query(report, first, end or first, tuple(what.get("program_ids", ())))

    def _guard(self, prefix: str, call: Call) -> Call:
        def guarded(request: Request) -> Answer:
            accounts = self._shared.accounts
            pair = base64.b64encode(f"{accounts.impact_sid}:{accounts.impact_word}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {pair}":
                return error("Unauthorized", 401)
            if request.params["sid"] != accounts.impact_sid:
                return error("Forbidden", 403)
            request.params |= {"prefix": prefix, "kind": PREFIXES[prefix]}
            with self._jobs.lock:
                is_allowed = self._hour.take()
            limits = self._limits(PREFIXES[prefix])
            if not is_allowed:
                wait = self._hour.retry_after if PREFIXES[prefix] == "partner" else {}
                return error("Rate limit exceeded", 429, limits | wait)
            answer = call(request)
            answer.headers |= limits
            return answer

        return guarded

    def _limits(self, kind: str) -> dict[str, str]:
        values = (self._hour.limit, self._hour.left, round(self._hour.reset_in))
        if kind == "partner":
            names = ("X-RateLimit-Limit-hour", "X-RateLimit-Remaining-hour", "RateLimit-Reset")
        else:
            names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        return dict(zip(names, map(str, values), strict=True))

    def _export(self, request: Request) -> Answer:
        name, kind = request.params["report"], request.params["kind"]
        spec = data.REPORTS.get(name)
        if spec is None and kind == "partner":
            return error(f"Report {name} not found", 404)
        if spec is None or kind not in spec.kinds or not spec.accessible:
            return error(f"Not permitted to run report {name}")
        program = request.value("SUBAID")
        if spec.needs_program and not program:
            return error("SUBAID is required")
        today = self._time.today().isoformat()
        default = "" if spec.is_dated else today
        start = _day(default or request.value("START_DATE") or request.value("StartDate"))
        end = _day(default or request.value("END_DATE") or request.value("EndDate"))
        if start > end:
            return error("START_DATE must not be after END_DATE")
        query = data.Query(name, start, end, (program,) if program else ())
        return self._submit(request, query, self._reports)

    def _click_export(self, request: Request) -> Answer:
        day = _day(request.value("Date") or self._time.today().isoformat())
        program = request.params.get("program")
        named = [program] if program else request.query.get("ProgramId", [])
        return self._submit(request, data.Query("clicks", day, day, tuple(named)), self._clicks)

    def _submit(self, request: Request, query: data.Query, quota: DayQuota) -> Answer:
        """Take a request: the same parameters hand back the job that there is, at the same price."""
        form = request.value("ResultFormat", "CSV").upper()
        if form not in FORMATS:
            return error("Invalid result format. Must be one of CSV, JSON or XML")
        if form == "XML":
            return error("XML is not served by the sandbox")
        key = json.dumps([request.path, request.query], sort_keys=True)
        with self._jobs.lock:
            if not quota.take():
                return self._quota_spent(request, quota)
            self._jobs.accepted[self.name] += 1
            job = self._jobs.get(self.name, self._known.get(key, ""))
            if job is None:
                what = {"query": query, "format": form, "base": catalog.base(request)}
                job = self._jobs.add(self.name, query.report, what)
                self._known[key] = job.id
                self.announce(job)
        request.job_id = job.id
        uri = f"{job.what['base']}/Jobs/{job.id}"
        answer = {"Status": "QUEUED", "QueuedUri": uri, "ResultUri": f"{uri}/Download"}
        if request.params["kind"] != "brand":
            answer["ReplayUri"] = f"{uri}/Replay"
        return answer_json(answer)

    def _quota_spent(self, request: Request, quota: DayQuota) -> Answer:
        now = self._time.now()
        midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
        seconds = str(int((midnight - now).total_seconds()) + 1)
        headers = {"Retry-After": seconds} if request.params["kind"] == "partner" else {}
        return error(f"Daily limit of {quota.limit} requests exceeded", 429, headers)

    def rows(self, query: data.Query, revision: int) -> Iterator[dict[str, str]]:
        """Yield a query's rows; days that are yet to come have none."""
        options = self._options
        past = replace(query, end=min(query.end, self._time.today()))
        return data.rows(options.seed, options.rows, past, self._shared.restated(revision))

    def count(self, job: Job) -> int:
        """Return how many rows a job has."""
        return sum(1 for _ in self.rows(job.what["query"], job.revision))

    def part(self, job: Job, page: str) -> Part:
        """Return a job's file; `page` is a page of a paged result, or empty."""
        query: data.Query = job.what["query"]
        revision, name = job.revision, f"{job.id}-{job.revision}"
        if job.what["format"] == "JSON":
            root = "Clicks" if query.report == "clicks" else "Records"
            if self.has(Switch.IMPACT_PAGED):
                return self._page(job, root, int(page or 1))
            return text_part(
                f"{name}.json", lambda bare: data.as_json(root, () if bare else self.rows(query, revision))
            )
        if self.has(Switch.IMPACT_ZERO_BYTE) and not self.count(job):
            return text_part(f"{name}.csv", lambda _: ())
        return csv_part(f"{name}.csv", query.header, lambda: self.rows(query, revision))

    def _page(self, job: Job, root: str, page: int) -> Part:
        size, revision = self._options.page_size, job.revision

        def pieces(_: bool) -> list[str]:
            total = sum(1 for _ in self.rows(job.what["query"], revision))
            chosen = itertools.islice(self.rows(job.what["query"], revision), (page - 1) * size, page * size)
            frame = catalog.frame(page, size, total)
            return [json.dumps({**frame, root: list(chosen)}, ensure_ascii=False)]

        return text_part(f"{job.id}-{revision}-page{page}.json", pieces)


def _day(text: str) -> dt.date:
    """Return the day of a date parameter, `YYYY-MM-DD` or an ISO instant."""
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError as problem:
        raise Refusal(error("START_DATE and END_DATE are required, yyyy-MM-dd")) from problem
