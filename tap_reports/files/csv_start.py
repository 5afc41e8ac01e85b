"""How a CSV file begins: its delimiter and its header, told from several rows and for sure, or an error that
names the setting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tap_reports.exceptions import FileError, counted
from tap_reports.files.csv_records import readable
from tap_reports.files.csv_sample import Lines, Row, Start, divided, is_value
from tap_reports.files.table import says_empty
from tap_reports.files.text import not_text, shown
from tap_reports.models import Layout
from tap_reports.models.columns import property_name

DELIMITERS = ",\t;|"
RARE_DELIMITERS = "~^§¦\x01\x1f"
"""Not tried, as they may be part of a name."""
STEADY_ROWS = 5
"""So many rows of one kind below a row of words, and that row may well be their header."""

OTHER_HEADER = (
    "If the header is not the first row, set file.header_row; if rows at the end are a footer, "
    "file.footer_rows; if its cells are divided otherwise, file.delimiter. Else the file is damaged."
)

_SEP_LINE = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[,;\t|]*\s*', re.IGNORECASE)
"""What Excel takes for the delimiter, above the header."""
NULL_WORDS = frozenset({"", "-", "--", "n/a", "na", "#n/a", "nan", "null", "none", "unknown"})


def start_of(lines: Lines, layout: Layout) -> Start:
    """Find a file's delimiter and its header.

    Raises:
        FileError: It is not CSV, or it can't be told how it is to be read.
    """
    options, first = layout.options, 1
    given = options.delimiter
    if found := _SEP_LINE.fullmatch(next(iter(lines), "")):
        given, first = given or found["delimiter"], 2
    first = options.header_row or first
    starts = [divided(lines, delimiter, first, options.footer_rows) for delimiter in given or DELIMITERS]
    start = starts[0] if given else _chosen(starts, lines.name, layout)
    _refuse_unreadable(start, lines)
    if options.header_row and (not start.rows or start.rows[0].line != options.header_row):
        raise FileError(
            f"{lines.name}: file.header_row is {options.header_row}, and that line is blank or missing."
        )
    first_rows = [row.cells for row in start.rows[:2]]
    if options.header_row is None and not any(says_empty(cells, layout.empty_words) for cells in first_rows):
        _refuse_other_header(start, lines.name, layout)
    return start


def knows(cells: Sequence[str], layout: Layout) -> bool:
    """Tell whether at least half of some cells are headers of columns that are known."""
    known = sum(cell in layout.renames or property_name(cell) in layout.known for cell in cells)
    return bool(known) and known * 2 >= len(cells)


def _chosen(starts: list[Start], name: str, layout: Layout) -> Start:
    """Return the beginning as the only delimiter divides it that fits."""
    wide = [start for start in starts if len(start.header) > 1]
    if not wide:
        _refuse_wider_rows(starts, name)
        if not knows(starts[0].header, layout):
            _refuse_undivided(starts[0], name)
        return starts[0]
    if known := [start for start in wide if knows(start.header, layout)]:
        return max(known, key=lambda start: (start.fits, start.fitting))
    fitting = [start for start in wide if start.fits]
    if not fitting:
        return max(wide, key=lambda start: start.fitting)
    delimiters = [start.delimiter for start in fitting]
    sure = fitting if len(fitting) == 1 else [start for start in fitting if start.explains(delimiters)]
    if len(sure) != 1:
        raise FileError(
            f"{name}: its cells may be divided by {' or '.join(map(repr, delimiters))}. It begins: "
            f'"{shown(fitting[0].delimiter.join(fitting[0].header))}".',
            remedy="Set file.delimiter.",
        )
    return sure[0]


def _refuse_wider_rows(starts: list[Start], name: str) -> None:
    """Raise FileError where nothing divides the first row, and something those below it."""
    for start in starts:
        for row in start.body:
            if len(row.cells) > 1:
                raise FileError(
                    f"{name}: line {row.line} has {len(row.cells)} cells, the header has 1: "
                    f'"{shown(start.header[0])}". The line: "{shown(start.delimiter.join(row.cells))}".',
                    remedy=OTHER_HEADER,
                )


def _refuse_undivided(start: Start, name: str) -> None:
    """Raise FileError where the only cell of each row has equally many of something that may divide it."""
    cells = [row.cells[0] for row in start.rows]
    for divider in DELIMITERS + RARE_DELIMITERS if start.body else "":
        counts = {cell.count(divider) for cell in cells}
        if len(counts) == 1 and 0 not in counts:
            raise FileError(
                f'{name} has one column, and each of its cells has a {divider!r}: "{shown(cells[0])}", '
                f'"{shown(cells[1])}".',
                remedy=f"Set file.delimiter: to {divider!r} if it divides cells, to another one if it is "
                "part of them. If each line is quoted as a whole, ask the vendor for CSV.",
            )


def _refuse_unreadable(start: Start, lines: Lines) -> None:
    """Raise FileError if the header or the first row is not text, or wrongly quoted."""
    if start.error and not start.rows:
        what = readable(start.error)
        raise FileError(f"{lines.name}: the header can't be read: {what}.", remedy=OTHER_HEADER)
    for what, row in zip(("the header", "row 1"), start.rows, strict=False):
        if any("\udc80" <= char <= "\udcff" for cell in row.cells for char in cell):
            raise not_text(f"{lines.name}: {what}", lines.data(), lines.encoding)


def _refuse_other_header(start: Start, name: str, layout: Layout) -> None:
    """Raise FileError if the first row may not be the header."""
    if not start.rows or knows(start.header, layout):
        return
    width, header = len(start.header), start.header
    rest = start.body[start.fitting :]
    other = next((row for row in start.body if knows(row.cells, layout)), None)
    if other is None and start.body and not start.fitting:
        raise FileError(
            f"{name}: row 1 has {counted(len(rest[0].cells), 'cell')}, the header has {width}. "
            f'The header: "{shown(start.delimiter.join(header))}"; '
            f'the row: "{shown(start.delimiter.join(rest[0].cells))}".',
            remedy=OTHER_HEADER,
        )
    if other is None and len(rest) > 2 and len({len(row.cells) for row in rest}) == 1 < len(rest[0].cells):
        other = rest[0]
    if other := other or _later_header(start):
        raise FileError(
            f'{name}: its first row may not be the header: "{shown(start.delimiter.join(header))}". '
            f'Line {other.line} looks like one: "{shown(start.delimiter.join(other.cells))}".',
            remedy=f"Set file.header_row, to {other.line} if that line is the header, or to "
            f"{start.rows[0].line} if the first one is.",
        )
    if all(is_value(cell) or not cell.strip() for cell in header):
        raise FileError(
            f'{name}: its first row does not look like a header: "{shown(start.delimiter.join(header))}".',
            remedy="Set file.header_row to the line of the header.",
        )


def _later_header(start: Start) -> Row | None:
    """Return a row of words under which a column of numbers or dates begins, or one below a mere title."""
    blank = sum(not cell.strip() for cell in start.header)
    is_title = blank * 2 > len(start.header)
    for number, row in enumerate(start.body[: start.fitting], start=1):
        below = start.body[number : start.fitting]
        if row.cells == start.header or any(
            is_value(cell) or cell.strip().casefold() in NULL_WORDS for cell in row.cells
        ):
            continue
        if is_title:
            return row
        enough = 1 if row.is_behind_blank or blank else 2 if number > 1 else STEADY_ROWS
        if len(below) >= enough and any(
            any(map(is_value, column)) and all(is_value(cell) or not cell.strip() for cell in column)
            for column in zip(*(one.cells for one in below), strict=True)
        ):
            return row
    return None
