"""Which row is the header, for CSV and for workbooks: words above values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tap_reports.models import Layout
from tap_reports.models.columns import property_name

LOOKED_AT = 30
"""Rows below the first one that may be the header as well."""
STEADY_ROWS = 5
"""So many rows of one kind below a row of words, and that row may well be their header."""
UNSURE_ROWS = 2
"""So many rows above may be a title's, whatever they hold."""

_DIGITS = re.compile("[0-9]+")
_VALUE = re.compile(r" *(?:[-+$€£]* ?[0-9][0-9.,'\u00a0]* ?[%€$]?|-?[0-9][0-9:/. T+-]*[Zz]?) *")
"""A number or a date, however it is written."""
_NULL_WORDS = frozenset(
    {"-", "--", "\u2013", "\u2014", "n/a", "na", "#n/a", "nan", "null", "none", "unknown"}
)


class Line(NamedTuple):
    """One of the first rows.

    Attributes:
        number: The row's in its file or sheet, from 1.
        cells: Those filled in, by column.
        values: Columns that hold a number, a date or the like.
        is_behind_blank: A blank row stands before it.
    """

    number: int
    cells: dict[int, str]
    values: frozenset[int]
    is_behind_blank: bool = False

    @property
    def has_only_words(self) -> bool:
        """Nothing in it is a value, or one that is missing."""
        words = (cell.strip().casefold() for cell in self.cells.values())
        return not self.values and _NULL_WORDS.isdisjoint(words)


def is_value(cell: str) -> bool:
    """Tell whether a cell is a number or a date rather than words."""
    return _VALUE.fullmatch(cell) is not None


def knows(cells: Iterable[str], layout: Layout) -> bool:
    """Tell whether at least half of some cells are headers of columns that are known."""
    known = [cell in layout.renames or property_name(cell) in layout.known for cell in cells]
    return any(known) and sum(known) * 2 >= len(known)


def later_header(first: Line, below: Sequence[Line], *, has_blank: bool = False) -> Line | None:
    """Return a row below the first one that may be the header as well.

    It holds words for each column that is named above and used below it, and values begin below it in some
    column: at once if it has a column more than the first row, a blank row before it, or a first row that
    `has_blank` cells. Else several rows must be below it, and no such values above it: one cell with words
    (`absent`) in a column of numbers makes no header. Below a mere title it takes nothing.
    """
    for at, row in enumerate(below[:LOOKED_AT]):
        rest = below[at + 1 :]
        used = {column for other in rest for column in other.cells}
        wanted = used | set(first.cells)
        if row.cells == first.cells or not row.has_only_words or not wanted <= set(row.cells):
            continue
        if rest and len(row.cells) > 2 * len(first.cells):
            return row
        is_sure = has_blank or row.is_behind_blank or bool(used - set(first.cells))
        above = () if is_sure or at < UNSURE_ROWS else below[:at]
        enough = 1 if is_sure else 2 if at else STEADY_ROWS
        if len(rest) >= enough and any(_begins_below(column, above, rest) for column in row.cells):
            return row
    return None


def _begins_below(column: int, above: Sequence[Line], below: Sequence[Line]) -> bool:
    """Tell whether a column holds nothing but values below a row, and none like them above it."""
    filled = [row for row in below if column in row.cells]
    if not filled or any(column not in row.values for row in filled):
        return False
    forms = {_DIGITS.sub("9", row.cells[column]) for row in filled}
    return all(_DIGITS.sub("9", row.cells.get(column, "")) not in forms for row in above)
