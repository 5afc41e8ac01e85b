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
LATEST = {
    "monthly": {"start_date": "2018-08", "end_date": "2024-09"},
    "weekly": {"start_date": "2021-01-04", "end_date": "2024-10-06"},
    "daily": {"start_date": "2021-01-01", "end_date": "2024-10-10"},
}


def metric(name: str, kind: str, *granularities: str) -> dict[str, Any]:
    return {
        "metric_name": name,
        "description": f"About {name}",
        "claim": "x",
        "type": kind,
        "supported_granularity": {one: LATEST[one] for one in granularities},
        "valid_values": None,
    }


def list_filter(
    name: str, column: str | None, *, mandatory: bool = False, kind: str = "list"
) -> dict[str, Any]:
    return {
        "name": name,
        "key_column": column,
        "is_filterable": True,
        "is_mandatory": mandatory,
        "type": kind,
        "valid_values": None,
    }


def tables() -> list[dict[str, Any]]:
    """What describe says: one table of websites, one of apps."""
    every = ("monthly", "weekly", "daily")
    return [
        {
            "table": TABLE,
            "table_granularity": dict(LATEST),
            "table_metrics": [
                metric("all_traffic_visits", "double", *every),
                metric("desktop_visits", "double", *every),
                metric("global_rank", "bigint", "monthly"),
                metric("category", "string", "monthly"),
            ],
            "table_filters": [
                list_filter("domains", "domain", mandatory=True),
                list_filter("countries", "country", mandatory=True),
                list_filter("include_subdomains", None, kind="bool"),
            ],
        },
        {
            "table": "apps",
            "table_granularity": {"monthly": LATEST["monthly"]},
            "table_metrics": [metric("apps_downloads", "double", "monthly")],
            "table_filters": [
                list_filter("apps", "app", mandatory=True),
                list_filter("countries", "country", mandatory=True),
            ],
        },
    ]


def query_of(call: Call) -> dict[str, Any]:
    return call.json["report_query"]["tables"][0]


def periods(query: dict[str, Any]) -> list[str]:
    """The dates that the file holds for a query's range."""
    first = dt.date.fromisoformat((query["start_date"] + "-01")[:10])
    last = dt.date.fromisoformat((query["end_date"] + "-01")[:10])
    days = (first + dt.timedelta(n) for n in range((last - first).days + 1))
    if query["granularity"] == "monthly":
        return sorted({f"{day:%Y-%m}" for day in days})
    if query["granularity"] == "weekly":
        return [day.isoformat() for day in days if day.weekday() == 0]
    return [day.isoformat() for day in days]


def key_columns(query: dict[str, Any]) -> list[tuple[str, list[str]]]:
    names = {"domains": "domain", "apps": "app", "keywords": "keyword", "countries": "country"}
    filters = query.get("filters", {})
    return [(column, filters[name]) for name, column in names.items() if name in filters]


def csv_file(query: dict[str, Any]) -> str:
    """Rows for every key and period, every metric 1.5 unless it has a kind of its own."""
    keys = key_columns(query)
    values = {"global_rank": "1.0", "category": '"News, Media"', "all_traffic_visits": "32316961207.750504"}
    when = "yearmonth" if query["granularity"] == "monthly" else "date"
    lines = [",".join([*(name for name, _ in keys), when, *query["metrics"]])]
    for found in itertools.product(*(each for _, each in keys)):
        numbers = [values.get(one, "1.5") for one in query["metrics"]]
        lines.extend(",".join([*found, period, *numbers]) for period in periods(query))
    return "\n".join(lines) + "\n"


class FakeSimilarweb(FakeVendor):
    """Scripts: lists that are used up from the front; the last status stays."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, dict[str, Any]] = {}
        self.estimates: list[int] = []  # per validate call; then 8
        self.validation_delay: Callable[[dict[str, Any]], float] = lambda _: 0.0
        self.submissions: list[Answer] = []  # instead of accepting
        self.statuses = ["pending", "completed"]
        self.make_file = csv_file
        self.signatures = 0

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
            return as_json(tables())
        if call.method == "GET" and call.path == "/v3/batch/credits":
            return as_json({"remaining_credits": 25_000})
        if call.method == "GET" and call.path.startswith(STATUS):
            return self.status(call.path.removeprefix(STATUS))
        return as_text("not found", 404, "text/plain")

    def validate(self) -> Answer:
        estimate = self.estimates.pop(0) if self.estimates else 8
        return as_json({"estimated_credits": estimate, "is_valid": True, "warnings": []})

    def submit(self, call: Call) -> Answer:
        if self.submissions:
            return self.submissions.pop(0)
        report_id = str(uuid.uuid4())
        self.reports[report_id] = {"query": query_of(call), "call": call, "script": list(self.statuses)}
        return as_json({"report_id": report_id, "status": "pending"})

    def status(self, report_id: str) -> Answer:
        if report_id not in self.reports:
            return as_text("no such report", 404, "text/plain")
        script = self.reports[report_id]["script"]
        said = script.pop(0) if len(script) > 1 else script[0]
        if said != "completed":
            return as_json({"status": said})
        self.signatures += 1
        link = f"{self.host.url}/files/{report_id}.csv?X-Signature=signed-{self.signatures}"
        return as_json({"status": said, "download_url": link, "data_points_count": 4, "used_quota": 7})

    def file(self, call: Call) -> Answer:
        query = self.reports[call.path.split("/")[-1].removesuffix(".csv")]["query"]
        return as_text(self.make_file(query))

    @property
    def submitted(self) -> list[Call]:
        return self.to("/request-report", "POST")

    @property
    def validated(self) -> list[Call]:
        return self.to("/request-validate", "POST")

    @property
    def queries(self) -> list[dict[str, Any]]:
        return [query_of(one) for one in self.submitted]
