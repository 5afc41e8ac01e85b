"""Blocks of CSV or JSON -> lines of JSON or Arrow columns, in C, like the standard library's accelerators.

Cells that are not written as their kind's values stand in records are refused one by one: `convert` asks
Python about them. A block that is not plainly well-formed is refused as a whole, and Python reads it. Where
there is no compiled module (an install from source without a C compiler) Python does everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from tap_reports.speedups.codes import Flag

_compiled: Any = None
with contextlib.suppress(ImportError):  # it may not be compiled
    _compiled = import_module("_tap_reports_speedups")

MAX_COLUMNS = 0xFFFF


class Cells(NamedTuple):
    """The wanted cells of one block.

    Attributes:
        table: The compiled module's; it keeps the block.
        rows: How many.
        end: Where in the block the last row ends.
        refused: How many cells of each wanted column are to be converted; () if there are none at all.
    """

    table: Any
    rows: int
    end: int
    refused: tuple[int, ...]


class JsonKeys(NamedTuple):
    """The keys of JSON objects, and what is wanted of them.

    Attributes:
        spelled: Each key as it is spelled in the file.
        codes: The `Code` of each one's values.
        columns: For each which wanted column it is, 16 bits.
        wanted: The code of each wanted column.
    """

    spelled: tuple[bytes, ...]
    codes: bytes
    columns: bytes
    wanted: bytes


class ScannedKeys(NamedTuple):
    """What `json_keys` has found.

    Attributes:
        end: Where the last object ends.
        objects: How many it went over.
        new: Keys of the next object that were not known.
        is_json: All is JSON, as far as it goes.
    """

    end: int
    objects: int
    new: list[bytes]
    is_json: bool


class Columns:
    """Columns, named "0", "1" and so on, to be read once through Arrow's C data interface."""

    def __init__(self, capsules: tuple[Any, Any]) -> None:
        self._capsules = capsules

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Return the schema and the columns, as one array of structures."""
        return self._capsules


def is_compiled() -> bool:
    """Return whether the compiled module is installed."""
    return _compiled is not None


def takes_csv(width: int, delimiter: str) -> bool:
    """Return whether the compiled module reads CSV of `width` columns."""
    return is_compiled() and 2 <= width <= MAX_COLUMNS and len(delimiter) == 1 and delimiter.isascii()


def csv_cells(
    block: bytes, delimiter: str, codes: bytes, flags: Flag, header: tuple[int, str] = (-1, "")
) -> Cells | None:
    """Return the cells of a block of whole CSV records; None if it is not plainly well-formed.

    Args:
        block: UTF-8.
        delimiter: One character.
        codes: A `Code` for each column.
        flags: How cells are written.
        header: A column and what its header is: a block with a row that has the same there is refused.
    """
    at, text = header
    found = _compiled.csv(block, ord(delimiter), codes, at, text.replace('"', '""').encode(), flags)
    return found and Cells(*found)


def json_cells(block: bytes, start: int, keys: JsonKeys, most_rows: int, flags: Flag) -> Cells | None:
    """Return the values of JSON objects; None if these are not plainly well-formed.

    Args:
        block: UTF-8.
        start: Where the first object begins in it.
        keys: All keys that there are.
        most_rows: How many objects to take at most.
        flags: How values are written.
    """
    found = _compiled.json(block, start, *keys, most_rows, flags)
    return found and Cells(*found)


def json_keys(block: bytes, start: int, spelled: tuple[bytes, ...], flags: Flag) -> ScannedKeys:
    """Scan JSON objects, from the brace at `start` on, up to one with unknown keys."""
    end, objects, new, is_json = _compiled.json_keys(block, start, spelled, flags)
    return ScannedKeys(end, objects, new, bool(is_json))


def dates(cells: Cells, at: int, date_format: bytes) -> int:
    """Take the refused cells of a wanted column of days or instants that are written in a format.

    Args:
        cells: Of one block.
        at: Which of the wanted columns.
        date_format: As `files.days.compiled_format` makes it.

    Returns:
        How many cells are still refused.
    """
    left: int = _compiled.dates(cells.table, at, date_format)
    return left


def convert(cells: Cells, at: int, cache: dict[str, Any], converter: Callable[[str], bytes | None]) -> int:
    """Convert the refused cells of a wanted column with `converter`.

    Args:
        cells: Of one block.
        at: Which of the wanted columns.
        cache: What the converter made of cells before.
        converter: Returns a cell's text (of JSON: the value as it stands) as it is in records, without quotes
            and escapes; b"" for null; None for a cell that does not fit, which becomes null as well.

    Returns:
        How many cells do not fit.
    """
    invalid: int = _compiled.convert(cells.table, at, cache, converter)
    return invalid


def drop_nulls(cells: Cells, at: int) -> int:
    """Leave out the rows in which a wanted column is null; returns how many. The others keep numbers."""
    dropped: int = _compiled.drop_nulls(cells.table, at)
    return dropped


def days(cells: Cells, at: int, first: str, last: str) -> tuple[str, str, int, int]:
    """Return the least and the greatest day of a wanted column of days or instants, how many cells have one,
    and how many of these are not between two days.
    """
    found: tuple[str, str, int, int] = _compiled.days(cells.table, at, first.encode(), last.encode())
    return found


def lines(
    cells: Cells, fields: bytes, texts: tuple[bytes, ...], first_row: int, zone: bytes, rows: tuple[int, int]
) -> bytes:
    """Return a text for each row.

    Args:
        cells: Of one block.
        fields: What is written, as `codes.packed` makes it.
        texts: What stands before each field's value, and after the last one.
        first_row: What `Code.ROW` writes for the first row of the block.
        zone: Offset of instants that have none: `+00:00`.
        rows: The first row that is written, and the first one that is not.
    """
    made: bytes = _compiled.lines(cells.table, fields, texts, first_row, zone, *rows)
    return made


def columns(cells: Cells, fields: bytes, first_row: int, zone: bytes) -> Columns:
    """Return columns of values: text, 64 bits, decimals of 38 digits, days, microseconds in UTC, booleans.

    A column of integers, decimals or instants in which one does not fit is text, as in records.

    Args:
        cells: Of one block.
        fields: What is wanted, as `codes.packed` makes it.
        first_row: What `Code.ROW` is for the first row of the block.
        zone: Offset of instants that have none: `+00:00`.
    """
    return Columns(_compiled.columns(cells.table, fields, first_row, zone))


class SheetRows(NamedTuple):
    """Rows of a workbook's sheet.

    Attributes:
        data: The rows as CSV.
        rows: How many lines.
        last_row: Number of the last row in the sheet.
        types: What each column holds, added up.
        others: Columns that hold something and are not written.
    """

    data: bytes
    rows: int
    last_row: int
    types: bytes
    others: list[int]


def sheet_rows(
    data: bytes, places: bytes, book: Any, row: int, *, marks_numbers: bool = False
) -> SheetRows | None:
    """Return some rows of a sheet's XML as CSV; None if they are refused.

    Args:
        data: Whole rows and nothing else.
        places: For each column of the sheet, in 16 bits, where it is written, from 1; 0: it is not.
        book: What cells refer to: `styles`, `strings`, `is_1904`.
        row: Number of the row before.
        marks_numbers: Write a mark before numbers, too.
    """
    found = _compiled and _compiled.sheet(
        data, places, book.styles, book.strings, book.is_1904, row, marks_numbers
    )
    return found and SheetRows(*found)
