"""What Second Nature answers, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import BadAnswer
from tap_reports.http.responses import answer_json, required_text
from tap_reports.models import Json
from tap_reports.models.columns import distinct_names
from tap_reports.redaction import add_link

if TYPE_CHECKING:
    from requests import Response


def report_names(response: Response, what: str) -> list[str]:
    """Return the report names of a list: of names, or of objects that hold one, bare or as `reports`.

    Raises:
        BadAnswer: It is not such a list.
    """
    answer = answer_json(response, what)
    listed = answer.get("reports") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        raise BadAnswer(what, "no list of reports came", status=response.status_code)
    entries = [entry if isinstance(entry, dict) else {"report_name": entry} for entry in listed]
    return list(dict.fromkeys(required_text(entry, "report_name", what) for entry in entries))


def links(answer: Mapping[str, Any], what: str) -> list[Json]:
    """Return the links of a complete ticket, `{"url", "sheet"}` each: one file, or one a sheet.

    Raises:
        BadAnswer: There is none, or an entry has none.
    """
    came = answer.get("report_url")
    found: list[Json] = [_link(entry) for entry in (came if isinstance(came, list) else [came])]
    if not found or not all(link["url"] for link in found):
        raise BadAnswer(what, "the status is complete, but report_url is missing", status=200)
    sheets = distinct_names(link["sheet"] for link in found)
    for link in found:
        add_link(link["url"])
    return [{**link, "sheet": sheet} for link, sheet in zip(found, sheets, strict=True)]


def _link(entry: Any) -> dict[str, Any]:
    if isinstance(entry, dict):
        sheet = entry.get("sheet_name")
        return {**_link(entry.get("url")), "sheet": str(sheet) if sheet is not None else None}
    return {"url": entry if isinstance(entry, str) else None, "sheet": None}
