"""Kinds of columns inferred from the rows of a file, for reports that nothing else describes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tap_reports.files.days import kind_of_text
from tap_reports.files.numbers import COMMA, POINT, UNCLEAR, WHOLE, Number, how_written
from tap_reports.files.table import USUAL, Cell, ErrorCell, Notation
from tap_reports.models import Kind

Sign = tuple[Kind, str]
"""What one cell speaks for, and as what it is written: "" for a value of the file's own type."""

PLAIN_TEXT: Sign = (Kind.STRING, "text")
COMMA_TEXT: Sign = (Kind.STRING, COMMA)
NUMBERS: frozenset[Sign] = frozenset({(Kind.NUMBER, how) for how in (WHOLE, POINT, UNCLEAR)})

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
    if seen and seen <= NUMBERS:
        is_unclear = has_commas and (Kind.NUMBER, UNCLEAR) in seen and (Kind.NUMBER, POINT) not in seen
        return Kind.STRING if is_unclear else Kind.NUMBER
    return seen.pop()[0] if len(seen) == 1 else Kind.STRING


def _text_sign(cell: str, notation: Notation, *, numbers_in_text: bool) -> Sign:
    how = how_written(cell, notation.decimal_separator)
    if how in {WHOLE, POINT, UNCLEAR} and numbers_in_text:
        return Kind.NUMBER, how
    if kind := kind_of_text(cell, notation.date_format):
        return kind, "text"
    return COMMA_TEXT if how == COMMA else PLAIN_TEXT
