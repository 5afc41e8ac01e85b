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

    It holds words for each column that is used below it, and values begin below it in some column: at once if
    it has a column more than the first row, a blank row before it, or a first row that `has_blank` cells;
    else behind some more rows. Below a mere title it takes none.
    """
    for at, row in enumerate(below[:LOOKED_AT]):
        rest = below[at + 1 :]
        used = {column for other in rest for column in other.cells}
        if row.cells == first.cells or not row.has_only_words or not used <= set(row.cells):
            continue
        if len(row.cells) > 2 * len(first.cells):
            return row
        is_sure = has_blank or row.is_behind_blank or bool(used - set(first.cells))
        if len(rest) >= (1 if is_sure else 2 if at else STEADY_ROWS) and _is_above_values(row, rest):
            return row
    return None


def _is_above_values(row: Line, rest: Sequence[Line]) -> bool:
    """Tell whether some column holds nothing but values below a row."""
    return any(
        any(column in other.cells for other in rest)
        and all(column in other.values or column not in other.cells for other in rest)
        for column in row.cells
    )
