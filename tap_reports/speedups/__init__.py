"""Blocks of CSV or JSON -> lines of JSON or Arrow columns, in C.

All or nothing: a block that is not plainly well-formed, or has one cell that is not written as its kind's
values stand in JSON, is refused, and the paths in Python decide what it is. They take all blocks where there
is no compiled module: an install from source leaves it out where there is no C compiler.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from enum import IntEnum
from importlib import import_module
from struct import pack
from typing import Any, NamedTuple

from tap_reports.models import Kind

_native: Any = None
with contextlib.suppress(ImportError):  # it may not be compiled
    _native = import_module("_tap_reports_speedups")

WIDEST = 0xFFFF


class Code(IntEnum):
    """What a cell must be, and how it is written; the numbers are those of speedups.h."""

    SKIPPED = 0
    TEXT = 1
    INTEGER = 2
    NUMBER = 3
    DAY = 4
    INSTANT = 5
    BOOLEAN = 6
    MOMENT = 7
    ROW = 8


CODES = {
    Kind.STRING: Code.TEXT,
    Kind.INTEGER: Code.INTEGER,
    Kind.NUMBER: Code.NUMBER,
    Kind.DATE: Code.DAY,
    Kind.DATE_TIME: Code.INSTANT,
    Kind.BOOLEAN: Code.BOOLEAN,
}


class Cells(NamedTuple):
    """The places of the wanted cells of one block.

    Attributes:
        table: The compiled module's; it keeps the block.
        rows: How many.
    """

    table: Any
    rows: int


class Columns:
    """Columns, named "0", "1" and so on, for whoever takes Arrow's C data interface; once."""

    def __init__(self, capsules: tuple[Any, Any]) -> None:
        self._capsules = capsules

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Return the schema and the columns, as one array of structures."""
        return self._capsules


def is_compiled() -> bool:
    """Tell whether there is the compiled module."""
    return _native is not None


def takes_csv(width: int, delimiter: str) -> bool:
    """Tell whether a CSV of so many columns can be taken at all."""
    return is_compiled() and 2 <= width <= WIDEST and len(delimiter) == 1 and delimiter.isascii()


def csv_cells(block: bytes, delimiter: str, codes: bytes, *, takes_local: bool) -> Cells | None:
    """Return the cells of a block of whole CSV records, None if it is refused.

    Args:
        block: UTF-8.
        delimiter: One character.
        codes: A `Code` for each column.
        takes_local: Take instants without offset.
    """
    found = _native.csv(block, ord(delimiter), codes, takes_local)
    return found and Cells(*found)


def json_cells(block: bytes, texts: tuple[bytes, ...], codes: bytes, *, takes_local: bool) -> Cells | None:
    """Return the values of a block of JSON objects that are written alike, None if it is refused.

    Args:
        block: UTF-8.
        texts: What stands before each value, behind the last one, and between two objects.
        codes: A `Code` for each value.
        takes_local: Take instants without offset.
    """
    found = _native.json(block, texts, codes, takes_local)
    return found and Cells(*found)


def lines(cells: Cells, fields: bytes, texts: tuple[bytes, ...], first_row: int, zone: bytes) -> bytes:
    """Return a text for each row.

    Args:
        cells: Of one block.
        fields: What is written, as `packed` makes it; no column twice.
        texts: What stands before each field's value, and behind the last one.
        first_row: What `Code.ROW` writes for the first row.
        zone: Offset of instants that have none: `+00:00`.
    """
    made: bytes = _native.lines(cells.table, fields, texts, first_row, zone)
    return made


def columns(cells: Cells, fields: bytes, scales: bytes) -> Columns | None:
    """Return columns of a CSV block; None if some number has more digits than fit.

    Args:
        cells: Of one block.
        fields: As `packed` makes them. `TEXT` becomes texts, `INTEGER` 64 bits, `NUMBER` a decimal of 38
            digits, `DAY` a date, `MOMENT` microseconds in UTC.
        scales: For each field, how many of a decimal's digits are behind the point.
    """
    found = _native.columns(cells.table, fields, scales)
    return found and Columns(found)


def packed(fields: Sequence[tuple[Code, int]]) -> bytes:
    """Return codes, and positions among the wanted columns, as the compiled module takes them."""
    return b"".join(pack("=HH", code, at) for code, at in fields)


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


def sheet_rows(data: bytes, places: bytes, book: Any, row: int) -> SheetRows | None:
    """Return some rows of a sheet's XML as CSV; None if they are refused.

    Args:
        data: Whole rows and nothing else.
        places: For each column of the sheet, in 16 bits, where it is written, from 1; 0: it is not.
        book: What cells refer to: `styles`, `strings`, `is_1904`.
        row: Number of the row before.
    """
    found = _native and _native.sheet(data, places, book.styles, book.strings, book.is_1904, row)
    return found and SheetRows(*found)
