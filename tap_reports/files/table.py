"""What a report file is read as: tables of cells."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tap_reports.models import FileFormat

Cell = str | int | Decimal | bool | dt.datetime | dt.date | dt.timedelta | None
"""A cell as parsed: text where the format knows only text (CSV), else the file's own type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under one header. It may be read any number of times, from the start each time.

    Attributes:
        name: For messages: the file's name, followed by member and sheet where it has any.
        sheet: The sheet's name, or None for the only table of a file without sheets.
        format: What the table was read from.
        header: Headers after renames; a blank one is `column_<n>`, equal ones stay as they are.
            () for a file without anything.
        read: Makes the iterator of `rows`.
    """

    name: str
    sheet: str | None
    format: FileFormat
    header: tuple[str, ...]
    read: Callable[[], Iterator[list[Cell]]] = field(repr=False)

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
        open_text: Opens the unpacked bytes behind the header record: UTF-8 without byte order mark,
            lines as they are in the file. The caller closes it. Reading raises FileError on damage.
    """

    delimiter: str
    open_text: Callable[[], io.BufferedIOBase] = field(repr=False)


class Sheet(NamedTuple):
    """A table that is known by name and not read yet."""

    name: str | None
    load: Callable[[], Table]


def says_empty(cells: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether the first cells of a file are the vendor's way to say that there is no data."""
    known = {word.strip().casefold() for word in words}
    return bool(cells) and cells[0].strip().casefold() in known and not any(cells[1:])
