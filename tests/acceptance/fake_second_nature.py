"""Second Nature as its guide describes it: ticket, status, a temporary link; sheets in three formats."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openpyxl
from fake_http import Answer, Call, FakeVendor, as_json, ranged

API_KEY = "key-9f8e7d6c5b4a3210"
LINK_SECRET = "l1nk-s3cret-0a1b2c3d"
Sheets = dict[str, list[list[Any]]]
PEOPLE: Sheets = {
    "Sessions": [
        ["Trainee Email", "Score", "Pass Rate"],
        ["a@example.com", 68, "44%"],
        ["b@example.com", 91.5, "7%"],
    ]
}
TWO: Sheets = {**PEOPLE, "Quiz Overview": [["Quiz", "Region"], ["Basics", "Field"]]}


def xlsx(sheets: Sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet_csv(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def zip_of_csv(sheets: Sheets) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in sheets.items():
            archive.writestr(f"{name}.csv", sheet_csv(rows))
    return out.getvalue()


def reports_json(report: str, sheets: Sheets) -> bytes:
    return json.dumps(
        {
            "reports": [
                {
                    "report_name": report,
                    "sheet_name": name,
                    "data": [dict(zip(rows[0], row, strict=True)) for row in rows[1:]],
                }
                for name, rows in sheets.items()
            ]
        }
    ).encode()


@dataclass
class Ticket:
    id: str
    body: dict[str, Any]
    polls: list[float] = field(default_factory=list)


class FakeSecondNature(FakeVendor):
    """Change its fields to change what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, Sheets] = {"admin-xls-report": PEOPLE}
        self.tickets: dict[str, Ticket] = {}
        self.busy = ["pending", "in_progress"]
        self.csv_as = "list"
        self.on_file: Callable[[Ticket, Call], Answer | None] = lambda _ticket, _call: None
        self.content: Callable[[Ticket], Sheets] = self.rows_of

    def rows_of(self, ticket: Ticket) -> Sheets:
        """The report's sheets; other dates have other numbers."""
        sheets = self.reports[ticket.body["report_name"]]
        days = ticket.body.get("start_time", 0) // 86400
        return {
            name: [[cell + days if type(cell) in {int, float} else cell for cell in row] for row in rows]
            for name, rows in sheets.items()
        }

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    @property
    def submits(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    def answer(self, call: Call) -> Answer:
        if call.headers.get("authorization") != f"Token {API_KEY}":
            return as_json({"detail": "Invalid token."}, 401)
        if (call.method, call.path) == ("POST", "/api/reports/export/"):
            return self._submit(call)
        if (call.method, call.path) == ("GET", "/api/reports/"):
            return as_json({"reports": list(self.reports)})
        ticket = self.tickets.get(call.path.removeprefix("/api/reports/export/").strip("/"))
        if call.method != "GET" or ticket is None:
            return as_json({"detail": "Not found."}, 404)
        ticket.polls.append(call.at)
        return self._status(ticket)

    def _submit(self, call: Call) -> Answer:
        if call.json.get("report_name") not in self.reports:
            return as_json({"detail": "Unknown report name."}, 404)
        ticket = Ticket(f"ticket-{len(self.tickets) + 1}-77", call.json)
        self.tickets[ticket.id] = ticket
        return as_json({"ticket_id": ticket.id})

    def _status(self, ticket: Ticket) -> Answer:
        turn = len(ticket.polls) - 1
        if turn < len(self.busy):
            return as_json({"status": self.busy[turn], "report_url": None, "error": None})
        return as_json({"status": "complete", "report_url": self.links(ticket), "error": None})

    def links(self, ticket: Ticket) -> Any:
        kind = ticket.body.get("format") or "xlsx"
        base = f"{self.host.url}/{ticket.id}"
        query = f"token={LINK_SECRET}&Expires=1"
        if kind == "csv" and self.csv_as == "list":
            names = self.content(ticket)
            return [{"sheet_name": n, "url": f"{base}/{i}.csv?{query}"} for i, n in enumerate(names)]
        return f"{base}/report.{kind}?{query}"

    def file(self, call: Call) -> Answer:
        _, ticket_id, name = call.path.split("/")
        ticket = self.tickets[ticket_id]
        if call.query.get("token") != LINK_SECRET:
            return Answer(403, b"denied", "text/plain")
        special = self.on_file(ticket, call)
        if special is not None:
            return special
        sheets = self.content(ticket)
        stem, kind = name.split(".")
        if kind == "csv":
            if self.csv_as == "zip":
                return ranged(call, zip_of_csv(sheets), "application/zip")
            return ranged(call, sheet_csv(list(sheets.values())[int(stem) if stem.isdecimal() else 0]))
        if kind == "xlsx":
            return ranged(
                call, xlsx(sheets), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            )
        return ranged(call, reports_json(ticket.body["report_name"], sheets), "application/json")
