"""Digital Turbine as its guide describes it: token, report, a link that fills all at once."""

from __future__ import annotations

import csv
import datetime as dt
import io
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fake_http import Answer, Call, FakeVendor, as_json, ranged

CLIENT_ID = "5f1e2d3c4b5a"
CLIENT_SECRET = "s3cr3t-Zy8x_w7v6u5t4s3r2q1p0"
SIGNATURE = "deadbeefcafe0123456789signature"
CELLS = {"Impressions": "1000", "Clicks": "10", "Installs": "3", "Spend": "0.036300000000000006"}


def days(start: str, end: str) -> Iterator[str]:
    day, last = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    while day <= last:
        yield day.isoformat()
        day += dt.timedelta(days=1)


def report_csv(query: dict[str, Any]) -> bytes:
    """Two campaigns a day (or two in all, without ``Date``), in the order in which columns were asked for."""
    span = query["dateRange"]
    header = [*query["splits"], *query["metrics"]]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for day in days(span["start"], span["end"]) if "Date" in header else [""]:
        for number in (1, 2):
            known = {
                "Date": day,
                "Campaign ID": f"00{number}",
                "Campaign Name": f"C, {number}",
                # Two slices of a report without dates are never quite the same.
                "Country": "US" if day or number == 1 else f"US-{span['start']}",
            }
            writer.writerow([{**known, **CELLS}.get(name, "") for name in header])
    return out.getvalue().encode()


@dataclass
class Report:
    body: dict[str, Any]
    at: float
    token: str
    name: str = field(default_factory=lambda: f"{uuid.uuid4()}")
    polls: list[float] = field(default_factory=list)

    @property
    def file_name(self) -> str:
        return f"{self.name}.csv"


class FakeDigitalTurbine(FakeVendor):
    """Change its fields to change what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, float] = {}
        self.reports: dict[str, Report] = {}
        self.empty_polls = 1
        self.on_file: Callable[[Report, Call], Answer | None] = lambda _report, _call: None

    @property
    def submits(self) -> list[Call]:
        return [call for call in self.calls if call.path == "/api/v1/report"]

    def ranges(self) -> list[tuple[str, str]]:
        spans = [call.json["query"]["dateRange"] for call in self.submits]
        return [(span["start"], span["end"]) for span in spans]

    def answer(self, call: Call) -> Answer:
        if call.path == "/auth/v1/token":
            return self._token(call)
        if call.path == "/api/v1/report":
            return self._report(call)
        return as_json({"error": "not_found"}, 404)

    def _token(self, call: Call) -> Answer:
        if call.method != "POST":
            return as_json({"error": "Method_Not_Allowed"}, 405)
        if call.json.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if (call.json.get("client_id"), call.json.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return as_json({"error": "invalid_client"}, 400)
        token = f"eyJhbGciOi.{uuid.uuid4().hex}.sig"
        self.tokens[token] = time.monotonic() + 3600
        return as_json({"accessToken": token, "tokenType": "bearer", "expiresIn": 3600})

    def _report(self, call: Call) -> Answer:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.monotonic():
            return as_json({"error": "unauthorized"}, 401)
        report = Report(call.json, call.at, token)
        self.reports[report.file_name] = report
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=10800&X-Amz-Signature={SIGNATURE}"
        return as_json({"signed_url": f"{self.host.url}/group%3D7/{report.name}/{report.file_name}?{query}"})

    def file(self, call: Call) -> Answer:
        report = self.reports.get(call.path.rsplit("/", 1)[-1])
        if report is None or call.query.get("X-Amz-Signature") != SIGNATURE:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        report.polls.append(call.at)
        special = self.on_file(report, call)
        if special is not None:
            return special
        if len(report.polls) <= self.empty_polls:
            return Answer(200, b"", "binary/octet-stream")
        return ranged(call, report_csv(report.body["query"]), "binary/octet-stream")
