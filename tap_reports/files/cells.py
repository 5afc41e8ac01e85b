"""A cell as parsed -> the value that its column's kind asks for, every digit kept.

A converter raises `ValueError` for a cell that does not fit. Spaces around a cell are no part of it,
except in text columns; an empty cell is null in every column.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.files.days import day, instant
from tap_reports.files.numbers import Number, number_text, plain_text
from tap_reports.files.table import USUAL, ErrorCell, Notation, unguarded
from tap_reports.models import Kind

if TYPE_CHECKING:
    from tap_reports.files.table import Cell

Value = str | int | Decimal | bool | None
Converter = Callable[["Cell"], Value]

PLAIN_DIGITS = 40
"""Text columns show numbers up to this size without an exponent."""
MOST_DIGITS = 4000
"""Python refuses to write longer integers."""

_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_SEPARATED = re.compile(r"[0-9][.,' \u00a0\u202f][0-9]|[.,][0-9]")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}


def converter(kind: Kind, zone: dt.tzinfo = dt.UTC, notation: Notation = USUAL) -> Converter:
    """Return the function that turns a cell into a value of a kind.

    Args:
        kind: The column's kind.
        zone: Time zone of instants that name none.
        notation: How the cells are written.

    Returns:
        A function that raises ValueError for a cell that does not fit. Its values: text for
        `string`, `date` (`YYYY-MM-DD`) and `date-time` (RFC 3339), `int`, `Number`, `bool`; or None.
    """
    convert = _converter(kind, zone, notation)
    words = notation.null_words
    if not words:
        return convert
    return lambda cell: None if isinstance(cell, str) and cell.strip() in words else convert(cell)


def _converter(kind: Kind, zone: dt.tzinfo, notation: Notation) -> Converter:
    match kind:
        case Kind.DATE_TIME:
            return lambda cell: instant(cell, zone, notation)
        case Kind.DATE:
            return lambda cell: day(cell, notation)
        case Kind.NUMBER:
            return lambda cell: number(cell, notation)
        case Kind.INTEGER:
            return lambda cell: integer(cell, notation)
        case Kind.BOOLEAN:
            return boolean
        case _:
            return string


def remedy(kind: Kind, cell: Cell) -> str:
    """Return what would help with a cell that does not fit a kind, or is empty and must not be."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return (
            "If the row is a sum at the end of the file, set file.footer_rows; else correct the report's "
            '"primary_keys", or "invalid_values": "null" leaves the row out.'
        )
    null = 'load null with "invalid_values": "null"'
    if isinstance(cell, ErrorCell):
        return f"Ask the vendor for a workbook whose formulas have values, or {null}."
    steps = ["correct the column's type in the report's \"columns\""]
    if isinstance(cell, str):
        if not any(map(str.isdigit, cell)):
            steps.insert(0, "name it in file.null_words if it means null")
            steps.insert(0, "set file.footer_rows if the row is a sum at the end of the file")
        elif kind in {Kind.INTEGER, Kind.NUMBER} and _SEPARATED.search(cell):
            steps.insert(0, "say in file.decimal_separator whether its numbers have a decimal comma or point")
        elif kind in {Kind.DATE, Kind.DATE_TIME}:
            steps.insert(0, "say in file.date_format how its dates are written")
    text = ", ".join([*steps, f"or {null}."])
    return f"{text[0].upper()}{text[1:]}"


def string(cell: Cell) -> str | None:
    """Return a cell as text: as it stands, or as plainly as its type can be written."""
    if isinstance(cell, str):
        cell = unguarded(cell)
        # JSON can spell half of a surrogate pair, which no UTF-8 output can hold.
        return (cell if cell.isascii() else cell.encode("utf-8", "replace").decode()) or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.timedelta):
        return duration(cell)
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if isinstance(cell, ErrorCell):
        raise ValueError("no value")  # noqa: TRY004  # as all that does not fit
    plain = isinstance(cell, Decimal) and not isinstance(cell, Number) and abs(cell.adjusted()) < PLAIN_DIGITS
    return f"{cell:f}" if plain else str(cell)


def duration(cell: dt.timedelta) -> str:
    """Return a duration as `H:MM:SS`, also over 24 hours."""
    sign, cell = ("-", -cell) if cell < dt.timedelta(0) else ("", cell)
    seconds = cell.days * 86400 + cell.seconds
    fraction = f".{cell.microseconds:06}" if cell.microseconds else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def number(cell: Cell, notation: Notation = USUAL) -> Number | None:
    """Return a cell as a number with all its digits."""
    text = number_text(cell, notation)
    return None if text is None else Number(text)


def integer(cell: Cell, notation: Notation = USUAL) -> int | None:
    """Return a cell as an integer; `1.0` and `1e3` are integers."""
    if isinstance(cell, str) and _PLAIN_INTEGER.fullmatch(cell):
        return int(cell)
    text = number_text(cell, notation)
    if text is None:
        return None
    if len(text) > MOST_DIGITS:
        raise ValueError("too many digits")
    value = Decimal(text)
    whole = int(value)
    if whole != value:
        raise ValueError("not an integer")
    return whole


def boolean(cell: Cell) -> bool | None:
    """Return a cell as a boolean: true/false, t/f, yes/no, 1/0 in any case."""
    if isinstance(cell, bool):
        return cell
    text = plain_text(cell).lower()
    if not text:
        return None
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise ValueError("not a boolean") from None
