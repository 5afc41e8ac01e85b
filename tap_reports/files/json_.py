"""JSON: an array of objects, an object that holds one, sheets in `reports`, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files import json_blocks
from tap_reports.files.json_blocks import JsonRows, JsonTable, blocks, survey
from tap_reports.files.json_cursor import Cursor
from tap_reports.files.table import Sheet, Table
from tap_reports.files.text import beginning, open_utf8, shown
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from tap_reports.files.part import Part
    from tap_reports.models import Layout

REPORTS = "reports"
DATA = "data"
REPORT_KEYS = frozenset({"report_name", "sheet_name"})
"""What one of the reports has beside its data."""

ERROR_KEYS = frozenset(
    {"error", "errors", "errormessage", "error_message", "errorcode", "error_code", "fault"}
)
ERROR_WORDS = frozenset({"error", "failed", "failure", "fail"})
"""Values of `status` that say so."""
ENVELOPE_KEYS = frozenset({"status", "message", "code", "detail", "details", "title", "success", "reason"})
"""An object of these alone is an answer about a report, not a row of one."""

Facts = dict[str, Any]
"""Top-level keys in lower case -> scalars; () for anything nested."""


def json_sheets(part: Part, layout: Layout) -> list[Sheet]:
    """Return the tables of a JSON file. All of it is read, to know that it is whole.

    Raises:
        FileError: It is no report, or not whole.
    """
    with closing(_cursor(part)) as cursor:
        match cursor.peek():
            case b"":  # JSON lines, none of them
                found: list[_Report] = [_Report()]
            case b"[":
                cursor.at += 1
                found = [_Report(rows=survey(cursor))]
            case b"{":
                found = _Document(part, layout, cursor).reports()
            case _:
                if cursor.value() is not None:
                    raise _no_report(part, "a JSON value")
                found = [_Report()]
        if cursor.peek():
            cursor.unexpected()
    return [_sheet(part, report, number, found) for number, report in enumerate(found, start=1)]


class _Report:
    """One of the reports of a file: the name of its sheet, and its rows."""

    def __init__(self, *, rows: JsonRows | None = None, is_named: bool = False) -> None:
        self.name: str | None = None
        self.rows = rows
        self.is_named = is_named


class _Document:
    """An object at the top of a file: it holds rows or reports, or is the first of several rows."""

    def __init__(self, part: Part, layout: Layout, cursor: Cursor) -> None:
        self._part = part
        self._layout = layout
        self._cursor = cursor
        self._facts: Facts = {}
        self._lists: list[str] = []
        """Keys that hold objects which might be the rows."""

    def reports(self) -> list[_Report]:
        """Go over the file and return what is in it."""
        found, rows_key = None, None
        for key in members(self._cursor):
            follows = self._cursor.peek()
            if key == rows_key:
                raise FileError(f'{self._part.name}: "{key}" is there twice.')
            if found is None and (key in self._layout.records or (key == REPORTS and follows == b"[")):
                self._refuse_complaint()
                rows_key = key
                found = self._listed() if key == REPORTS and follows == b"[" else [self._rows(key)]
            elif found is None and key == DATA and follows == b"[" and REPORT_KEYS & self._facts.keys():
                rows_key, found = key, [_Report(rows=self._array(), is_named=True)]
            else:
                self._note(key)
        if found is None:
            return [self._plain()]
        if not any(report.rows and report.rows.keys for report in found):
            self._refuse_complaint()
        if found[0].is_named and len(found) == 1 and "sheet_name" in self._facts:
            found[0].name = str(self._facts["sheet_name"])
        return found

    def _note(self, key: str) -> None:
        """Remember a value, unless it is large."""
        is_nested = self._cursor.peek() in {b"[", b"{"}
        value = self._cursor.value()
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            self._lists.append(key)
        self._facts[key.casefold()] = () if is_nested else value

    def _array(self) -> JsonRows:
        self._cursor.take(b"[")
        return survey(self._cursor)

    def _rows(self, key: str) -> _Report:
        """Return the rows under a key; an empty list may be written as `null` or `{}`."""
        if self._cursor.peek() == b"[":
            return _Report(rows=self._array())
        if self._cursor.value() not in (None, {}):
            raise _no_report(self._part, f'a JSON object whose "{key}" is no list')
        return _Report()

    def _listed(self) -> list[_Report]:
        """Return the reports of `[{"report_name", "sheet_name", "data": [...]}]`."""
        cursor, found = self._cursor, list[_Report]()
        for _ in elements(cursor):
            if cursor.peek() != b"{":
                raise FileError(f'{self._part.name}: an entry of "{REPORTS}" is no object.')
            report = _Report(is_named=True)
            for key in members(cursor):
                if key == DATA and cursor.peek() == b"[":
                    report.rows = self._array()
                elif (value := cursor.value()) is not None and key == DATA:
                    said = shown(str(value))
                    raise FileError(f'{self._part.name}: "{DATA}" of a report is no list but holds "{said}".')
                elif key == "sheet_name" and value is not None:
                    report.name = str(value)
            found.append(report)
        return found

    def _plain(self) -> _Report:
        """Return the file's objects as rows, if it is not an answer about a report."""
        cursor, is_alone = self._cursor, not self._cursor.peek()
        if cursor.peek() not in {b"", b"{"}:
            # What comes behind one object may be another one, after all.
            cursor.unexpected()
        if is_alone and (
            self._layout.format is not FileFormat.JSON or self._layout.records or self._is_envelope()
        ):
            raise _no_report(self._part, "a JSON object without rows")
        if is_alone and (self._lists or REPORTS in self._facts):
            keys = ", ".join(f'"{shown(key, 60)}"' for key in list(self._facts)[:20])
            raise FileError(
                f"{self._part.name} is one JSON object with its rows under another key. Its keys: {keys}.",
                remedy="If the vendor's format has changed, ask for CSV or report it.",
            )
        cursor.restart()
        cursor.peek()
        return _Report(rows=survey(cursor, is_lines=True))

    def _refuse_complaint(self) -> None:
        if self._complains():
            raise _no_report(self._part, "an error")

    def _complains(self) -> bool:
        facts = self._facts
        return str(facts.get("status")).casefold() in ERROR_WORDS or any(facts.get(key) for key in ERROR_KEYS)

    def _is_envelope(self) -> bool:
        """Tell an answer about a report from a row of one."""
        facts = self._facts
        names_error = any(facts.get(key) is not None for key in ERROR_KEYS)
        return names_error or self._complains() or (bool(facts) and facts.keys() <= ENVELOPE_KEYS)


def _cursor(part: Part) -> Cursor:
    return Cursor(partial(open_utf8, part), part.name, json_blocks.SIZE)


def members(cursor: Cursor) -> Iterator[str]:
    """Yield the keys of the object at hand; whoever takes one goes behind its value."""
    cursor.take(b"{")
    if cursor.peek() == b"}":
        cursor.at += 1
        return
    while True:
        if cursor.peek() != b'"':
            cursor.unexpected()
        key: str = cursor.value()
        cursor.take(b":")
        yield key
        if cursor.peek() != b",":
            cursor.take(b"}")
            return
        cursor.at += 1


def elements(cursor: Cursor) -> Iterator[None]:
    """Yield at each element of the array at hand; whoever takes one goes behind it."""
    cursor.take(b"[")
    if cursor.peek() == b"]":
        cursor.at += 1
        return
    while True:
        yield
        if cursor.peek() != b",":
            cursor.take(b"]")
            return
        cursor.at += 1


def _sheet(part: Part, report: _Report, number: int, found: list[_Report]) -> Sheet:
    if not report.is_named:
        return Sheet(part.sheet, partial(_table, part, part.sheet, part.name, report.rows))
    name = report.name or (f"sheet_{number}" if len(found) > 1 else part.sheet)
    shown_name = f"{part.name} / {name}" if name else part.name
    return Sheet(name, partial(_table, part, name, shown_name, report.rows))


def _table(part: Part, sheet: str | None, name: str, rows: JsonRows | None) -> Table:
    keys = tuple(rows.keys) if rows else ()
    if rows is None or not keys:
        return Table(name=name, sheet=sheet, format=FileFormat.JSON, header=(), read=lambda: iter(()))
    table = JsonTable(
        name=name,
        sheet=sheet,
        format=FileFormat.JSON,
        header=keys,
        read=lambda: iter(()),
        keys=keys,
        spelled=tuple(rows.spelled) if rows.is_plain else (),
        columns=tuple(rows.spelled.values()) if rows.is_plain else (),
        is_lines=rows.is_lines,
        open_blocks=partial(blocks, part, rows),
    )
    return json_blocks.with_rows(table)


def _no_report(part: Part, what: str) -> FileError:
    return FileError(f'{part.name} is {what}, not a report. It begins: "{shown(beginning(part))}".')
