"""What Second Nature answers, read and checked. Links are registered as secrets as they come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import BadAnswer
from tap_reports.http.responses import answer_json
from tap_reports.redaction import add_link, redact

if TYPE_CHECKING:
    from requests import Response

Links = list[dict[str, str | None]]
"""`{"url", "sheet"}` each; JSON, since the ledger keeps them."""


@dataclass(frozen=True, slots=True)
class Status:
    """A ticket's status: the vendor's word, its reason for a failure (redacted), `report_url` as it came."""

    word: str
    error: str
    report_url: Any = field(repr=False)


def report_names(response: Response, what: str) -> list[str]:
    """Return the report names of a list: of names, or of objects that hold one, bare or as `reports`.

    Raises:
        BadAnswer: It is no such list.
    """
    answer = answer_json(response, what)
    listed = answer.get("reports") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        raise BadAnswer(what, "no list of reports came", status=response.status_code)
    names = [entry.get("report_name") if isinstance(entry, dict) else entry for entry in listed]
    texts = [name for name in names if isinstance(name, str) and name]
    if len(texts) != len(names):
        raise BadAnswer(what, "a report without report_name is listed", status=response.status_code)
    return list(dict.fromkeys(texts))


def ticket_id(response: Response, what: str) -> str:
    """Return the ticket of a submission.

    Raises:
        BadAnswer: There is none.
    """
    answer = answer_json(response, what)
    ticket = answer.get("ticket_id") if isinstance(answer, dict) else None
    if isinstance(ticket, bool) or not isinstance(ticket, (str, int)) or ticket == "":
        raise BadAnswer(what, f"no ticket_id came, only: {_keys(answer)}", status=response.status_code)
    return str(ticket)


def status(response: Response, what: str) -> Status:
    """Return a ticket's status.

    Raises:
        BadAnswer: There is none.
    """
    answer = answer_json(response, what)
    word = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(word, str) or not word.strip():
        raise BadAnswer(what, f"no status came, only: {_keys(answer)}", status=response.status_code)
    return Status(word, redact(answer.get("error") or ""), answer.get("report_url"))


def links(answer: Status, what: str) -> Links:
    """Return the links of a complete ticket: one file, or one a sheet.

    Raises:
        BadAnswer: There is none, or an entry has none.
    """
    came = answer.report_url if isinstance(answer.report_url, list) else [answer.report_url]
    found = [_link(entry) for entry in came]
    if not found or not all(link["url"] for link in found):
        raise BadAnswer(what, f"the status is {redact(answer.word)}, but report_url is missing", status=200)
    hide(found)
    return found


def hide(found: Iterable[Mapping[str, str | None]]) -> None:
    """Register what the links' queries hold."""
    for link in found:
        add_link(link["url"] or "")


def _link(entry: Any) -> dict[str, str | None]:
    if isinstance(entry, dict):
        sheet = entry.get("sheet_name")
        return {**_link(entry.get("url")), "sheet": str(sheet) if sheet is not None else None}
    return {"url": entry if isinstance(entry, str) else None, "sheet": None}


def _keys(answer: Any) -> str:
    """Return what an answer has, without its values."""
    return redact(", ".join(map(str, answer)) if isinstance(answer, dict) else type(answer).__name__)
