"""The control API under `/_sandbox`: faults, calls, submissions, the date, a fresh start."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

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
        sandbox = self._sandbox
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "faults", lambda _: sandbox.faults.listed()),
            ("POST", "faults", self._add_faults),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "calls", self._calls),
            ("GET", "submissions", lambda _: {name: asdict(sandbox.submissions(name)) for name in VENDORS}),
            ("GET", "config", self._config),
            ("POST", "today", self._today),
            ("POST", "reset", self._reset),
        ]
        return [
            Route(method, f"/_sandbox/{path}", "", "control", partial(_answered, call))
            for method, path, call in table
        ]

    def _add_faults(self, request: Request) -> Any:
        try:
            return [asdict(fault) for fault in self._sandbox.faults.add_json(json.loads(request.body))]
        except ValueError as error:
            raise _refused(str(error)) from error

    def _clear_faults(self, _: Request) -> Any:
        self._sandbox.faults.clear()
        return []

    def _reset(self, _: Request) -> Any:
        self._sandbox.reset()
        return {"reset": True}

    def _calls(self, request: Request) -> Any:
        wanted = {"vendor": request.value("vendor"), "kind": request.value("kind")}
        return [
            call.to_json()
            for call in list(self._sandbox.calls)
            if all(text in {"", getattr(call, name)} for name, text in wanted.items())
        ]

    def _config(self, request: Request) -> Any:
        vendor = request.value("vendor") or None
        if vendor not in {None, *VENDORS}:
            raise _refused(f"vendor must be one of {', '.join(VENDORS)}")
        return self._sandbox.config(vendor)

    def _today(self, request: Request) -> Any:
        try:
            self._sandbox.move_to(dt.date.fromisoformat(str(request.json().get("today"))))
        except ValueError as error:
            raise _refused("today must be YYYY-MM-DD") from error
        return {"today": self._sandbox.today.isoformat()}


def _answered(call: Callable[[Request], Any], request: Request) -> Answer:
    return answer_json(call(request))


def _refused(message: str) -> Refusal:
    return Refusal(answer_json({"error": message}, 400))
