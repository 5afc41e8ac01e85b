"""What a report file is read as: tables of cells."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tap_reports.models import FileFormat, FileOptions, Kind


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A workbook's cell that holds no value though it is not empty: `#N/A`, or a formula not yet calculated.

    It fits no column, so it is an invalid value wherever it stands.
    """

    text: str

    def __str__(self) -> str:
        return self.text


Cell = str | int | Decimal | bool | ErrorCell | None
"""A cell as parsed: text where the format knows only text (CSV), else the file's own type; a decimal is a
`numbers.Number`."""


MAX_COLUMNS = 10_000
MAX_RECORD = 1 << 26
"""Bytes of the longest row of CSV or value of JSON. A longer one is a quote that is never closed; reading on
for its end would fill the memory."""

ERROR_MARK, NUMBER_MARK = "\uffff", "\ufffe"
"""What stands before the cells of a workbook, written as CSV, that are not to be read as text. XML can't hold
these characters."""

_GUARDED = re.compile('="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How the text cells of a table are written.

    Attributes:
        decimal_separator: `.` or `,` where the user has set it.
        takes_lone_comma: `1,250` is 1250 even where no separator is set; else it is an error, as it may be
            1.25. `1,250,000` and `1,250.5` have thousands separators in any case.
        null_words: Cells of these words are null.
        date_format: How dates are written, in pendulum's tokens.
    """

    decimal_separator: str | None = None
    takes_lone_comma: bool = True
    null_words: frozenset[str] = frozenset()
    date_format: str | None = None

    @property
    def is_usual(self) -> bool:
        """Plain numbers, dates and empty cells mean what they do in JSON, as the fast ways assume."""
        return self.decimal_separator != "," and not self.null_words and not self.date_format


USUAL = Notation()


def without_excel_guard(text: str) -> str:
    """Return a text without the guard that keeps a spreadsheet from reading a number in it: `="00123"`."""
    match = _GUARDED.fullmatch(text) if text.startswith('="') else None
    return match[1] if match else text


def stripped(text: str) -> str:
    """Return a text without guard, and without spaces around it."""
    return without_excel_guard(text.strip()).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under one header. It may be read any number of times, from the start each time.

    Attributes:
        name: For messages: the file's name, followed by member and sheet where it has any.
        sheet: The sheet's name, or None for the only table of a file without sheets.
        format: What the table was read from.
        header: Headers after renames; a blank one is `column_<n>`, equal ones stay as they are.
            () for a file without anything.
        kinds: What each column holds by the file's own types, None where only its cells can tell;
            () where the format has no types.
        read: Makes the iterator of `rows`.
        notation: How its text cells are written.
        other_sheets: What else its job's files hold, where only one sheet was asked for.
    """

    name: str
    sheet: str | None
    format: FileFormat
    header: tuple[str, ...]
    kinds: tuple[Kind | None, ...] = ()
    read: Callable[[], Iterator[list[Cell]]] = field(repr=False)
    notation: Notation = USUAL
    other_sheets: tuple[str, ...] = ()

    def rows(self) -> Iterator[list[Cell]]:
        """Yield the rows, each with as many cells as the header.

        Raises:
            FileError: The file turns out damaged on the way.
        """
        return self.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable(Table):
    """A table of a CSV file, whose bytes may be read as well.

    Attributes:
        delimiter: One character.
        encoding: What the file is written in.
        first_cells: The header as it stands in the file.
        open_text: Opens the unpacked bytes after the header record: UTF-8 without byte order mark,
            lines as they are in the file. The caller closes it. Reading raises FileError on damage.
        is_marked: Cells may begin with a mark.
    """

    delimiter: str
    encoding: str = "utf-8"
    first_cells: tuple[str, ...] = ()
    open_text: Callable[[], io.BufferedIOBase] = field(repr=False)
    is_marked: bool = False


def notation_of(options: FileOptions, table: Table) -> Notation:
    """Return the notation of a table, by the user's settings.

    In CSV with another delimiter than the comma, the only comma of `1,250` may be a decimal one.
    """
    return Notation(
        decimal_separator=options.decimal_separator,
        takes_lone_comma=not isinstance(table, CsvTable) or table.delimiter == ",",
        null_words=frozenset(word.strip() for word in options.null_words),
        date_format=options.date_format,
    )


class Sheet(NamedTuple):
    """A table that is known by name and not read yet."""

    name: str | None
    load: Callable[[], Table]


def says_empty(cells: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether the first cells of a file are the vendor's way to say that there is no data."""
    known = {word.strip().casefold() for word in words}
    return bool(cells) and cells[0].strip().casefold() in known and not any(cells[1:])


class Cut(NamedTuple):
    """A block of a file.

    Attributes:
        data: Its bytes.
        offset: How many bytes of the table are before it.
        is_exact: It ends where a record ends. Else it does so if all its records are properly quoted.
    """

    data: bytes
    offset: int
    is_exact: bool
