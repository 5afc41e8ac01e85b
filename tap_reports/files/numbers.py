"""Numbers as files write them -> their JSON text, every digit kept."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Self

from tap_reports.files.table import USUAL, Notation, stripped

if TYPE_CHECKING:
    from tap_reports.files.table import Cell

JSON_NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,3}+)?+"
"""A number that may stand in JSON as it is. An exponent beyond three digits is taken for a mistake."""

is_json_number = re.compile(JSON_NUMBER).fullmatch


class NumberStyle(StrEnum):
    """How a text is written that may be a number (see `number_style`)."""

    DIGITS = auto()  # and any number with a comma, where the user has set that as decimal separator
    DECIMAL_POINT = auto()
    ONE_POINT_THREE_DIGITS = auto()  # `1.250`, which is 1250 where other columns have decimal commas
    DECIMAL_COMMA = auto()


_WHOLE = r"-?(?:0|[1-9][0-9]*)"
_NUMBER = re.compile(rf"{_WHOLE}(?P<fraction>\.[0-9]+(?:[eE][+-]?[0-9]{{1,3}})?)?")
"""Without an exponent after an integer: `12E4` is a code, and it would be 120000."""
_MAYBE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_NUMBER_WITH_COMMA = re.compile(r"-?[0-9]{1,3}(?:\.?[0-9]{3})*,(?:[0-9]{1,2}|[0-9]{4,})")
_WITH_COMMA = re.compile(rf"{_WHOLE}(?:,[0-9]+)?")
_MAX_PLAIN_DIGITS = 40
"""Digits of the longest number that `without_exponent` writes without its exponent."""
_ANY_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?")
_is_plain = re.compile(rf"{_WHOLE}(?:\.[0-9]+)?").fullmatch

_CURRENCY = r"[$\u00a2-\u00a5\u20a0-\u20cf\u0e3f]"
_OPTIONAL_SPACE = r"[ \u00a0\u202f]?"
_THOUSANDS = "\u00a0\u202f\u2009'\u2019"
"""What separates thousands and nothing else: spaces that no line is broken at, apostrophes."""


def _number_pattern(separators: str, point: str) -> re.Pattern[str]:
    """Return the pattern of a number written for people. No zero comes before a separator of thousands."""
    return re.compile(
        rf"(?P<sign>[+-]?)(?:{_CURRENCY}{_OPTIONAL_SPACE})?(?P<inner>[+-]?)"
        rf"(?P<whole>[1-9][0-9]{{0,2}}(?:(?P<separator>[{separators}])[0-9]{{3}})(?:(?P=separator)[0-9]{{3}})*|[0-9]*)"
        rf"(?P<point>[{point}](?P<fraction>[0-9]*))?"
        rf"(?P<exponent>[eE][+-]?[0-9]{{1,3}})?(?:{_OPTIONAL_SPACE}(?:%|{_CURRENCY}))?"
    )


_WRITTEN = {
    None: _number_pattern(f",{_THOUSANDS}", "."),
    ".": _number_pattern(f",{_THOUSANDS} ", "."),
    ",": _number_pattern(f".{_THOUSANDS} ", ","),
}
"""By the decimal separator that the user has set."""


class Number(Decimal):
    """A decimal that remembers how it was written: `str()` is its JSON text, every digit of the file.

    Plain `Decimal` would turn `6.2e-07` into `6.2E-7`.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Make a number of a JSON number's text."""
        number = Decimal.__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        """Return the number as it was written."""
        return self.text

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        """Copy and pickle by the text, too."""
        return Number, (self.text,)


def number_text(cell: Cell, notation: Notation = USUAL) -> str | None:
    """Return a number's JSON text, or None for an empty cell.

    A number that is JSON already stays as it stands. Otherwise a sign `+`, leading zeros, thousands
    separators, a currency sign and a trailing `%` go: `$1,234.50` -> `1234.50`, `44%` -> `44`, `.5` -> `0.5`.

    Raises:
        ValueError: It is not a number, or may be two: `1,250`, unless the notation says which.
    """
    if not isinstance(cell, str):
        return stripped_text(cell) or None
    text = stripped(cell)
    if text in notation.null_words:
        return None
    if not text or (notation.decimal_separator != "," and is_json_number(text)):
        return text or None
    match = _WRITTEN[notation.decimal_separator].fullmatch(text)
    if match is None or (match["sign"] and match["inner"]) or _is_unclear(match, notation):
        raise ValueError("not a number")
    whole, fraction = match["whole"].replace(match["separator"] or " ", ""), match["fraction"] or ""
    if not whole and not fraction:
        raise ValueError("not a number")
    minus = "-" if "-" in (match["sign"], match["inner"]) else ""
    point = "." if fraction else ""
    return f"{minus}{whole.lstrip('0') or '0'}{point}{fraction}{match['exponent'] or ''}"


def number_style(text: str, decimal_separator: str | None) -> NumberStyle | None:
    """Return how a text is written that is a number to inference, or would be with a decimal comma; None for
    another text.
    """
    if decimal_separator == ",":
        return NumberStyle.DIGITS if _WITH_COMMA.fullmatch(text) else None
    match = _NUMBER.fullmatch(text)
    if match is None:
        return NumberStyle.DECIMAL_COMMA if _NUMBER_WITH_COMMA.fullmatch(text) else None
    if not match["fraction"]:
        return NumberStyle.DIGITS
    if _MAYBE_THOUSANDS.fullmatch(text):
        return NumberStyle.ONE_POINT_THREE_DIGITS
    return NumberStyle.DECIMAL_POINT


def without_exponent(text: str) -> str | None:
    """Return a number without an exponent, all digits kept; a very long one as it is; None: not a number."""
    if _is_plain(text):
        return text
    match = _ANY_NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    sign, whole, fraction, power = match[1], match[2], match[3] or "", int(match[4] or 0)
    digits, point = whole + fraction, len(whole) + power
    if match[4] and not -_MAX_PLAIN_DIGITS < point < _MAX_PLAIN_DIGITS:
        return text if is_json_number(text) else None
    digits = digits.ljust(point, "0") if point > 0 else "0" * (1 - point) + digits
    point = max(point, 1)
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def stripped_text(cell: Cell) -> str:
    """Return the text of a cell that may hold a number: stripped, "" for an empty one."""
    if isinstance(cell, str):
        return stripped(cell)
    if cell is None:
        return ""
    if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        return str(cell)
    raise ValueError("not a number")


def _is_unclear(match: re.Match[str], notation: Notation) -> bool:
    """Return whether a number's only comma may be a decimal one."""
    is_lone = match["separator"] == "," and match["whole"].count(",") == 1 and not match["point"]
    return is_lone and notation.decimal_separator is None and not notation.takes_lone_comma
