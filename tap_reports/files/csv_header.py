"""How a CSV file begins: its delimiter and its header, detected from several rows.

Where these are not certain, an error names the setting that answers the question.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from tap_reports.exceptions import FileError
from tap_reports.files.csv_records import FirstLines, Records, Row, readable
from tap_reports.files.header import Line, is_value, knows, later_header
from tap_reports.files.table import says_empty
from tap_reports.files.text import not_text, shown
from tap_reports.models import Layout

DELIMITERS = ",\t;|"
RARE_DELIMITERS = "~^§¦\x01\x1f"
"""Not tried, as they may be part of a name."""
SAMPLE_ROWS = 30
SAMPLE_BYTES = 1 << 18
MAX_SAMPLE_CELL = 1000
"""Characters of a cell below the header that are looked at."""

OTHER_HEADER = (
    "If the header is not the first row, set file.header_row; if rows at the end are a footer, "
    "file.footer_rows; if its cells are divided otherwise, file.delimiter. Else the file is damaged."
)

_SEP_LINE = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[,;\t|]*\s*', re.IGNORECASE)
"""What Excel takes for the delimiter, above the header."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file begins, divided by one delimiter.

    Attributes:
        delimiter: What divides it.
        rows: The header and the first rows; none for a file without any.
        is_whole: These are all of the file.
        error: What ended them, if they can't be divided.
    """

    delimiter: str
    rows: tuple[Row, ...]
    is_whole: bool
    error: str = ""

    @property
    def header(self) -> list[str]:
        """The header's cells."""
        return self.rows[0].cells if self.rows else []

    @property
    def body(self) -> tuple[Row, ...]:
        """The rows below the header."""
        return self.rows[1:]

    @property
    def fitting(self) -> int:
        """How many rows are as wide as the header, from the first on."""
        width = len(self.header)
        return next((at for at, row in enumerate(self.body) if len(row.cells) != width), len(self.body))

    @property
    def fits(self) -> bool:
        """Every row is as wide as the header."""
        return self.fitting == len(self.body) and not self.error

    def other_delimiters_are_in_values(self, delimiters: Sequence[str]) -> bool:
        """Return whether every other delimiter in its rows is part of a value, as a decimal comma is."""
        return all(
            is_value(cell)
            for row in self.body
            for cell in row.cells
            if any(other in cell for other in delimiters if other != self.delimiter)
        )

    def shown(self, row: Sequence[str]) -> str:
        """Return a row for a message."""
        return f'"{shown(self.delimiter.join(row))}"'


def preview_of(lines: FirstLines, layout: Layout) -> Preview:
    """Find a file's delimiter and its header.

    Raises:
        FileError: It is not CSV, or it is not clear how to read it.
    """
    options, first = layout.options, 1
    given = options.delimiter
    if sep_line := _SEP_LINE.fullmatch(next(iter(lines), "")):
        given, first = given or sep_line["delimiter"], 2
    first = options.header_row or first
    tried = given or _possible_delimiters(lines, first)
    previews = [_divided(lines, delimiter, first, options.footer_rows) for delimiter in tried]
    preview = previews[0] if given else _chosen(previews, lines.name, layout)
    _refuse_unreadable(preview, lines)
    if options.header_row and (not preview.rows or preview.rows[0].line != options.header_row):
        raise FileError(
            f"{lines.name}: file.header_row is {options.header_row}, and that line is blank or missing."
        )
    is_empty = any(says_empty(row.cells, layout.empty_words) for row in preview.rows[:2])
    if preview.rows and options.header_row is None and not is_empty and not knows(preview.header, layout):
        _refuse_other_header(preview, lines.name, layout)
    return preview


def _possible_delimiters(lines: FirstLines, first: int) -> str:
    """Return what may divide a header that begins at line `first`: what stands in it, if that is anything.
    A quote may make it longer than its line, so all may.
    """
    header = next((line for line in islice(lines, first - 1, None) if line.strip("\r\n")), "")
    in_header = "".join(delimiter for delimiter in DELIMITERS if delimiter in header)
    return DELIMITERS if '"' in header else in_header or DELIMITERS


def _divided(lines: FirstLines, delimiter: str, first: int, footer_rows: int) -> Preview:
    """Return how a file begins from line `first` on, without its footer."""
    texts = iter(lines)
    for _ in range(first - 1):
        next(texts, None)
    records = Records(texts, delimiter)
    rows: list[Row] = []
    begin, follows_blank_line, error, limit = first, False, "", 0
    try:
        for cells in records:
            if any(cells) or (cells and not rows):
                looked_at = [cell[:MAX_SAMPLE_CELL] for cell in cells] if rows else cells
                rows.append(Row(looked_at, begin, first - 1 + records.lines, follows_blank_line))
            begin, follows_blank_line = first + records.lines, not cells
            limit = limit or (len(rows) and SAMPLE_BYTES + lines.size)
            if len(rows) > SAMPLE_ROWS + footer_rows or (len(rows) > 1 and lines.size > limit):
                return Preview(delimiter, tuple(rows), is_whole=False)
    except csv.Error as raised:
        error = str(raised)
    kept = max(1, len(rows) - footer_rows)
    return Preview(delimiter, tuple(rows[:kept]), is_whole=not error, error=error)


def _chosen(previews: list[Preview], name: str, layout: Layout) -> Preview:
    """Return the preview with the only delimiter that fits."""
    wide = [preview for preview in previews if len(preview.header) > 1]
    if not wide:
        _refuse_wider_rows(previews, name)
        if not knows(previews[0].header, layout):
            _refuse_undivided(previews[0], name)
        return previews[0]
    if known := [preview for preview in wide if knows(preview.header, layout)]:
        return max(known, key=lambda preview: (preview.fits, preview.fitting))
    fitting = [preview for preview in wide if preview.fits]
    if not fitting:
        return max(wide, key=lambda preview: preview.fitting)
    delimiters = [preview.delimiter for preview in fitting]
    sure = (
        fitting
        if len(fitting) == 1
        else [preview for preview in fitting if preview.other_delimiters_are_in_values(delimiters)]
    )
    if len(sure) != 1:
        raise FileError(
            f"{name}: its cells may be divided by {' or '.join(map(repr, delimiters))}. It begins: "
            f"{fitting[0].shown(fitting[0].header)}.",
            remedy="Set file.delimiter.",
        )
    return sure[0]


def _refuse_wider_rows(previews: list[Preview], name: str) -> None:
    """Raise FileError where nothing divides the first row, and something those below it."""
    for preview in previews:
        for row in preview.body:
            if len(row.cells) > 1:
                raise FileError(
                    f"{name}: line {row.line} has {len(row.cells)} cells, the header has 1: "
                    f"{preview.shown(preview.header)}. The line: {preview.shown(row.cells)}.",
                    remedy=OTHER_HEADER,
                )


def _refuse_undivided(preview: Preview, name: str) -> None:
    """Raise FileError where the only cell of each row has the same number of a possible delimiter."""
    cells = [row.cells[0] for row in preview.rows]
    for divider in DELIMITERS + RARE_DELIMITERS if preview.body else "":
        counts = {cell.count(divider) - cell.count(f"{divider} ") for cell in cells}  # `Austin, TX` is prose
        if len(counts) == 1 and 0 not in counts:
            raise FileError(
                f'{name} has one column, and each of its cells has a {divider!r}: "{shown(cells[0])}", '
                f'"{shown(cells[1])}".',
                remedy=f"Set file.delimiter: to {divider!r} if it divides cells, to another one if it is "
                "part of them. If each line is quoted as a whole, ask the vendor for CSV.",
            )


def _refuse_unreadable(preview: Preview, lines: FirstLines) -> None:
    """Raise FileError if the header or the first row is not text, or wrongly quoted."""
    if preview.error and not preview.rows:
        what = readable(preview.error)
        raise FileError(f"{lines.name}: the header can't be read: {what}.", remedy=OTHER_HEADER)
    for what, row in zip(("the header", "row 1"), preview.rows, strict=False):
        if any("\udc80" <= char <= "\udcff" for cell in row.cells for char in cell):
            raise not_text(f"{lines.name}: {what}", lines.data(), lines.encoding)


def _refuse_other_header(preview: Preview, name: str, layout: Layout) -> None:
    """Raise FileError if the first row may not be the header."""
    header, rest = preview.header, preview.body[preview.fitting :]
    other = next((row for row in preview.body if knows(row.cells, layout)), None)
    if other is None and preview.body and not preview.fitting:
        raise FileError(
            f"{name}: row 1 has {len(rest[0].cells)} cells, the header has {len(header)}. "
            f"The header: {preview.shown(header)}; the row: {preview.shown(rest[0].cells)}.",
            remedy=OTHER_HEADER,
        )
    if other is None and len(rest) > 2 and len({len(row.cells) for row in rest}) == 1 < len(rest[0].cells):
        other = rest[0]
    if other := other or _later_row(preview):
        raise FileError(
            f"{name}: its first row may not be the header: {preview.shown(header)}. "
            f"Line {other.line} looks like one: {preview.shown(other.cells)}.",
            remedy=f"Set file.header_row, to {other.line} if that line is the header, or to "
            f"{preview.rows[0].line} if the first one is.",
        )
    if all(is_value(cell) or not cell.strip() for cell in header):
        raise FileError(
            f"{name}: its first row does not look like a header: {preview.shown(header)}.",
            remedy="Set file.header_row to the line of the header.",
        )


def _later_row(preview: Preview) -> Row | None:
    rows = preview.rows[: preview.fitting + 1]
    first, *below = map(_line, rows)
    later = later_header(first, below, has_blank=len(first.cells) < len(preview.header))
    return next((row for row in rows if later and row.line == later.number), None)


def _line(row: Row) -> Line:
    cells = {at: cell for at, cell in enumerate(row.cells) if cell.strip()}
    values = frozenset(at for at, cell in cells.items() if is_value(cell))
    return Line(row.line, cells, values, row.follows_blank_line)
