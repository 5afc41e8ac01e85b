"""Similarweb's Batch API as its documentation describes it, and a bucket on another origin."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fake_http import Answer, Call, FakeVendor, as_json, as_text

TABLE = "traffic_and_engagement"
STATUS = "/v3/batch/request-status/"
MONTHS = {"monthly": {"start_date": "2018-08", "end_date": "2024-09"}}
KINDS = {
    "all_traffic_visits": "double",
    "desktop_visits": "double",
    "global_rank": "bigint",
    "category": "string",
}
FILTERS = {"domains": "domain", "countries": "country", "include_subdomains": None}


def described() -> list[dict[str, Any]]:
    """What describe says of the only table."""
    return [
        {
            "table": TABLE,
            "table_granularity": MONTHS,
            "table_metrics": [
                {"metric_name": name, "claim": "x", "type": kind, "supported_granularity": MONTHS}
                for name, kind in KINDS.items()
            ],
            "table_filters": [
                {
                    "name": name,
                    "key_column": column,
                    "is_mandatory": bool(column),
                    "type": "list" if column else "bool",
                }
                for name, column in FILTERS.items()
            ],
        }
    ]


def query_of(call: Call) -> dict[str, Any]:
    return call.json["report_query"]["tables"][0]


def csv_file(query: dict[str, Any]) -> str:
    """A row for every domain, country and month; a metric is 1.5 unless it has a value of its own."""
    values = {"global_rank": "1.0", "category": '"News, Media"', "all_traffic_visits": "32316961207.750504"}
    cells = [values.get(one, "1.5") for one in query["metrics"]]
    first, last = (dt.date.fromisoformat(f"{query[name]}-01") for name in ("start_date", "end_date"))
    days = (first + dt.timedelta(n) for n in range((last - first).days + 1))
    months = sorted({f"{day:%Y-%m}" for day in days})
    keys = itertools.product(query["filters"]["domains"], query["filters"]["countries"], months)
    lines = [["domain", "country", "yearmonth", *query["metrics"]], *([*key, *cells] for key in keys)]
    return "".join(",".join(line) + "\n" for line in lines)


class FakeSimilarweb(FakeVendor):
    """Scripts: lists that are used up from the front; the last status stays."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, dict[str, Any]] = {}
        self.estimates: list[int] = []  # per validate call; then 8
        self.validation_delay: Callable[[dict[str, Any]], float] = lambda _: 0.0

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"api_key": "sw-secret-key", "api_url": self.url, "domains": ["a.com"], **more}

    def answer(self, call: Call) -> Answer:
        if call.headers.get("api-key") != "sw-secret-key":
            return as_text("invalid API key", 401, "text/plain")
        if call.method == "POST" and call.path.endswith("/request-validate"):
            said = self.validate()
            return replace(said, delay=self.validation_delay(query_of(call)))
        if call.method == "POST" and call.path.endswith("/request-report"):
            return self.submit(call)
        if call.method == "GET" and call.path == "/v3/batch/tables/describe":
            return as_json(described())
        if call.method == "GET" and call.path == "/v3/batch/credits":
            return as_json({"remaining_credits": 25_000})
        if call.method == "GET" and call.path.startswith(STATUS):
            return self.status(call.path.removeprefix(STATUS))
        return as_text("not found", 404, "text/plain")

    def validate(self) -> Answer:
        estimate = self.estimates.pop(0) if self.estimates else 8
        return as_json({"estimated_credits": estimate, "is_valid": True, "warnings": []})

    def submit(self, call: Call) -> Answer:
        report_id = str(uuid.uuid4())
        self.reports[report_id] = {"query": query_of(call), "script": ["pending", "completed"]}
        return as_json({"report_id": report_id, "status": "pending"})

    def status(self, report_id: str) -> Answer:
        if report_id not in self.reports:
            return as_text("no such report", 404, "text/plain")
        script = self.reports[report_id]["script"]
        said = script.pop(0) if len(script) > 1 else script[0]
        if said != "completed":
            return as_json({"status": said})
        link = f"{self.host.url}/files/{report_id}.csv?X-Signature=signed-1"
        return as_json({"status": said, "download_url": link, "data_points_count": 4, "used_quota": 7})

    def file(self, call: Call) -> Answer:
        query = self.reports[call.path.split("/")[-1].removesuffix(".csv")]["query"]
        return as_text(csv_file(query))

    @property
    def submitted(self) -> list[Call]:
        return self.to("/request-report", "POST")

    @property
    def queries(self) -> list[dict[str, Any]]:
        return [query_of(one) for one in self.submitted]
