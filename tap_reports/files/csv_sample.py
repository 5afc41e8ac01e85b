"""The first rows of a CSV file, as one delimiter divides them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.csv_records import MAX_RECORD, Records

SAMPLE_ROWS = 30
SAMPLE_BYTES = 1 << 18
MAX_HEADER = 1 << 24
LONGEST_CELL = 1000
"""Characters of a cell below the header that are looked at."""

_VALUE = re.compile(r" *(?:[-+$€£]* ?[0-9][0-9.,'\u00a0]* ?[%€$]?|-?[0-9][0-9:/. T+-]*[Zz]?) *")
"""A number or a date, however it is written."""


class Row(NamedTuple):
    """One row at the beginning of a file.

    Attributes:
        cells: Its cells.
        line: Number of its first line in the file, from 1.
        lines: Number of lines to its end.
        is_behind_blank: A blank line stands before it.
    """

    cells: list[str]
    line: int
    lines: int
    is_behind_blank: bool


@dataclass(frozen=True, slots=True)
class Start:
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

    def explains(self, delimiters: Sequence[str]) -> bool:
        """Tell whether every other delimiter in its rows is part of a value, as a decimal comma is."""
        return all(
            is_value(cell)
            for row in self.body
            for cell in row.cells
            if any(one in cell for one in delimiters if one != self.delimiter)
        )


class Lines:
    """The first lines of a file, kept to be read again with another delimiter."""

    def __init__(self, stream: io.BufferedIOBase, name: str, encoding: str) -> None:
        self._stream = stream
        self.name = name
        self.encoding = encoding
        self._sizes: list[int] = []
        self._texts: list[str] = []
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for index in count():
            if index == len(self._texts) and not self._more():
                return
            yield self._texts[index]

    def offset(self, lines: int) -> int:
        """Return the size of so many lines in bytes."""
        return sum(self._sizes[:lines])

    def data(self) -> bytes:
        """Return them as they are in the file."""
        return "".join(self._texts).encode(errors="surrogateescape")

    def _more(self) -> bool:
        is_header = not any(text.strip() for text in self._texts)
        most = MAX_HEADER if is_header else MAX_RECORD
        line = self._stream.readline(most)
        self.size += len(line)
        if self.size > MAX_RECORD or len(line) == most:
            part = "the header" if is_header else "one of the first rows"
            raise FileError(
                f"{self.name}: {part} is longer than {most:,} bytes: the file is not CSV.",
                remedy="A quote in it may not be closed, or its delimiter is another one (file.delimiter).",
            )
        if line:
            self._sizes.append(len(line))
            self._texts.append(line.decode(errors="surrogateescape"))
        return bool(line)


def is_value(cell: str) -> bool:
    """Tell whether a cell is a number or a date rather than words."""
    return _VALUE.fullmatch(cell) is not None


def divided(lines: Lines, delimiter: str, first: int, footer_rows: int) -> Start:
    """Return how a file begins from line `first` on, without its footer."""
    texts = iter(lines)
    for _ in range(first - 1):
        next(texts, None)
    records = Records(texts, delimiter)
    rows: list[Row] = []
    begin, is_behind_blank, error, limit = first, False, "", 0
    try:
        for cells in records:
            if cells:
                looked_at = [cell[:LONGEST_CELL] for cell in cells] if rows else cells
                rows.append(Row(looked_at, begin, first - 1 + records.lines, is_behind_blank))
            begin, is_behind_blank = first + records.lines, not cells
            limit = limit or (len(rows) and SAMPLE_BYTES + lines.size)
            if len(rows) > SAMPLE_ROWS + footer_rows or (len(rows) > 1 and lines.size > limit):
                return Start(delimiter, tuple(rows), is_whole=False)
    except csv.Error as raised:
        error = str(raised)
    kept = max(1, len(rows) - footer_rows)
    return Start(delimiter, tuple(rows[:kept]), is_whole=not error, error=error)
