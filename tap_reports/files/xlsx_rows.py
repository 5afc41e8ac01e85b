"""The XML of one sheet -> its rows as they stand there: the cells that hold something, by column."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.text import shown
from tap_reports.files.xlsx_strings import Strings
from tap_reports.files.xlsx_styles import Style, dated, iso_dated, plain_number
from tap_reports.files.xlsx_xml import ASK, MOST_TEXT, Xml, unescaped

FIRST_PIECE = 1 << 16
PIECE = 1 << 19
MOST_ROW = 1 << 22
"""Bytes of XML; a sheet with a longer row is not cut into rows."""
LAST_COLUMN = 16_384
"""XFD."""
CELL = 3
"""Elements around a cell: worksheet, sheetData, row."""
_AROUND_TEXT = (["is"], ["is", "r"])
"""What is between a cell and a text of it; phonetic texts are elsewhere."""
NO_VALUE = "a formula without a stored value"


class Type:
    """What a cell holds by the file's own word. The values are those of xlsx.c,
    and plain numbers: members of an enumeration are slow to add up.
    """

    TEXT = 1
    NUMBER = 2
    BOOLEAN = 4
    DATE = 8
    DATE_TIME = 16
    ERROR = 32


class Value(NamedTuple):
    """A cell: its text, as a CSV file would hold it; for an `ERROR`, what is wrong with it."""

    type: int
    text: str


class SheetRow(NamedTuple):
    """A row with something in it: its number in the sheet, and its cells by column, from 0."""

    number: int
    cells: dict[int, Value]


class Book(NamedTuple):
    """What a workbook's cells refer to.

    Attributes:
        styles: The `Style` of each style index.
        strings: Those shared.
        is_1904: Days are counted from 1904.
    """

    styles: bytes
    strings: Strings
    is_1904: bool


def sheet_rows(
    open_: Callable[[], io.BufferedIOBase],
    name: str,
    book: Callable[[], Book],
    quickly: Callable[[SheetReader, bytes], bytes] | None,
) -> Generator[list[SheetRow]]:
    """Yield the rows of a sheet's XML; those that `quickly` takes are left out.

    Raises:
        FileError: The sheet is damaged.
    """
    reader = SheetReader(name, book())
    with closing(reader), closing(open_()) as stream:
        for data, is_rows in row_pieces(stream):
            if quickly and is_rows and reader.is_between_rows:
                yield reader.feed(quickly(reader, data))
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
        if b"<!" in data or (b"<?" in data and not is_first) or len(data) > MOST_ROW:
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

    Attributes:
        book: As given.
        row: Number of the row read last.
        has_rows: There is an element for rows, if an empty one.
    """

    def __init__(self, name: str, book: Book) -> None:
        self.row, self.has_rows = 0, False
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
        """Let go of the parser."""
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
        if self._size > MOST_TEXT:
            raise FileError(
                f"{self._name}: row {self.row} has more than {MOST_TEXT:,} characters.", remedy=ASK
            )

    def _begin_row(self, number: str | None) -> None:
        before, self.row = self.row, self.row + 1
        if number is not None:
            self.row = _number(number, self._name, "a row number")
        if self.row <= before:
            raise FileError(
                f"{self._name}: row {self.row} stands behind row {before}: it is damaged.", remedy=ASK
            )
        self._cells, self._column, self._size = {}, -1, 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = self._column + 1 if reference is None else column_of(reference)
        if not 0 <= self._column < LAST_COLUMN:
            raise FileError(
                f'{self._name}: row {self.row} has a cell at "{shown(reference or "")}", '
                f"which is not within the columns A to XFD.",
                remedy=ASK,
            )
        self._attributes, self._texts = attributes, []
        self._has_value = self._is_formula = False

    def _end_cell(self) -> None:
        value = self._value("".join(self._texts))
        if value is None:
            return
        if self._column in self._cells:
            raise FileError(f"{self._place}: there are two cells in one place.", remedy=ASK)
        self._cells[self._column] = value

    @property
    def _place(self) -> str:
        return f"{self._name}, cell {column_name(self._column)}{self.row}"

    def _value(self, text: str) -> Value | None:
        """Return what a cell holds, None for nothing."""
        match self._attributes.get("t", "n"):
            case "s":
                return self._shared(text.strip())
            case "str" | "inlineStr" if text or self._has_value or not self._is_formula:
                return Value(Type.TEXT, unescaped(text)) if text else None
            case "e":
                return Value(Type.ERROR, text.strip() or "#VALUE!")
            case _ if not text.strip():
                return Value(Type.ERROR, NO_VALUE) if self._is_formula else None
            case "b":
                known = _BOOLEANS.get(text.strip())
                return Value(Type.BOOLEAN, known) if known else Value(Type.ERROR, text)
            case "d" | "n" as type_:
                return self._numeric(type_, text.strip())
            case other:
                raise FileError(
                    f'{self._place} is of the type "{shown(other)}", which there is not.', remedy=ASK
                )

    def _numeric(self, type_: str, text: str) -> Value:
        if type_ == "n":
            return numeric(text, self._style(), is_1904=self.book.is_1904)
        found = iso_dated(text, self._style())
        return Value(_TYPES[found[1]], found[0]) if found else Value(Type.ERROR, text)

    def _shared(self, text: str) -> Value | None:
        if not text:
            return None
        try:
            found = self.book.strings[_number(text, self._place, "a shared string")]
        except IndexError:
            raise FileError(
                f"{self._place} refers to the shared string {text}, which the workbook does not have: "
                "it is damaged.",
                remedy=ASK,
            ) from None
        return Value(Type.TEXT, found) if found else None

    def _style(self) -> int:
        text = self._attributes.get("s", "0")
        styles = self.book.styles
        number = _number(text, self._place, "a style")
        if number < len(styles):
            return styles[number]
        if number == 0:
            return Style.NUMBER
        raise FileError(
            f"{self._place} has the style {number}, and the workbook has {len(styles)}: it is damaged.",
            remedy=ASK,
        )


_BOOLEANS = {"1": "true", "0": "false", "true": "true", "false": "false"}
_TYPES = {
    Style.NUMBER: Type.NUMBER,
    Style.DATE: Type.DATE,
    Style.DATE_TIME: Type.DATE_TIME,
    Style.DURATION: Type.TEXT,
}


def numeric(text: str, style: int, *, is_1904: bool) -> Value:
    """Return a number by the way in which it is shown."""
    plain = plain_number(text)
    if plain is None:
        return Value(Type.ERROR, text)
    if style == Style.NUMBER:
        return Value(Type.NUMBER, plain)
    found = dated(plain, style, is_1904=is_1904)
    if found is None:
        return Value(Type.ERROR, f"{text} as a date")
    if style == Style.DURATION:
        return Value(Type.TEXT, found[0])
    return Value(Type.DATE_TIME if found[1] else Type.DATE, found[0])


def column_of(reference: str) -> int:
    """Return the column of a cell's reference, from 0: `C7` -> 2; -1 if it is none."""
    found = re.fullmatch("([A-Z]{1,3})[0-9]{1,7}", reference)
    column = 0
    for letter in found[1] if found else "":
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def column_name(column: int) -> str:
    """Return a column's letters: 2 -> `C`."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _number(text: str, place: str, what: str) -> int:
    """Return a number that must be one."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise FileError(f'{place} has "{shown(text)}" for {what}: the workbook is damaged.', remedy=ASK)
    return int(text)
