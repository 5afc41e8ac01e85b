"""CSV: the header and how its cells are divided, then rows block by block.

Rows are counted from 1 behind the header, blank lines left out, as in `_report_row`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError
from tap_reports.files.blocks import MAX_RECORD, blocks
from tap_reports.files.table import Cell, CsvTable, says_empty
from tap_reports.files.text import beginning, open_utf8, shown
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from tap_reports.files.part import Part

DELIMITERS = ",\t;|"
"""In order of preference where several would do."""

csv.field_size_limit(MAX_RECORD)  # the module's own limit, 128 KiB, is one of the process, and too low

_NAME_LINE = re.compile(r"[^\s!?:]+\s*\n")
"""A header that stands alone in a file: one word and a line break. Anything else is an error message."""


@dataclass(frozen=True, slots=True)
class _Start:
    """How a file begins.

    Attributes:
        header: Its header, () for a file without any.
        first: Its first row; None if there is none, () if it can't be read.
        delimiter: What divided both.
        offset: Bytes of the header's record and all before it.
    """

    header: tuple[str, ...]
    first: tuple[str, ...] | None
    delimiter: str
    offset: int


def csv_table(
    part: Part, sheet: str | None, *, empty_words: tuple[str, ...] = (), is_expected: bool = True
) -> CsvTable:
    """Read the header of a CSV file.

    Args:
        part: The file.
        sheet: The table's sheet name.
        empty_words: A file whose first cell (of header or first row) is one of these has no rows.
        is_expected: The vendor was asked for CSV. Else a text counts as CSV only if it has
            at least two columns and one row, since any error message would do otherwise.

    Raises:
        FileError: It is no CSV.
    """
    with open_utf8(part) as stream:
        start = _start(_Lines(stream, part.name))
    is_empty = not start.header or says_empty(start.header, empty_words)
    if not is_empty:
        _refuse_message(part, start, is_expected=is_expected)
        is_empty = says_empty(start.first or (), empty_words)
    table = CsvTable(
        name=part.name,
        sheet=sheet,
        format=FileFormat.CSV,
        header=start.header,
        read=lambda: iter(()),
        delimiter=start.delimiter,
        open_text=io.BytesIO if is_empty else partial(_open_behind, part, start.offset),
    )
    # Its rows refer to the table beneath, not to itself: unpacked files go when the table goes.
    return replace(table, read=partial(rows, table))


def rows(table: CsvTable) -> Iterator[list[Cell]]:
    """Yield a table's rows: text, or None for an empty cell."""
    row = 1
    for block in blocks(table):
        for cells in block_rows(table, block, row):
            yield cells
            row += 1


def block_rows(table: CsvTable, block: bytes, first_row: int) -> Iterator[list[Cell]]:
    """Yield the rows of a block that was cut by `blocks`.

    Args:
        table: Where the block is from.
        block: Whole records.
        first_row: Number of the block's first row, from 1.

    Raises:
        FileError: A row is not as wide as the header, or no text, or wrongly quoted.
    """
    text, width, row = _decoded(table, block, first_row), len(table.header), first_row
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=table.delimiter, strict=True)
    try:
        for cells in reader:
            if len(cells) != width:
                if not cells:
                    continue
                begins = shown(table.delimiter.join(cells))
                raise FileError(
                    f"{table.name}: row {row} has {len(cells)} cells, the header has {width}: "
                    f'the file is truncated or damaged. The row begins: "{begins}".'
                )
            yield [cell or None for cell in cells]
            row += 1
    except csv.Error as error:
        raise FileError(f"{table.name}: row {row} can't be read: {error}.") from error


def _decoded(table: CsvTable, block: bytes, first_row: int) -> str:
    """Return a block as text; bytes that are none and NUL are errors that name their row."""
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        row = first_row + _rows_before(block[: error.start], table.delimiter)
        raise FileError(f"{table.name}: row {row} holds bytes that are no UTF-8 text.") from error
    if "\0" in text:
        row = first_row + _rows_before(block[: block.index(b"\0")], table.delimiter)
        raise FileError(f"{table.name}: row {row} holds a NUL byte: the file is damaged.")
    return text


def _rows_before(data: bytes, delimiter: str) -> int:
    """Count the rows that end before the end of `data`."""
    text = io.StringIO(f"{data.decode('latin-1')}x", newline="\n")
    return sum(1 for cells in csv.reader(text, delimiter=delimiter) if cells) - 1


def _open_behind(part: Part, offset: int) -> io.BufferedIOBase:
    """Open a file behind its header record of `offset` bytes."""
    stream = open_utf8(part)
    stream.read(offset)
    return stream


class _Lines:
    """The first lines of a file, kept to be read again with another delimiter."""

    def __init__(self, stream: io.BufferedIOBase, name: str) -> None:
        self._stream = stream
        self.name = name
        self.sizes: list[int] = []
        self._total = 0
        self._lines: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for index in count():
            if index == len(self._lines) and not self._more():
                return
            yield self._lines[index]

    def _more(self) -> bool:
        line = self._stream.readline(MAX_RECORD)
        if not line:
            return False
        place = "row 1" if any(text.strip() for text in self._lines) else "the header"
        if b"\0" in line:
            raise FileError(f"{self.name}: {place} holds a NUL byte: the file is damaged or no CSV.")
        self.sizes.append(len(line))
        self._total += len(line)
        if self._total > MAX_RECORD:
            raise FileError(f"{self.name}: {place} is longer than {MAX_RECORD:,} bytes: the file is no CSV.")
        try:
            self._lines.append(line.decode())
        except UnicodeDecodeError as error:
            raise FileError(f"{self.name}: {place} holds bytes that are no UTF-8 text.") from error
        return True


def _start(lines: _Lines) -> _Start:
    """Find the delimiter: the first one that divides header and first row into equally many cells."""
    divided = []
    for delimiter in DELIMITERS:
        try:
            start = _divided(lines, delimiter)
        except csv.Error:
            continue
        if len(start.header) > 1:
            if start.first is None or len(start.first) == len(start.header):
                return start
            divided.append(start)
    if divided:
        return divided[0]
    try:
        return _divided(lines, DELIMITERS[0])
    except csv.Error as error:
        raise FileError(f"{lines.name}: the header can't be read: {error}.") from error


def _divided(lines: _Lines, delimiter: str) -> _Start:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    filled = (tuple(cells) for cells in reader if cells)
    header = next(filled, ())
    offset = sum(lines.sizes[: reader.line_num])
    try:
        first = next(filled, None)
    except csv.Error:
        first = ()
    return _Start(header, first, delimiter, offset)


def _refuse_message(part: Part, start: _Start, *, is_expected: bool) -> None:
    """Raise FileError for a text that is a message rather than a table."""
    is_wide, has_rows = len(start.header) > 1, start.first is not None
    is_name = _NAME_LINE.fullmatch(beginning(part)) is not None
    is_table = (is_wide or has_rows or is_name) if is_expected else (is_wide and has_rows)
    if not is_table:
        said = shown(beginning(part))
        raise FileError(f'{part.name} is a text, not a report. It begins: "{said}".')
