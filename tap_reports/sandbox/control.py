"""The control API under `/_sandbox`: faults, calls, submissions, the date, a fresh start."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING

from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json

if TYPE_CHECKING:
    from tap_reports.sandbox.app import Sandbox

VENDORS = ("similarweb", "impact", "digital_turbine", "second_nature")


class Control:
    """Its routes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes; their calls are not recorded."""
        table = [
            ("GET", "faults", self._faults),
            ("POST", "faults", self._add_faults),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "calls", self._calls),
            ("GET", "submissions", self._submissions),
            ("GET", "config", self._config),
            ("POST", "today", self._today),
            ("POST", "reset", self._reset),
        ]
        return [Route(method, f"/_sandbox/{path}", "", "control", call) for method, path, call in table]

    def _faults(self, _: Request) -> Answer:
        return answer_json(self._sandbox.faults.listed())

    def _add_faults(self, request: Request) -> Answer:
        try:
            added = self._sandbox.faults.add_json(json.loads(request.body))
        except ValueError as error:
            raise Refusal(answer_json({"error": str(error)}, 400)) from error
        return answer_json([fault.to_json() for fault in added])

    def _clear_faults(self, _: Request) -> Answer:
        self._sandbox.faults.clear()
        return answer_json([])

    def _calls(self, request: Request) -> Answer:
        vendor, kind = request.value("vendor"), request.value("kind")
        calls = [
            call.to_json()
            for call in list(self._sandbox.calls)
            if vendor in {"", call.vendor} and kind in {"", call.kind}
        ]
        return answer_json(calls)

    def _submissions(self, _: Request) -> Answer:
        return answer_json({name: dataclasses.asdict(self._sandbox.submissions(name)) for name in VENDORS})

    def _config(self, request: Request) -> Answer:
        vendor = request.value("vendor") or None
        if vendor not in {None, *VENDORS}:
            return answer_json({"error": f"vendor must be one of {', '.join(VENDORS)}"}, 400)
        return answer_json(self._sandbox.config(vendor))

    def _today(self, request: Request) -> Answer:
        try:
            self._sandbox.move_to(dt.date.fromisoformat(str(request.json().get("today"))))
        except ValueError as error:
            raise Refusal(answer_json({"error": "today must be YYYY-MM-DD"}, 400)) from error
        return answer_json({"today": self._sandbox.today.isoformat()})

    def _reset(self, _: Request) -> Answer:
        self._sandbox.reset()
        return answer_json({"reset": True})
