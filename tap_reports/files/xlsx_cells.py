"""What a cell of a sheet's XML holds, by the file's own word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.numbers import without_exponent
from tap_reports.files.text import shown
from tap_reports.files.xlsx_parts import ASK, Strings, unescaped
from tap_reports.files.xlsx_styles import Style, dated, iso_dated

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


class RawCell(NamedTuple):
    """A cell as it stands.

    Attributes:
        attributes: Of its element.
        text: Of its value, or within it.
        has_value: It has an element for its value.
        is_formula: It has one for a formula.
        place: Returns where it is, for messages.
    """

    attributes: dict[str, str]
    text: str
    has_value: bool
    is_formula: bool
    place: Callable[[], str]


_BOOLEANS = {"1": "true", "0": "false", "true": "true", "false": "false"}
_TYPES = {
    Style.NUMBER: Type.NUMBER,
    Style.DATE: Type.DATE,
    Style.DATE_TIME: Type.DATE_TIME,
    Style.DURATION: Type.TEXT,
}


def numeric(text: str, style: int, *, is_1904: bool) -> Value:
    """Return a number by the way in which it is shown."""
    plain = without_exponent(text)
    if plain is None:
        return Value(Type.ERROR, text)
    if style == Style.NUMBER:
        return Value(Type.NUMBER, plain)
    date = dated(plain, style, is_1904=is_1904)
    if date is None:
        return Value(Type.ERROR, f"{text} as a date")
    if style == Style.DURATION:
        return Value(Type.TEXT, date[0])
    return Value(Type.DATE_TIME if date[1] else Type.DATE, date[0])


def value_of(cell: RawCell, book: Book) -> Value | None:
    """Return what a cell holds, None for nothing.

    Raises:
        FileError: The workbook is damaged.
    """
    text = cell.text
    match cell.attributes.get("t", "n"):
        case "s":
            return _shared(cell, text.strip(), book)
        case "str" | "inlineStr" if text or cell.has_value or not cell.is_formula:
            return Value(Type.TEXT, unescaped(text)) if text else None
        case "e":
            return Value(Type.ERROR, text.strip() or "#VALUE!")
        case _ if not text.strip():
            return Value(Type.ERROR, NO_VALUE) if cell.is_formula else None
        case "b":
            known = _BOOLEANS.get(text.strip())
            return Value(Type.BOOLEAN, known) if known else Value(Type.ERROR, text)
        case "d" | "n" as type_:
            return _numeric(cell, type_, text.strip(), book)
        case other:
            raise FileError(
                f'{cell.place()} is of the type "{shown(other)}", which there is not.', remedy=ASK
            )


def _numeric(cell: RawCell, type_: str, text: str, book: Book) -> Value:
    if type_ == "n":
        return numeric(text, _style(cell, book), is_1904=book.is_1904)
    date = iso_dated(text, _style(cell, book))
    return Value(_TYPES[date[1]], date[0]) if date else Value(Type.ERROR, text)


def _shared(cell: RawCell, text: str, book: Book) -> Value | None:
    if not text:
        return None
    try:
        found = book.strings[whole_number(text, cell.place(), "a shared string")]
    except IndexError:
        raise FileError(
            f"{cell.place()} refers to the shared string {text}, which the workbook does not have: "
            "it is damaged.",
            remedy=ASK,
        ) from None
    return Value(Type.TEXT, found) if found else None


def _style(cell: RawCell, book: Book) -> int:
    text = cell.attributes.get("s", "0")
    styles = book.styles
    number = whole_number(text, cell.place(), "a style")
    if number < len(styles):
        return styles[number]
    if number == 0:
        return Style.NUMBER
    raise FileError(
        f"{cell.place()} has the style {number}, and the workbook has {len(styles)}: it is damaged.",
        remedy=ASK,
    )


def column_of(reference: str) -> int:
    """Return the column of a cell's reference, from 0: `C7` -> 2; -1 if it is none."""
    match = re.fullmatch("([A-Z]{1,3})[0-9]{1,7}", reference)
    column = 0
    for letter in match[1] if match else "":
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


def whole_number(text: str, place: str, what: str) -> int:
    """Return a number that must be one."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise FileError(f'{place} has "{shown(text)}" for {what}: the workbook is damaged.', remedy=ASK)
    return int(text)
