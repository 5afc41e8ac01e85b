"""How a table begins: which row is its header (words above values), or whether it is a message instead.

CSV, workbooks and JSON share these rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tap_reports.models import Layout
from tap_reports.models.columns import property_name

MAX_ROWS_BELOW = 30
"""Rows below the first one that may be the header as well."""
STEADY_ROWS = 5
"""With this many rows of one kind below it, a row of words may well be their header."""
UNSURE_ROWS = 2
"""This many rows above may be a title's, whatever they hold."""
MAX_MESSAGE_ROWS = 5

_DIGITS = re.compile("[0-9]+")
_VALUE = re.compile(r" *(?:[-+$€£]* ?[0-9][0-9.,'\u00a0]* ?[%€$]?|-?[0-9][0-9:/. T+-]*[Zz]?) *")
"""A number or a date, however it is written."""
_NULL_WORDS = frozenset(
    {"-", "--", "\u2013", "\u2014", "n/a", "na", "#n/a", "nan", "null", "none", "unknown"}
)

_PHRASES = re.compile(
    r"\b(?:please|sorry|try (?:again|later)|retry (?:in|after|later)|not (?:found|ready|available)|"
    r"unavailable|unauthori[sz]ed|forbidden|denied|bad request|bad gateway|server error|"
    r"server (?:is )?busy|too many|rate limit|limit exceeded|quota exceeded|timed out|maintenance|"
    r"could ?n[o']t|can ?not|can't|unable to|"
    r"does ?n[o']t|no such|is being|has expired|invalid (?:token|key|request|parameter|credentials|api)|"
    r"request id|traceback)\b",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"\W*(?:http )?(?:error|fehler|erreur|failed|failure|fatal|warning|exception|[45]\d\d)\b", re.IGNORECASE
)
_FULL_STOP = re.compile(r"[.!?…]\W*\Z")
_GOES_ON = re.compile(r" +[^\W\d_A-Z]")
"""A cell that begins with a blank and a small letter, as the words after a comma do."""
ERROR_KEYS = frozenset(
    {"error", "errors", "errormessage", "error_message", "errorcode", "error_code", "fault"}
)
ANSWER_KEYS = frozenset({"status", "message", "code", "detail", "details", "title", "success", "reason"})
"""An object of these and `ERROR_KEYS` alone is an answer about a report, not a row of one."""
_MESSAGE_COLUMNS = (ERROR_KEYS | ANSWER_KEYS | {"request_id"}) - {"fault", "title", "success"}
_ERROR_COLUMNS = (ERROR_KEYS | {"message"}) - {"errorcode", "error_code", "fault"}
"""A short CSV file with one of these, and no columns but `_MESSAGE_COLUMNS`, is a message. What reports may
well have (a title, an error code) makes none.
"""


class Line(NamedTuple):
    """One of the first rows.

    Attributes:
        number: The row's in its file or sheet, from 1.
        cells: Those filled in, by column.
        values: Columns that hold a number, a date or the like.
        follows_blank_line: A blank row stands before it.
    """

    number: int
    cells: dict[int, str]
    values: frozenset[int]
    follows_blank_line: bool = False

    @property
    def has_only_words(self) -> bool:
        """Nothing in it is a value, or one that is missing."""
        words = (cell.strip().casefold() for cell in self.cells.values())
        return not self.values and _NULL_WORDS.isdisjoint(words)


def is_value(cell: str) -> bool:
    """Return whether a cell is a number or a date rather than words."""
    return _VALUE.fullmatch(cell) is not None


def knows(cells: Iterable[str], layout: Layout) -> bool:
    """Return whether at least half of some cells are headers of columns that are known."""
    known = [cell in layout.renames or property_name(cell) in layout.known for cell in cells]
    return any(known) and sum(known) * 2 >= len(known)


def later_header(first: Line, below: Sequence[Line], *, has_blank: bool = False) -> Line | None:
    """Return a row below the first one that may be the header as well.

    It holds words for each column that is named above and used below it, and values begin below it in some
    column: at once if it has a column more than the first row, a blank row before it, or a first row that
    `has_blank` cells. Else several rows must be below it, and no such values above it: one cell with words
    (`absent`) in a column of numbers makes no header. Below a mere title it takes nothing.
    """
    for at, row in enumerate(below[:MAX_ROWS_BELOW]):
        rest = below[at + 1 :]
        used = {column for other in rest for column in other.cells}
        wanted = used | set(first.cells)
        if row.cells == first.cells or not row.has_only_words or not wanted <= set(row.cells):
            continue
        if rest and len(row.cells) > 2 * len(first.cells):
            return row
        is_sure = has_blank or row.follows_blank_line or bool(used - set(first.cells))
        above = () if is_sure or at < UNSURE_ROWS else below[:at]
        enough = 1 if is_sure else 2 if at else STEADY_ROWS
        if len(rest) >= enough and any(_begins_below(column, above, rest) for column in row.cells):
            return row
    return None


def _begins_below(column: int, above: Sequence[Line], below: Sequence[Line]) -> bool:
    """Return whether a column holds nothing but values below a row, and none like them above it."""
    filled = [row for row in below if column in row.cells]
    if not filled or any(column not in row.values for row in filled):
        return False
    forms = {_DIGITS.sub("9", row.cells[column]) for row in filled}
    return all(_DIGITS.sub("9", row.cells.get(column, "")) not in forms for row in above)


def is_message(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the rows of a whole file, divided like CSV, are a message: an error, say."""
    if not rows or len(rows) > MAX_MESSAGE_ROWS:
        return False
    header = rows[0]
    keys = {cell.strip().casefold() for cell in header}
    return (
        any(map(_PHRASES.search, header))
        or (len(rows) == 1 and (len(header) == 1 or _FAILURE.match(header[0]) is not None))
        or (len(header) == 1 and (_FAILURE.match(header[0]) is not None or ": " in header[0]))
        or all(_is_sentence(row) for row in rows)
        or _is_prose(header)
        or (keys <= _MESSAGE_COLUMNS and bool(keys & _ERROR_COLUMNS))
    )


def _is_sentence(row: Sequence[str]) -> bool:
    text = " ".join(row)
    return len(text.split()) > (2 if len(row) == 1 else 3) and _FULL_STOP.search(text) is not None


def _is_prose(header: Sequence[str]) -> bool:
    """Return whether cells are parts of one sentence that its commas divide."""
    words = max(len(cell.split()) for cell in header)
    return len(header) > 1 and words > 2 and all(map(_GOES_ON.match, header[1:]))
