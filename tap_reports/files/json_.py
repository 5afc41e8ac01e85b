"""JSON: an array of objects, an object that holds one, sheets in `reports`, or JSON lines.

A JSON file is read twice: objects may have keys that the first one lacks, and a table's header must be
known before its rows. The first pass also proves that the file is whole before a row of it is used.
Files whose objects are written alike are read in blocks (`json_blocks`), all others object by object.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files.blocks import MAX_RECORD
from tap_reports.files.json_blocks import cells
from tap_reports.files.json_shape import LINES, REPORTS, is_blank, refuse_complaint, shape
from tap_reports.files.json_survey import json_table
from tap_reports.files.numbers import Number
from tap_reports.files.table import Cell, Sheet, Table
from tap_reports.files.text import open_utf8, shown
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    import io

    from tap_reports.files.part import Part
    from tap_reports.models import Layout


def json_sheets(part: Part, layout: Layout) -> list[Sheet]:
    """Return the tables of a JSON file.

    Raises:
        FileError: It is no report, or not whole.
    """
    with _reading(part):
        if is_blank(part):
            # JSON lines, none of them.
            return [Sheet(part.sheet, partial(_table_of, part, None, ()))]
        path = shape(part, layout)
        if path == REPORTS:
            return _report_sheets(part)
    return [Sheet(part.sheet, partial(_table, part, path))]


def _table(part: Part, path: str | None) -> Table:
    """Return the table whose rows are at `path`; the whole file is read for its keys."""
    if path and (alike := json_table(part, path)):
        return alike
    keys: dict[str, None] = {}
    for row in _objects(part, path):
        if not row.keys() <= keys.keys():
            keys.update(dict.fromkeys(row))
    if not keys:
        with _reading(part):
            refuse_complaint(part)
    return _table_of(part, path, tuple(keys))


def _table_of(part: Part, path: str | None, keys: tuple[str, ...]) -> Table:
    return Table(
        name=part.name,
        sheet=part.sheet,
        format=FileFormat.JSON,
        header=keys,
        read=partial(_rows, part, path, keys),
    )


def _rows(
    part: Part, path: str | None, keys: tuple[str, ...], *, skip: int = 0, most: int | None = None
) -> Iterator[list[Cell]]:
    """Yield the rows `skip` to `skip + most` of those at `path`; a key that is missing is null."""
    if not keys:
        return
    with closing(_objects(part, path)) as objects:
        for row in islice(objects, skip, None if most is None else skip + most):
            yield cells(row, keys)


def _objects(part: Part, path: str | None) -> Generator[dict[str, Any], None, None]:
    """Yield the objects at an ijson path (or one a line, for LINES; none, for None)."""
    import ijson

    if path is None:
        return
    with _reading(part), open_utf8(part) as stream:
        found = _lines(part, stream) if path == LINES else ijson.items(stream, path)
        for number, row in enumerate(found, start=1):
            if type(row) is not dict:
                raise FileError(f'{part.name}: row {number} is no object: "{shown(str(row))}".')
            yield row


def _lines(part: Part, stream: io.BufferedIOBase) -> Iterator[Any]:
    """Yield the value of each line, every digit of its numbers kept."""
    import msgspec

    decode = msgspec.json.Decoder(float_hook=Number).decode
    number = 0
    while line := stream.readline(MAX_RECORD):
        if not line.strip():
            continue
        number += 1
        try:
            yield decode(line)
        except msgspec.DecodeError as error:
            raise FileError(f"{part.name}: row {number} is no JSON: {shown(str(error))}.") from error


@dataclass(slots=True)
class _Report:
    """What the first pass learns of one of the `reports`."""

    name: str | None = None
    rows: int = 0
    keys: dict[str, None] = field(default_factory=dict)


def _report_sheets(part: Part) -> list[Sheet]:
    """Return the sheets of `{"reports": [{"report_name", "sheet_name", "data": [...]}]}`."""
    import ijson

    with open_utf8(part) as stream:
        reports = _survey(part, ijson.parse(stream))
    sheets, skip = [], 0
    for number, report in enumerate(reports, start=1):
        name = report.name or (f"sheet_{number}" if len(reports) > 1 else part.sheet)
        sheets.append(Sheet(name, partial(_report_table, part, name, report, skip)))
        skip += report.rows
    return sheets


def _survey(part: Part, events: Iterable[tuple[str, str, Any]]) -> list[_Report]:
    """Collect names, keys and numbers of rows of all reports."""
    reports: list[_Report] = []
    for path, event, value in events:
        # All that is under `reports` comes after its `start_map` here, so there is a last report.
        match path, event:
            case "reports.item", "start_map":
                reports.append(_Report())
            case "reports.item.sheet_name", "string" | "number":
                reports[-1].name = str(value)
            case "reports.item.data.item", "start_map":
                reports[-1].rows += 1
            case "reports.item.data.item", "map_key":
                reports[-1].keys[value] = None
            case "reports.item.data.item", "end_map":
                pass
            case ("reports", "map_key") | ("reports.item.data", "map_key" | "string" | "number" | "boolean"):
                raise FileError(f'{part.name}: "{path}" is no list but holds "{shown(str(value))}".')
            case (
                ("reports.item" | "reports.item.data.item"),
                ("string" | "number" | "boolean" | "null" | "start_array"),
            ):
                raise FileError(f'{part.name}: an entry of "{path.removesuffix(".item")}" is no object.')
    return reports


def _report_table(part: Part, name: str | None, report: _Report, skip: int) -> Table:
    keys = tuple(report.keys)
    return Table(
        name=f"{part.name} / {name}" if name else part.name,
        sheet=name,
        format=FileFormat.JSON,
        header=keys,
        read=partial(_rows, part, "reports.item.data.item", keys, skip=skip, most=report.rows),
    )


@contextmanager
def _reading(part: Part) -> Iterator[None]:
    """Turn what the JSON parsers raise into file errors."""
    import ijson

    try:
        yield
    except (ijson.JSONError, ArithmeticError, ValueError, RecursionError) as error:
        said = error.args[0] if error.args else error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        reason = shown(text.partition("(right here)")[0])  # without the parser's arrow
        raise FileError(f"{part.name} is truncated or no JSON: {reason}.") from error
