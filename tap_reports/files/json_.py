"""JSON: an array of objects, an object that holds one, sheets in `reports`, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files import json_rows
from tap_reports.files.header import ANSWER_KEYS, ERROR_KEYS, knows
from tap_reports.files.json_cursor import Cursor
from tap_reports.files.json_rows import JsonRows, JsonTable, scan_objects
from tap_reports.files.table import Sheet, Table
from tap_reports.files.text import beginning, encoding_of, open_utf8, shown
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member
    from tap_reports.models import Layout

NESTED = "nested"
REPORTS = "reports"
DATA = "data"
REPORT_KEYS = frozenset({"report_name", "sheet_name"})
"""What one of the reports has in addition to its data."""
ERROR_WORDS = frozenset({"error", "failed", "failure", "fail"})
"""Values of `status` that say so."""
OTHER_FORMAT = "If the vendor's format has changed, ask for CSV or report it."


@dataclass(slots=True)
class _Report:
    """One of the reports of a file: the name of its sheet, and its rows."""

    rows: JsonRows = field(default_factory=JsonRows)
    name: str | None = None
    is_named: bool = False


def json_sheets(member: Member, layout: Layout) -> list[Sheet]:
    """Return the tables of a JSON file. All of it is read, to know that it is whole.

    Raises:
        FileError: It is not a report, or not whole.
    """
    encoding, _ = encoding_of(member)
    with closing(Cursor(partial(open_utf8, member), member.name, json_rows.SIZE, encoding)) as cursor:
        match cursor.peek():
            case b"":  # JSON lines, none of them
                reports = [_Report()]
            case b"[":
                reports = [_Report(scan_objects(cursor))]
            case b"{":
                reports = _Document(member, layout, cursor).reports()
            case _:
                if cursor.value() is not None:
                    raise _not_a_report(member, "a JSON value")
                reports = [_Report()]
        if cursor.peek():
            cursor.unexpected()
    if any(_are_errors(report.rows.keys, layout) for report in reports):
        raise _not_a_report(member, "an error")
    return [_sheet(member, report, number, reports) for number, report in enumerate(reports, start=1)]


class _Document:
    """An object at the top of a file: it holds rows or reports, or is the first of several rows."""

    def __init__(self, member: Member, layout: Layout, cursor: Cursor) -> None:
        self._member = member
        self._layout = layout
        self._cursor = cursor
        self._keys: list[str] = []
        self._values: dict[str, Any] = {}
        """Top-level keys in lower case -> scalars; NESTED for what is nested, () if that says nothing."""
        self._has_lists = False
        """Some value that is not known holds objects, or lists, which might be the rows."""
        self._has_empty_list = False

    def reports(self) -> list[_Report]:
        """Read the file and return its reports."""
        cursor, rows_key = self._cursor, None
        reports: list[_Report] | None = None
        for key in cursor.members():
            is_list = cursor.peek() == b"["
            if key == rows_key:
                raise FileError(f'{self._member.name}: "{key}" is there twice.')
            if reports is None and (key in self._layout.records or (key == REPORTS and is_list)):
                self._refuse_error()
                reports = self._listed() if key == REPORTS and is_list else [self._rows(key)]
                rows_key = key
            elif reports is None and key == DATA and REPORT_KEYS & self._values.keys():
                reports, rows_key = [_Report(self._data(), is_named=True)], key
            else:
                self._note(key)
        if reports is None:
            return [self._plain()]
        self._refuse_error()
        if not any(report.rows.keys for report in reports):
            self._refuse_other_rows()
        if len(reports) == 1 and reports[0].is_named and "sheet_name" in self._values:
            reports[0].name = str(self._values["sheet_name"])
        return reports or [_Report()]

    def _note(self, key: str) -> None:
        """Remember a value, unless it is large."""
        value = self._cursor.value()
        self._has_lists |= _holds_rows(value)
        self._has_empty_list |= value == []
        self._keys.append(key)
        is_nested = isinstance(value, (dict, list))
        self._values[key.casefold()] = (NESTED if _holds_something(value) else ()) if is_nested else value

    def _rows(self, key: str) -> _Report:
        """Return the rows under a key; an empty list may be written as `null` or `{}`."""
        if self._cursor.peek() == b"[":
            return _Report(scan_objects(self._cursor))
        if self._cursor.value() not in (None, {}):
            raise _not_a_report(self._member, f'a JSON object whose "{key}" is not a list')
        return _Report()

    def _data(self) -> JsonRows:
        """Return the rows of one of the reports."""
        if self._cursor.peek() == b"[":
            return scan_objects(self._cursor)
        if (value := self._cursor.value()) is not None:
            said = f'"{DATA}" of a report is not a list but holds "{shown(str(value))}"'
            raise FileError(f"{self._member.name}: {said}.")
        return JsonRows()

    def _listed(self) -> list[_Report]:
        """Return the reports of `[{"report_name", "sheet_name", "data": [...]}]`."""
        cursor, reports = self._cursor, list[_Report]()
        for _ in cursor.elements():
            if cursor.peek() != b"{":
                raise FileError(f'{self._member.name}: an entry of "{REPORTS}" is not an object.')
            report, values = _Report(is_named=True), dict[str, Any]()
            for key in cursor.members():
                if key == DATA:
                    report.rows = self._data()
                elif (value := cursor.value()) is not None and key == "sheet_name":
                    report.name = str(value)
                values[key] = None if key == DATA else value
            self._refuse_report(values)
            reports.append(report)
        return reports

    def _refuse_report(self, values: Mapping[str, Any]) -> None:
        """Raise FileError for one of the reports that says what went wrong with it, or has no data at all."""
        if _says_error({key.casefold(): value for key, value in values.items()}):
            raise _not_a_report(self._member, "an error")
        if DATA not in values:
            keys = ", ".join(f'"{shown(key, 60)}"' for key in list(values)[:20]) or "none"
            raise FileError(
                f'{self._member.name}: an entry of "{REPORTS}" has no "{DATA}". Its keys: {keys}.',
                remedy=OTHER_FORMAT,
            )

    def _plain(self) -> _Report:
        """Return the file's objects as rows, if it is not an answer about a report."""
        cursor, is_alone = self._cursor, not self._cursor.peek()
        if cursor.peek() not in {b"", b"{"}:
            # After one object there may be another one.
            cursor.unexpected()
        if is_alone:
            is_other = self._layout.format is not FileFormat.JSON or self._layout.records
            if is_other or self._is_envelope():
                raise _not_a_report(self._member, "a JSON object without rows")
            self._has_lists |= self._has_empty_list  # what holds the rows of a report that has none, maybe
            if not knows(self._keys, self._layout):
                self._refuse_other_rows()
        cursor.restart()
        cursor.peek()
        return _Report(scan_objects(cursor, is_lines=True))

    def _refuse_other_rows(self) -> None:
        if self._has_lists:
            keys = ", ".join(f'"{shown(key, 60)}"' for key in self._keys[:20])
            raise FileError(
                f"{self._member.name} is one JSON object with its rows under another key. Its keys: {keys}.",
                remedy=OTHER_FORMAT,
            )

    def _refuse_error(self) -> None:
        if _says_error(self._values):
            raise _not_a_report(self._member, "an error")

    def _is_envelope(self) -> bool:
        """Tell an answer about a report from a row of one."""
        values = self._values
        names_error = any(values.get(key) is not None for key in ERROR_KEYS)
        return names_error or _says_error(values) or (bool(values) and values.keys() <= ANSWER_KEYS)


def _sheet(member: Member, report: _Report, number: int, reports: list[_Report]) -> Sheet:
    name, shown_name = member.sheet, member.name
    if report.is_named:
        name = report.name or (f"sheet_{number}" if len(reports) > 1 else name)
        shown_name = f"{shown_name} / {name}" if name else shown_name
    return Sheet(name, partial(_table, member, name, shown_name, report.rows))


def _table(member: Member, sheet: str | None, name: str, rows: JsonRows) -> Table:
    if not rows.keys:
        return Table(name=name, sheet=sheet, format=FileFormat.JSON, header=(), read=lambda: iter(()))
    return JsonTable(
        name=name,
        sheet=sheet,
        format=FileFormat.JSON,
        header=tuple(rows.keys),
        read=lambda: iter(()),
        objects=rows,
        open_text=partial(open_utf8, member),
    )


def _not_a_report(member: Member, what: str) -> FileError:
    return FileError(f'{member.name} is {what}, not a report. It begins: "{shown(beginning(member))}".')


def _says_error(values: Mapping[str, Any]) -> bool:
    """Return whether an object's keys, in lower case, and values say that something went wrong."""
    says_so = str(values.get("status")).casefold() in ERROR_WORDS
    return says_so or any(_holds_something(values.get(key)) for key in ERROR_KEYS)


def _are_errors(keys: Iterable[str], layout: Layout) -> bool:
    """Return whether rows of such keys are errors rather than a report's."""
    names = {key.casefold() for key in keys}
    return bool(names & ERROR_KEYS) and names <= ERROR_KEYS | ANSWER_KEYS and not knows([*keys], layout)


def _holds_something(value: Any) -> bool:
    """Return whether a value says anything: `{"count": 0, "list": []}` does not."""
    if isinstance(value, dict):
        return any(map(_holds_something, value.values()))
    return any(map(_holds_something, value)) if isinstance(value, list) else bool(value)


def _holds_rows(value: Any) -> bool:
    """Return whether a list of objects, or of lists, is in a value."""
    if isinstance(value, dict):
        return any(map(_holds_rows, value.values()))
    return isinstance(value, list) and bool(value) and all(isinstance(item, (dict, list)) for item in value)
