"""Serves the calls of a recording (`tap-reports --record FILE`) again, each call's answers in their order."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tap_reports.http.record import CREATOR, CUT_TYPE
from tap_reports.http.shareable import ACCOUNT, FILES
from tap_reports.sandbox import xlsx
from tap_reports.sandbox.http import Answer, Request, Route

NAME = "replay"
FILES_PATH = "/files/"
METHODS = ("GET", "POST", "PUT", "DELETE")
LEFT_OUT = {"content-encoding", "content-length", "transfer-encoding", "location", "connection", "date"}
BEGINNINGS = {"html": b"<html></html>", "xml": b"<Error/>", "json": b"{}", "unknown": b"\0"}


class AnyPath(Route):
    """A route of every path."""

    def match(self, path: str) -> dict[str, str]:
        """Match."""
        return {"path": path}


class NoRecordingError(ValueError):
    """The file is not a recording of ours; the message says what it is."""


@dataclass(slots=True)
class Take:
    """One recorded call. `values` are its parameters and the leaves of its body, to tell like calls apart."""

    method: str
    path: re.Pattern[str]
    values: frozenset[tuple[str, str]]
    response: Mapping[str, Any]
    is_used: bool = False


@dataclass(slots=True)
class Recording:
    """The calls of a recording."""

    takes: list[Take]  # In the order in which they were made
    origin: str = ""  # Where they are served now, for the links in answers
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Return the recording in a file.

        Raises:
            NoRecordingError: It is not one.
        """
        try:
            log = json.loads(path.read_text(encoding="utf-8-sig"))["log"]
            creator, entries = str(log["creator"]["name"]), log["entries"]
        except OSError as error:
            raise NoRecordingError(f"{path}: can't be read ({error.strerror}); check the path.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NoRecordingError(f"{path}: is not a HAR file. {_MAKE_ONE}") from error
        if creator != CREATOR:
            raise NoRecordingError(f'{path}: is a HAR file of "{creator}", not a recording. {_MAKE_ONE}')
        try:
            takes = [_take(entry) for entry in entries]
            _complete_files(takes)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoRecordingError(f"{path}: has an entry that can't be read. {_MAKE_ONE}") from error
        return cls(takes)

    def routes(self) -> list[Route]:
        """Return routes for every path."""
        return [AnyPath(method, "", NAME, NAME, self._answer) for method in METHODS]

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            take = self._next(request)
        if take is None:
            text = f"the recording has no call {request.method} {request.path}"
            return Answer(404, json.dumps({"message": text}).encode())
        response = take.response
        headers = {
            item["name"]: item["value"]
            for item in response.get("headers", ())
            if item["name"].lower() not in LEFT_OUT and item["value"] != "[redacted]"
        }
        if target := response.get("redirectURL"):
            headers["Location"] = self._served(target)
        content = response.get("content", {})
        kind = headers.pop("Content-Type", headers.pop("content-type", "application/json"))
        if content.get("mimeType") == CUT_TYPE:
            body = b"".join(file_of(json.loads(content["text"])))
        else:
            body = self._served(content.get("text", "")).encode()
        return Answer(int(response["status"]) or 504, body, kind, headers)

    def _next(self, request: Request) -> Take | None:
        """Return the recorded call that is most like a call: one not served yet, else the last one."""
        like = [
            take for take in self.takes if take.method == request.method and take.path.fullmatch(request.path)
        ]
        if not like:
            return None
        values = _values(request)
        best = max(len(take.values & values) for take in like)
        like = [take for take in like if len(take.values & values) == best]
        take = next((take for take in like if not take.is_used), like[-1])
        take.is_used = True
        return take

    def _served(self, text: str) -> str:
        return text.replace(FILES, f"{self.origin}{FILES_PATH}")


_MAKE_ONE = "Make one with: tap-reports --config config.json --record FILE"


def _take(entry: Mapping[str, Any]) -> Take:
    request, response = entry["request"], entry["response"]
    int(response["status"])  # what can't be served is found now
    url = str(request["url"])
    path = FILES_PATH + url.removeprefix(FILES) if url.startswith(FILES) else unquote(urlsplit(url).path)
    pattern = re.escape(path).replace(re.escape(ACCOUNT), "[^/]+")
    values = {(item["name"], str(item["value"])) for item in request.get("queryString", ())}
    values |= set(_leaves("", _json((request.get("postData") or {}).get("text", ""))))
    return Take(request["method"], re.compile(pattern), frozenset(values), response)


def _complete_files(takes: list[Take]) -> None:
    """Give a file that was only looked at the content of the same file as it was read whole."""
    whole: dict[str, Mapping[str, Any]] = {}
    for take in reversed(takes):
        content = take.response.get("content", {})
        if content.get("mimeType") != CUT_TYPE:
            continue
        if json.loads(content["text"]).get("whole"):
            whole[take.path.pattern] = content
        elif take.path.pattern in whole:
            take.response = {**take.response, "content": whole[take.path.pattern]}


def _values(request: Request) -> frozenset[tuple[str, str]]:
    query = {(name, value) for name, values in request.query.items() for value in values}
    return frozenset(query | set(_leaves("", _json(request.body))))


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _leaves(f"{name}.{inner}", item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(name, item)
    elif value is not None:
        yield name, str(value)


def file_of(cut: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield a file like the one that was cut."""
    sheets = cut.get("sheets") or []
    if "sheets" not in cut:
        yield BEGINNINGS.get(cut["format"], str(cut.get("text", "")).encode())
    elif cut["format"] == "xlsx":
        out = io.BytesIO()
        rows = [
            [sheet["header"], *([list(map(_cell, sheet["row"]))] if sheet["row"] else [])] for sheet in sheets
        ]
        names = [sheet["sheet"] or "Sheet1" for sheet in sheets]
        xlsx.write(out, list(map(xlsx.Sheet, names, rows)))
        yield out.getvalue()
    elif cut["format"] == "json":
        yield json.dumps(_json_file(sheets)).encode()
    elif cut["format"] == "csv":
        yield _zip(sheets) if any(sheet["sheet"] for sheet in sheets) else b"".join(map(_csv, sheets[:1]))


def _csv(sheet: Mapping[str, Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [sheet["header"], *([sheet["row"]] if sheet["row"] else [])]
    )
    return text.getvalue().encode()


def _zip(sheets: list[Mapping[str, Any]]) -> bytes:
    """Return a zip of CSV files, which are named after their sheets."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        for sheet in sheets:
            package.writestr(f"{sheet['sheet']}.csv", _csv(sheet))
    return packed.getvalue()


def _json_file(sheets: list[Mapping[str, Any]]) -> Any:
    """Return the rows as an array, or the sheets as `reports` where they have names."""
    tables: dict[str | None, list[Any]] = defaultdict(list)
    for sheet in sheets:
        row = [dict(zip(sheet["header"], sheet["row"], strict=True))] if sheet["row"] else []
        tables[sheet["sheet"]] += row
    if list(tables) in ([], [None]):
        return tables.get(None, [])
    return {"reports": [{"sheet_name": name, "data": rows} for name, rows in tables.items()]}


def _cell(cell: Any) -> xlsx.Cell:
    """Return a workbook's cell."""
    if not isinstance(cell, Mapping):
        return cell  # type: ignore[no-any-return]
    if "seconds" in cell:
        return dt.timedelta(seconds=cell["seconds"])
    if "date-time" in cell:
        return dt.datetime.fromisoformat(cell["date-time"])
    return dt.date.fromisoformat(cell["date"])
