"""The XML of one sheet -> its rows as they stand there: the cells that hold something, by column."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Book, RawCell, Value, column_name, column_of, value_of, whole_number
from tap_reports.files.xlsx_parts import ASK, MAX_TEXT, Xml

FIRST_PIECE = 1 << 16
PIECE = 1 << 19
MAX_ROW = 1 << 22
"""Bytes of XML; a sheet with a longer row is not cut into rows."""
MAX_SHEET_COLUMNS = 16_384
"""XFD."""
MAX_MERGED = 1000
"""Ranges of merged cells that are looked at."""
CELL = 3
"""Elements around a cell: worksheet, sheetData, row."""
_AROUND_TEXT = (["is"], ["is", "r"])
"""What is between a cell and a text of it; phonetic texts are elsewhere."""


class SheetRow(NamedTuple):
    """A row with something in it: its number in the sheet, and its cells by column, from 0."""

    number: int
    cells: dict[int, Value]


TakeRows = Callable[["SheetReader", bytes], bytes]
"""Takes whole rows of a sheet's XML, if it can. Returns those that it can't take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFile:
    """A sheet within a workbook.

    Attributes:
        name: For messages.
        sheet: The sheet's own name.
        rows: Reads its rows from the start, in lists; without those that the given function takes. Fills
            a list with the ranges of merged cells.
        folder: Where it is written as CSV.
        check: Raises FileError if there are more bytes than a file of this size becomes.
    """

    name: str
    sheet: str
    rows: Callable[[TakeRows | None, list[str]], Iterator[list[SheetRow]]]
    folder: Path
    check: Callable[[int], None]


def sheet_rows(
    open_: Callable[[], io.BufferedIOBase],
    name: str,
    book: Callable[[], Book],
    take_rows: TakeRows | None,
    merged: list[str],
) -> Generator[list[SheetRow]]:
    """Yield the rows of a sheet's XML; those that `take_rows` takes are left out.

    Args:
        open_: Opens the XML.
        name: Of the sheet, for messages.
        book: Returns what its cells refer to.
        take_rows: Takes some whole rows, and returns those that it can't take.
        merged: The ranges of merged cells (`A2:A4`) are appended to it.

    Raises:
        FileError: The sheet is damaged.
    """
    reader = SheetReader(name, book(), merged)
    with closing(reader), closing(open_()) as stream:
        for data, is_rows in row_pieces(stream):
            if take_rows and is_rows and reader.is_between_rows:
                yield reader.feed(take_rows(reader, data))
            else:
                yield reader.feed(data)
        yield reader.feed(b"", is_last=True)
        if not reader.has_rows:
            raise FileError(f"{name} is damaged: it is not a worksheet, or has no rows at all.", remedy=ASK)


def row_pieces(stream: io.BufferedIOBase) -> Iterator[tuple[bytes, bool]]:
    """Yield a sheet's XML in pieces, and whether a piece is nothing but whole rows.

    From the first comment, CDATA or processing instruction on, nothing is cut: a row's end may stand in it.
    """
    rest, is_first = b"", True
    while piece := stream.read(FIRST_PIECE if is_first else PIECE):
        data = rest + piece
        if b"<!" in data or (b"<?" in data and not is_first) or len(data) > MAX_ROW:
            yield data, False
            break
        end = data.rfind(b"</row>") + len("</row>")
        if end < len("</row>"):
            rest = data
            continue
        yield data[:end], not is_first
        rest, is_first = data[end:], False
    else:
        yield rest, False
        return
    while piece := stream.read(PIECE):
        yield piece, False


class SheetReader:
    """Reads a sheet's XML, piece by piece.

    Args:
        name: Of the sheet, for messages.
        book: What its cells refer to.
        merged: Takes the ranges of cells that are merged.

    Attributes:
        book: As given.
        row: Number of the row read last.
        has_rows: There is an element for rows, if an empty one.
    """

    def __init__(self, name: str, book: Book, merged: list[str]) -> None:
        self.row, self.has_rows = 0, False
        self._merged = merged
        self._name = name
        self.book = book
        self._path: list[str] = []
        self._rows: list[SheetRow] = []
        self._cells: dict[int, Value] = {}
        self._column = -1
        self._attributes: dict[str, str] = {}
        self._texts: list[str] = []
        self._size = 0
        self._has_value = self._is_formula = False
        self._xml = Xml(name, self._start, self._end)

    @property
    def is_between_rows(self) -> bool:
        """What comes next is a row, or the end of all."""
        return self._path[1:] == ["sheetData"]

    def feed(self, data: bytes, *, is_last: bool = False) -> list[SheetRow]:
        """Return the rows that end in a piece.

        Raises:
            FileError: The sheet is damaged.
        """
        self._rows = []
        self._xml.feed(data, is_last=is_last)
        return self._rows

    def close(self) -> None:
        """Close the parser."""
        self._xml.close()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        path = self._path
        depth = len(path)
        if depth > 1 and path[1] == "sheetData":
            if tag == "c" and depth == CELL:
                self._begin_cell(attributes)
            elif tag == "v" and depth == CELL + 1:
                self._has_value = True
                self._xml.handle_text(self._text)
            elif tag == "t" and path[CELL + 1 :] in _AROUND_TEXT:
                self._xml.handle_text(self._text)
            elif tag == "f" and depth == CELL + 1:
                self._is_formula = True
            elif tag == "row" and depth == CELL - 1:
                self._begin_row(attributes.get("r"))
        elif tag == "mergeCell" and len(self._merged) < MAX_MERGED:
            self._merged.append(attributes.get("ref", ""))
        self.has_rows |= tag == "sheetData" and depth == 1
        path.append(tag)

    def _end(self, tag: str) -> None:
        path = self._path
        path.pop()
        if tag in {"v", "t"}:
            self._xml.handle_text(None)
        elif len(path) < CELL - 1 or path[1] != "sheetData":
            return
        elif tag == "c" and len(path) == CELL:
            self._end_cell()
        elif tag == "row" and len(path) == CELL - 1 and self._cells:
            self._rows.append(SheetRow(self.row, self._cells))

    def _text(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise FileError(
                f"{self._name}: row {self.row} has more than {MAX_TEXT:,} characters.", remedy=ASK
            )

    def _begin_row(self, number: str | None) -> None:
        before, self.row = self.row, self.row + 1
        if number is not None:
            self.row = whole_number(number, self._name, "a row number")
        if self.row <= before:
            raise FileError(
                f"{self._name}: row {self.row} stands behind row {before}: it is damaged.", remedy=ASK
            )
        self._cells, self._column, self._size = {}, -1, 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = self._column + 1 if reference is None else column_of(reference)
        if not 0 <= self._column < MAX_SHEET_COLUMNS:
            raise FileError(
                f'{self._name}: row {self.row} has a cell at "{shown(reference or "")}", '
                f"which is not within the columns A to XFD.",
                remedy=ASK,
            )
        self._attributes, self._texts = attributes, []
        self._has_value = self._is_formula = False

    def _end_cell(self) -> None:
        text = "".join(self._texts)
        cell = RawCell(self._attributes, text, self._has_value, self._is_formula, self._place)
        value = value_of(cell, self.book)
        if value is None:
            return
        if self._column in self._cells:
            raise FileError(f"{self._place()}: there are two cells in one place.", remedy=ASK)
        self._cells[self._column] = value

    def _place(self) -> str:
        return f"{self._name}, cell {column_name(self._column)}{self.row}"
