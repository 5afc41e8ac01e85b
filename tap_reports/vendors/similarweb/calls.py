"""Similarweb's calls: paths that fall back, the pace, and the vendor's words in an answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from tap_reports.exceptions import CallRejected
from tap_reports.http.api import ApiSession
from tap_reports.http.responses import body_excerpt, json_of
from tap_reports.models import Json
from tap_reports.redaction import redact

logger = logging.getLogger("tap-reports.similarweb")

PATHS: dict[str, tuple[str, ...]] = {
    "status_path": (
        "/v3/batch/request-status/{report_id}",
        "/batch/request-status/{report_id}",
        "/batch/v5/request-status/{report_id}",
    ),
    "retry_path": ("/v3/batch/retry/{report_id}", "/batch/retry/{report_id}"),
    "credits_path": ("/v3/batch/credits", "/batch/credits"),
    "describe_path": ("/v3/batch/tables/describe", "/batch/tables/describe"),
}
"""Setting -> documented paths; the first is its default. The sources disagree for v5, so all are tried."""
GONE = frozenset({404, 410})
ABSENT = GONE | {403, 405}
"""How a path that is only a guess may say that it is not there; a wrong key was refused before."""
CALLS_PER_SECOND = 10
"""https://developers.similarweb.com/docs/rate-limit, taken to hold for Batch calls too."""
MOST_WORDS = 1000


class Calls:
    """The free calls whose path the sources disagree on.

    Args:
        api: The session.
        block: Settings of the vendor block; a path set there goes before the documented ones.
    """

    def __init__(self, api: ApiSession, block: Json) -> None:
        self._api = api
        self._paths = {
            setting: tuple(dict.fromkeys([block.get(setting) or documented[0], *documented[1:]]))
            for setting, documented in PATHS.items()
        }
        self._kept: dict[str, str] = {}

    def first(self, method: str, setting: str, report_id: str = "") -> tuple[str, requests.Response]:
        """Return the call as messages name it, and the answer of the first path that is there.

        That path is kept for the run. If there is none the first path's answer is returned, a 404 or 410.

        Raises:
            CallError: As `ApiSession.call`.
        """
        kept = self._kept.get(setting)
        answers: list[tuple[str, requests.Response]] = []
        for template in (kept,) if kept else self._paths[setting]:
            path = template.replace("{report_id}", quote(report_id, safe=""))
            missing = ABSENT if answers else GONE
            response = self._api.call(method, path, accept=missing)
            answers.append((self._api.shown(method, path), response))
            if response.status_code not in missing:
                self._keep(setting, template)
                return answers[-1]
        return answers[0]

    def _keep(self, setting: str, template: str) -> None:
        if setting not in self._kept and template != self._paths[setting][0]:
            logger.info("%s: %s answers and is used in this run", setting, template)
        self._kept[setting] = template


def rejection(what: str, response: requests.Response, remedy: str = "") -> CallRejected:
    """Return the error for an answer that says no, with the vendor's words."""
    return rejected(what, words(response.content) or body_excerpt(response), response.status_code, remedy)


def rejected(what: str, answer: str, status: int | None, remedy: str = "") -> CallRejected:
    """Return the error for a call that was answered with no."""
    error = CallRejected(what, answer, status=status)
    error.remedy = remedy or error.remedy
    return error


def words(body: bytes | str) -> str:
    """Return what the vendor says in `errors`, `error` or `message` of a JSON answer, "" if nothing."""
    try:
        answer = json_of(body)
    except ValueError:
        return ""
    return said(answer)


def said(answer: Any) -> str:
    """Return the words of a parsed answer, redacted, on one line."""
    if not isinstance(answer, Mapping):
        return ""
    for name in ("errors", "error", "message"):
        value = answer.get(name)
        if value:
            texts = value if isinstance(value, list) else [value]
            return redact("; ".join(" ".join(str(text).split()) for text in texts))[:MOST_WORDS]
    return ""
