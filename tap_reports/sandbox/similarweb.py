"""Similarweb's Batch API: submit, validate, status, retry, credits, describe, webhooks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from typing import Any

from tap_reports.sandbox import similarweb_data as data
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json, answer_text
from tap_reports.sandbox.jobs import DONE, FAILING, Job, Phase
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Shared
from tap_reports.sandbox.similarweb_requests import described, read

NAME = "similarweb"
LINK_SECONDS = 30 * 86400
RETRIES = 3
WORDS = {Phase.QUEUED: "pending", Phase.RUNNING: "processing", Phase.DONE: "completed"}


class Similarweb:
    """Routes and state."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def routes(self) -> list[Route]:
        """Return all versions' routes."""
        table = [
            ("POST", "/v3/batch/webhooks/test", "webhook_test", self._webhook_test),
            ("POST", "/v3/batch/retry/{report_id}", "retry", self._v3(self._retry)),
            ("POST", "/batch/retry/{report_id}", "retry", self._retry),
            ("GET", "/v3/batch/request-status/{report_id}", "poll", self._v3(self._status)),
            ("GET", "/batch/request-status/{report_id}", "poll", self._status),
            ("GET", "/batch/v5/request-status/{report_id}", "poll", self._status),
            ("GET", "/v3/batch/credits", "credits", self._v3(self._credits)),
            ("GET", "/batch/credits", "credits", self._credits),
            ("GET", "/v3/batch/tables/describe", "describe", self._v3(self._describe)),
            ("GET", "/batch/tables/describe", "describe", self._describe),
        ]
        routes = [Route(method, path, NAME, kind, self._guard(call)) for method, path, kind, call in table]
        for folder in ("/batch/v5", "/batch/v4", "/v3/batch", "/v3/batch/{vtable}"):
            for kind, last, call in (
                ("submit", "request-report", self._submit),
                ("validate", "request-validate", self._validate),
            ):
                routes.append(Route("POST", f"{folder}/{last}", NAME, kind, self._guard(call)))
        return routes

    def expected(
        self, report: str, start: dt.date | None, end: dt.date | None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return a table's rows: `granularity`, `filters`, `metrics` (default all), `revision`."""
        granularity = what.get("granularity", "monthly")
        query = {
            "table": report,
            "granularity": granularity,
            "filters": what.get("filters", {}),
            "metrics": what.get("metrics") or list(data.TABLES[report].at(granularity)),
            "start": start,
            "end": end,
            "limit": what.get("limit"),
        }
        return list(self._rows(query, what.get("revision", 0)))

    def _guard(self, call: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def guarded(request: Request) -> Answer:
            if request.headers.get("api-key") != self._shared.accounts.similarweb_key:
                return answer_text("invalid API key", 401)
            return call(request)

        return guarded

    def _v3(self, call: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def versioned(request: Request) -> Answer:
            if self._shared.options.has(Switch.SIMILARWEB_V3_GONE):
                return answer_text("Gone", 410)
            if self._shared.options.has(Switch.SIMILARWEB_V3_MISSING):
                return answer_text("404 page not found", 404)
            return call(request)

        return versioned

    def _submit(self, request: Request) -> Answer:
        shared = self._shared
        what, errors = read(request, self._shared.time.today())
        if errors:
            return answer_json({"errors": errors}, 400)
        with shared.jobs.lock:
            waiting = sum(shared.jobs.phase(job) is not Phase.DONE for job in shared.jobs.of(NAME))
            if waiting >= shared.options.pending_limit:
                return answer_json({"errors": ["too many pending requests"]}, 429)
            job = shared.jobs.add(NAME, what["table"], what)
            shared.jobs.accepted[NAME] += 1
        request.job_id = job.id
        if what["webhook_url"]:
            values = {"event_type": "report_done", "report_id": job.id, "status": "completed"}
            shared.notifier.when_done(job, "webhook", "POST", what["webhook_url"], values)
        return answer_json({"report_id": job.id, "status": "pending"})

    def _validate(self, request: Request) -> Answer:
        what, errors = read(request, self._shared.time.today())
        if errors:
            status = 400 if self._shared.options.has(Switch.SIMILARWEB_VALIDATE_400) else 200
            return answer_json({"errors": errors, "is_valid": False, "warnings": []}, status)
        entities = [
            str(value) for values in what["filters"].values() if isinstance(values, list) for value in values
        ]
        warnings = [f"{name} has no data" for name in entities if name.startswith(data.NO_DATA)]
        return answer_json(
            {"estimated_credits": self._cost(what, all_of_it=True), "is_valid": True, "warnings": warnings}
        )

    def _status(self, request: Request) -> Answer:
        job = self._job(request)
        word = job.show(WORDS[self._shared.jobs.phase(job)], request.fault)
        if word not in DONE:
            if self._shared.options.has(Switch.SIMILARWEB_SPACED_WORDS):
                word = word.replace("_", " ")
            return answer_json({"status": word})
        count = self._cost(job.what)
        answer = {"status": word, "data_points_count": count, "used_quota": count}
        if request.fault is None or request.fault.action is not Action.NO_LINK:
            part = self._part(job)
            answer["download_url"] = self._shared.storage.sign(
                NAME, job.id, part, seconds=LINK_SECONDS, request=request
            )
        return answer_json(answer)

    def _retry(self, request: Request) -> Answer:
        job = self._job(request)
        if job.failed.replace(" ", "_") != "internal_error":
            return answer_json({"errors": ["only reports with internal_error can be retried"]}, 400)
        if job.runs > RETRIES:
            return answer_json({"errors": ["no retries left"]}, 400)
        self._shared.jobs.run_again(job)
        return answer_json({"report_id": job.id, "status": "pending"})

    def _credits(self, _: Request) -> Answer:
        jobs = self._shared.jobs
        charged = [
            job for job in jobs.of(NAME) if jobs.phase(job) is not Phase.QUEUED and job.failed not in FAILING
        ]
        left = self._shared.options.credits - sum(self._cost(job.what) for job in charged)
        short = self._shared.options.has(Switch.SIMILARWEB_CREDITS_SHORT)
        return answer_json({"credits" if short else "remaining_credits": max(0, left)})

    def _describe(self, _: Request) -> Answer:
        today = self._shared.time.today()
        tables = [described(name, table, today) for name, table in data.TABLES.items() if table.described]
        wrapped = self._shared.options.has(Switch.SIMILARWEB_DESCRIBE_OBJECT)
        return answer_json({"tables": tables} if wrapped else tables)

    def _webhook_test(self, request: Request) -> Answer:
        values = {
            "event_type": "test_webhook_endpoint",
            "payload": "Webhook Integration with Similarweb is successful!",
        }
        if self._shared.notifier.call("POST", str(request.json().get("webhook_url", "")), values):
            return answer_json({"status": "success"})
        return answer_json({"errors": ["the webhook did not answer with 2xx"]}, 400)

    def _job(self, request: Request) -> Job:
        job = self._shared.jobs.get(NAME, request.params["report_id"])
        if job is None:
            raise Refusal(answer_json({"errors": ["report not found"]}, 404))
        request.job_id = job.id
        return job

    def _cost(self, what: dict[str, Any], *, all_of_it: bool = False) -> int:
        """Return the credits: entities with data (or all) by metrics by periods."""
        table = data.TABLES[what["table"]]
        if all_of_it:
            keys = 1
            for name in table.keys:
                keys *= len(what["filters"].get(name) or table.fixed[name])
        else:
            keys = len(data.entities(table, what["filters"]))
        results = keys * sum(1 for _ in data.periods(what["granularity"], what["start"], what["end"]))
        return min(results, what["limit"] or table.limit or results) * len(what["metrics"])

    def _rows(self, what: dict[str, Any], revision: int) -> Iterable[dict[str, str]]:
        return data.rows(
            self._shared.options.seed, what, self._shared.restated(revision), self._date_header(what)
        )

    def _date_header(self, what: dict[str, Any]) -> str:
        plain = self._shared.options.has(Switch.SIMILARWEB_MONTHLY_DATE)
        return "yearmonth" if what["granularity"] == "monthly" and not plain else "date"

    def _part(self, job: Job) -> Part:
        what, revision = job.what, job.revision
        table = data.TABLES[what["table"]]
        name = f"{job.id}-{revision}.{what['format']}"
        if what["format"] == "json":
            types = {metric.name: metric.type for metric in table.metrics}
            return text_part(
                name, lambda bare: () if bare else (_line(row, types) for row in self._rows(what, revision))
            )
        if not data.entities(table, what["filters"]):
            return text_part(name, lambda _: ("No data returned\n",))
        lead = [name for name in table.key_metrics if name in what["metrics"]]
        metrics = [name for name in what["metrics"] if name not in lead]
        header = [*table.keys.values(), *lead, self._date_header(what), *metrics]
        return csv_part(name, header, lambda: self._rows(what, revision))


def _line(row: dict[str, str], types: dict[str, str]) -> str:
    """Return a row as one line of JSON; numbers are written as they stand."""
    cells = []
    for name, text in row.items():
        number = types.get(name, "string") in {"double", "bigint", "int"}
        value = text if number else json.dumps(text, ensure_ascii=False)
        cells.append(f'"{name}": {value if text else "null"}')
    return "{" + ", ".join(cells) + "}\n"
