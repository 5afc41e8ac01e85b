"""impact.com's API for brands, partners and agencies: routes, limits, exports."""

from __future__ import annotations

import base64
import datetime as dt
import json

from tap_reports.sandbox import impact_catalog as catalog
from tap_reports.sandbox import impact_reports as data
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.impact_jobs import ImpactJobs
from tap_reports.sandbox.shared import DayQuota, Handle, RollingLimit, Shared

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
        self.to_clear = [self._hour, self._reports, self._clicks, self._known]

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
        return self.routed(
            (method, f"/{prefix}/{{sid}}/{path}", kind, handle)
            for prefix in PREFIXES
            for method, path, kind, handle in (*table, *more.get(prefix, ()))
        )

    def guarded(self, handle: Handle, request: Request) -> Answer:
        """Answer a call; other credentials are refused, and more calls than an hour may hold."""
        accounts, prefix = self._shared.accounts, request.path.split("/")[1]
        pair = base64.b64encode(f"{accounts.impact_sid}:{accounts.impact_word}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            return error("Unauthorized", 401)
        if request.params["sid"] != accounts.impact_sid:
            return error("Forbidden", 403)
        kind = PREFIXES[prefix]
        request.params |= {"prefix": prefix, "kind": kind}
        with self._jobs.lock:
            is_allowed = self._hour.take()
        limits = self._limits(kind)
        if not is_allowed:
            wait = self._hour.retry_after if kind == "partner" else {}
            return error("Rate limit exceeded", 429, limits | wait)
        answer = handle(request)
        answer.headers |= limits
        return answer

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
                headers = quota.retry_after if request.params["kind"] == "partner" else {}
                return error(f"Daily limit of {quota.limit} requests exceeded", 429, headers)
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


def _day(text: str) -> dt.date:
    """Return the day of a date parameter, `YYYY-MM-DD` or an ISO instant."""
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError as problem:
        raise Refusal(error("START_DATE and END_DATE are required, yyyy-MM-dd")) from problem
