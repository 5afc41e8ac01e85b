"""Kinds of columns inferred from the rows of a file, for reports that nothing else describes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tap_reports.files.cells import converter
from tap_reports.files.days import by_format
from tap_reports.files.numbers import Number
from tap_reports.files.table import USUAL, Cell, ErrorCell, Notation
from tap_reports.models import Kind

Sign = tuple[Kind, str]
"""What one cell speaks for, and as what it is written: "" for a value of the file's own type."""

PLAIN_TEXT: Sign = (Kind.STRING, "text")
COMMA_TEXT: Sign = (Kind.STRING, "a decimal comma")
WHOLE, POINT, UNCLEAR = ((Kind.NUMBER, how) for how in ("digits", "a decimal point", "1.250"))
"""Text that is a number. `1.250` is 1250 where a decimal comma stands elsewhere in the file."""

_TYPES = {
    bool: Kind.BOOLEAN,
    # Never integer: a 68.5 among tomorrow's scores must not stop the run.
    int: Kind.NUMBER,
    Decimal: Kind.NUMBER,
    Number: Kind.NUMBER,
    dt.date: Kind.DATE,
    dt.datetime: Kind.DATE_TIME,
    dt.timedelta: Kind.STRING,
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?)?")
"""Without an exponent behind an integer: `12E4` is a code, and it would be 120000."""
_COMMA_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:,[0-9]+)?")
_MAYBE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_WITH_COMMA = re.compile(r"-?[0-9]{1,3}(?:\.?[0-9]{3})*,(?:[0-9]{1,2}|[0-9]{4,})")
_TIME_TOKENS = re.compile(r"\[[^\]]*\]|\\.|([HhmsSAaXx])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
_WRITTEN = {Kind.DATE: (_DATE, converter(Kind.DATE)), Kind.DATE_TIME: (_INSTANT, converter(Kind.DATE_TIME))}


def infer(
    rows: Iterable[list[Cell]],
    width: int,
    *,
    numbers_in_text: bool = True,
    notation: Notation = USUAL,
    known: Sequence[Kind | None] = (),
) -> list[Kind]:
    """Return the kind of each column, in one pass over the rows and constant memory.

    Args:
        rows: Rows of `width` cells.
        width: Number of columns.
        numbers_in_text: Text that is a number counts as one. True for CSV, which has only text; in JSON and
            workbooks, a number written as text was meant as text.
        notation: How the cells are written.
        known: Kinds that need no look at the cells.

    Returns:
        The kind that all cells of a column speak for; `string` where they differ or there are none.
    """
    if known and None not in known:
        return [kind for kind in known if kind]
    signs: list[set[Sign]] = [set() for _ in range(width)]
    for row in rows:
        for cell, seen in zip(row, signs, strict=True):
            if cell is None or PLAIN_TEXT in seen or isinstance(cell, ErrorCell):
                continue
            if not isinstance(cell, str):
                seen.add((_TYPES.get(type(cell), Kind.STRING), ""))
            elif cell.strip() not in notation.null_words:
                seen.add(_text_sign(cell.strip(" "), notation, numbers_in_text=numbers_in_text))
    has_commas = notation.decimal_separator is None and any(
        COMMA_TEXT in seen and PLAIN_TEXT not in seen for seen in signs
    )
    return [
        kind or _kind(seen, has_commas=has_commas)
        for kind, seen in zip(known or [None] * width, signs, strict=True)
    ]


def _kind(seen: set[Sign], *, has_commas: bool) -> Kind:
    if seen == {(Kind.DATE, ""), (Kind.DATE_TIME, "")}:
        # A workbook's midnight comes as a date.
        return Kind.DATE_TIME
    if seen and seen <= {WHOLE, POINT, UNCLEAR}:
        return Kind.STRING if has_commas and UNCLEAR in seen and POINT not in seen else Kind.NUMBER
    return seen.pop()[0] if len(seen) == 1 else Kind.STRING


def _text_sign(cell: str, notation: Notation, *, numbers_in_text: bool) -> Sign:
    number = _COMMA_NUMBER if notation.decimal_separator == "," else _NUMBER
    if numbers_in_text and number.fullmatch(cell):
        return WHOLE if "." not in cell else UNCLEAR if _MAYBE_THOUSANDS.fullmatch(cell) else POINT
    if notation.date_format and (kind := _formatted_kind(cell, notation.date_format)):
        return kind, "text"
    for kind, (pattern, convert) in _WRITTEN.items():
        if pattern.fullmatch(cell):
            try:
                convert(cell)
            except ValueError:
                break
            return kind, "text"
    return COMMA_TEXT if _WITH_COMMA.fullmatch(cell) else PLAIN_TEXT


def _formatted_kind(cell: str, date_format: str) -> Kind | None:
    """Return the kind of a cell that is written in a date format; None for another one."""
    try:
        is_date = by_format(cell, date_format)
    except ValueError:
        return None
    has_time = any(_TIME_TOKENS.findall(date_format))
    return (Kind.DATE_TIME if has_time else Kind.DATE) if is_date else None
