"""Similarweb's Batch API: submit, validate, status, retry, credits, describe, webhooks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, ClassVar

from tap_reports.sandbox import similarweb_data as data
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Request, Route, answer_json, answer_text
from tap_reports.sandbox.jobs import DONE, FAILING, Job, Phase
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Day, Handle, VendorApi
from tap_reports.sandbox.similarweb_requests import described, read

RETRIES = 3
WEBHOOK_TEST = {
    "event_type": "test_webhook_endpoint",
    "payload": "Webhook Integration with Similarweb is successful!",
}


class Similarweb(VendorApi):
    """Routes and state."""

    name = "similarweb"
    link_seconds = 30 * 86400
    words: ClassVar = {Phase.QUEUED: "pending", Phase.RUNNING: "processing", Phase.DONE: "completed"}

    def routes(self) -> list[Route]:
        """Return all versions' routes."""
        calls = (
            ("POST", "retry/{report_id}", "retry", self._retry),
            ("GET", "request-status/{report_id}", "poll", self._status),
            ("GET", "credits", "credits", self._credits),
            ("GET", "tables/describe", "describe", self._describe),
        )
        table: list[tuple[str, str, str, Handle]] = [
            ("POST", "/v3/batch/webhooks/test", "webhook_test", self._webhook_test),
            ("GET", "/batch/v5/request-status/{report_id}", "poll", self._status),
        ]
        for method, path, kind, call in calls:
            table += [
                (method, f"/v3/batch/{path}", kind, self._v3(call)),
                (method, f"/batch/{path}", kind, call),
            ]
        for folder in ("/batch/v5", "/batch/v4", "/v3/batch", "/v3/batch/{vtable}"):
            table += [
                ("POST", f"{folder}/request-report", "submit", self._submit),
                ("POST", f"{folder}/request-validate", "validate", self._validate),
            ]
        return self.routed(table)

    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> dict[str, Any]:
        """Return a table's: `granularity`, `filters`, `metrics` (default all)."""
        granularity = what.get("granularity", "monthly")
        metrics = what.get("metrics") or list(data.TABLES[report].at(granularity))
        query = {"table": report, "granularity": granularity, "filters": what.get("filters", {})}
        return query | {"metrics": metrics, "start": start, "end": end, "limit": what.get("limit")}

    def guarded(self, handle: Handle, request: Request) -> Answer:
        """Answer a call; other keys are refused."""
        if request.headers.get("api-key") != self._shared.accounts.similarweb_key:
            return answer_text("invalid API key", 401)
        return handle(request)

    def _v3(self, handle: Handle) -> Handle:
        if self.has(Switch.SIMILARWEB_V3_GONE):
            return lambda _: answer_text("Gone", 410)
        if self.has(Switch.SIMILARWEB_V3_MISSING):
            return lambda _: answer_text("404 page not found", 404)
        return handle

    def _submit(self, request: Request) -> Answer:
        what, errors = read(request, self._time.today())
        if errors:
            return answer_json({"errors": errors}, 400)
        with self._jobs.lock:
            waiting = sum(self._jobs.phase(job) is not Phase.DONE for job in self._jobs.of(self.name))
            if waiting >= self._options.pending_limit:
                return answer_json({"errors": ["too many pending requests"]}, 429)
            job = self.start(request, what["table"], what)
        if what["webhook_url"]:
            values = {"event_type": "report_done", "report_id": job.id, "status": "completed"}
            self._shared.notifier.when_done(job, "webhook", "POST", what["webhook_url"], values)
        return answer_json({"report_id": job.id, "status": "pending"})

    def _validate(self, request: Request) -> Answer:
        what, errors = read(request, self._time.today())
        if errors:
            status = 400 if self.has(Switch.SIMILARWEB_VALIDATE_400) else 200
            return answer_json({"errors": errors, "is_valid": False, "warnings": []}, status)
        lists = [values for values in what["filters"].values() if isinstance(values, list)]
        names = [str(value) for values in lists for value in values]
        warnings = [f"{name} has no data" for name in names if name.startswith(data.NO_DATA)]
        cost = self._cost(what, all_of_it=True)
        return answer_json({"estimated_credits": cost, "is_valid": True, "warnings": warnings})

    def _status(self, request: Request) -> Answer:
        job = self._job(request)
        word = self.word(job, request)
        if word not in DONE:
            if self.has(Switch.SIMILARWEB_SPACED_WORDS):
                word = word.replace("_", " ")
            return answer_json({"status": word})
        count = self._cost(job.what)
        answer = {"status": word, "data_points_count": count, "used_quota": count}
        if not request.hit_by(Action.NO_LINK):
            answer["download_url"] = self.sign(job, self._part(job), request)
        return answer_json(answer)

    def _retry(self, request: Request) -> Answer:
        job = self._job(request)
        if job.failed.replace(" ", "_") != "internal_error":
            return answer_json({"errors": ["only reports with internal_error can be retried"]}, 400)
        if job.runs > RETRIES:
            return answer_json({"errors": ["no retries left"]}, 400)
        self._jobs.run_again(job)
        return answer_json({"report_id": job.id, "status": "pending"})

    def _credits(self, _: Request) -> Answer:
        jobs = [job for job in self._jobs.of(self.name) if self._jobs.phase(job) is not Phase.QUEUED]
        left = self._options.credits - sum(self._cost(job.what) for job in jobs if job.failed not in FAILING)
        short = self.has(Switch.SIMILARWEB_CREDITS_SHORT)
        return answer_json({"credits" if short else "remaining_credits": max(0, left)})

    def _describe(self, _: Request) -> Answer:
        today = self._time.today()
        tables = [described(name, table, today) for name, table in data.TABLES.items() if table.described]
        wrapped = self.has(Switch.SIMILARWEB_DESCRIBE_OBJECT)
        return answer_json({"tables": tables} if wrapped else tables)

    def _webhook_test(self, request: Request) -> Answer:
        if self._shared.notifier.call("POST", str(request.json().get("webhook_url", "")), WEBHOOK_TEST):
            return answer_json({"status": "success"})
        return answer_json({"errors": ["the webhook did not answer with 2xx"]}, 400)

    def _job(self, request: Request) -> Job:
        return self.find(request, "report_id", answer_json({"errors": ["report not found"]}, 404))

    def _cost(self, what: dict[str, Any], *, all_of_it: bool = False) -> int:
        """Return the credits: entities with data (or all) by metrics by periods."""
        table = data.TABLES[what["table"]]
        if all_of_it:
            keys = math.prod(len(what["filters"].get(name) or table.fixed[name]) for name in table.keys)
        else:
            keys = len(data.entities(table, what["filters"]))
        results = keys * sum(1 for _ in data.periods(what["granularity"], what["start"], what["end"]))
        return min(results, what["limit"] or table.limit or results) * len(what["metrics"])

    def rows(self, query: dict[str, Any], revision: int) -> Iterable[dict[str, str]]:
        """Return a table's rows."""
        return data.rows(self._options.seed, query, self._shared.restated(revision), self._date_header(query))

    def _date_header(self, what: dict[str, Any]) -> str:
        """Return the header of the date column; "" where there is none."""
        if what["granularity"] == "on-demand":
            return ""
        plain = self.has(Switch.SIMILARWEB_MONTHLY_DATE)
        return "yearmonth" if what["granularity"] == "monthly" and not plain else "date"

    def _part(self, job: Job) -> Part:
        what, revision = job.what, job.revision
        table = data.TABLES[what["table"]]
        name = f"{job.id}-{revision}.{what['format']}"
        if what["format"] == "json":
            types = {metric.name: metric.type for metric in table.metrics}
            return text_part(
                name, lambda bare: () if bare else (_line(row, types) for row in self.rows(what, revision))
            )
        if not data.entities(table, what["filters"]):
            return text_part(name, lambda _: ("No data returned\n",))
        lead = [name for name in table.key_metrics if name in what["metrics"]]
        metrics = [name for name in what["metrics"] if name not in lead]
        header = [*table.keys.values(), *lead, self._date_header(what), *metrics]
        return csv_part(name, filter(None, header), lambda: self.rows(what, revision))


def _line(row: dict[str, str], types: dict[str, str]) -> str:
    """Return a row as one line of JSON; numbers are written as they stand."""
    cells = []
    for name, text in row.items():
        number = types.get(name, "string") in {"double", "bigint", "int"}
        value = text if number else json.dumps(text, ensure_ascii=False)
        cells.append(f'"{name}": {value if text else "null"}')
    return "{" + ", ".join(cells) + "}\n"
