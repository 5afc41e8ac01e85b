"""A cell as parsed -> the value that its column's kind asks for, every digit kept.

A converter raises `ValueError` for a cell that does not fit. Spaces around a cell are no part of it,
except in text columns; an empty cell is null in every column.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from tap_reports.models import Kind

if TYPE_CHECKING:
    from tap_reports.files.table import Cell

Value = str | int | Decimal | bool | None
Converter = Callable[["Cell"], Value]

JSON_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
"""A number that may stand in JSON as it is. An exponent beyond three digits is taken for a mistake."""

PLAIN_DIGITS = 40
"""Text columns show numbers up to this size without an exponent."""

is_json_number = re.compile(JSON_NUMBER).fullmatch
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_CURRENCY = r"[$\u00a2-\u00a5\u20a0-\u20cf\u0e3f]"
_WRITTEN_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)(?:{_CURRENCY} ?)?(?P<inner>[+-]?)"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    rf"(?P<exponent>[eE][+-]?[0-9]{{1,3}})?(?: ?(?:%|{_CURRENCY}))?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NAMED_DAY = re.compile(r"([A-Za-z]{3,9}) ([0-9]{1,2}), ([0-9]{4})")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})"
    r"(?:(:[0-9]{2})(\.[0-9]{1,9})?)?"
    r"(?: ?([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?"
)
"""Day, time, second, fraction of a second, offset."""

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}


class Number(Decimal):
    """A decimal that remembers how it was written: `str()` is its JSON text, every digit of the file.

    Plain `Decimal` would turn `6.2e-07` into `6.2E-7` and cannot be told from a rounded one.
    """

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> Self:
        """Make a number of a JSON number's text."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __str__(self) -> str:
        """Return the number as it was written."""
        return self._text

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        """Copy and pickle by the text, too."""
        return Number, (self._text,)


def converter(kind: Kind, zone: dt.tzinfo = dt.UTC) -> Converter:
    """Return the function that turns a cell into a value of a kind.

    Args:
        kind: The column's kind.
        zone: Time zone of instants that name none.

    Returns:
        A function that raises ValueError for a cell that does not fit. Its values: text for
        `string`, `date` (`YYYY-MM-DD`) and `date-time` (RFC 3339), `int`, `Number`, `bool`; or None.
    """
    if kind is Kind.DATE_TIME:
        return lambda cell: instant(cell, zone)
    return _CONVERTERS[kind]


def number_text(cell: Cell) -> str | None:
    """Return a number's JSON text, or None for an empty cell.

    A number that is JSON already stays as it stands. Otherwise a sign `+`, leading zeros, thousands
    separators, a currency sign and a trailing `%` go: `$1,234.50` -> `1234.50`, `44%` -> `44`, `.5` -> `0.5`.
    """
    text = _number_cell(cell)
    if not text or is_json_number(text):
        return text or None
    found = _WRITTEN_NUMBER.fullmatch(text)
    if found is None or (found["sign"] and found["inner"]):
        raise ValueError("not a number")
    whole, fraction = found["whole"].replace(",", ""), found["fraction"] or ""
    if not whole and not fraction:
        raise ValueError("not a number")
    minus = "-" if "-" in (found["sign"], found["inner"]) else ""
    point = "." if fraction else ""
    return f"{minus}{whole.lstrip('0') or '0'}{point}{fraction}{found['exponent'] or ''}"


def instant(cell: Cell, zone: dt.tzinfo) -> str | None:
    """Return an instant as RFC 3339 with offset, its fraction of a second as written."""
    if isinstance(cell, dt.datetime):
        return _with_offset(cell, zone).isoformat()
    if not isinstance(cell, str):
        start = day(cell)
        return start and _midnight(start, zone)
    text = cell.strip()
    if not text:
        return None
    found = _INSTANT.fullmatch(text)
    if found is None:
        return _midnight(_written_day(text), zone)
    moment, fraction, offset = _moment(found), found[4] or "", found[5]
    shown = moment.isoformat() + _offset(offset) if offset else _with_offset(moment, zone).isoformat()
    return f"{shown[:19]}{fraction}{shown[19:]}"


def day(cell: Cell) -> str | None:
    """Return a day as `YYYY-MM-DD`: of an instant the day as written, of a month its first."""
    if isinstance(cell, dt.date):
        return cell.isoformat()[:10]
    text = _number_cell(cell)
    if not text:
        return None
    found = _INSTANT.fullmatch(text)
    return _moment(found).isoformat()[:10] if found else _written_day(text)


def string(cell: Cell) -> str | None:
    """Return a cell as text: as it stands, or as plainly as its type can be written."""
    if isinstance(cell, str):
        # JSON can spell half of a surrogate pair, which no UTF-8 output can hold.
        return (cell if cell.isascii() else cell.encode("utf-8", "replace").decode()) or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.timedelta):
        return duration(cell)
    if isinstance(cell, dt.date):
        return cell.isoformat()
    plain = isinstance(cell, Decimal) and not isinstance(cell, Number) and abs(cell.adjusted()) < PLAIN_DIGITS
    return f"{cell:f}" if plain else str(cell)


def duration(cell: dt.timedelta) -> str:
    """Return a duration as `H:MM:SS`, also over 24 hours."""
    sign, cell = ("-", -cell) if cell < dt.timedelta(0) else ("", cell)
    seconds = cell.days * 86400 + cell.seconds
    fraction = f".{cell.microseconds:06}" if cell.microseconds else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def number(cell: Cell) -> Number | None:
    """Return a cell as a number with all its digits."""
    text = number_text(cell)
    return None if text is None else Number(text)


def integer(cell: Cell) -> int | None:
    """Return a cell as an integer; `1.0` and `1e3` are integers."""
    if isinstance(cell, str) and _PLAIN_INTEGER.fullmatch(cell):
        return int(cell)
    text = number_text(cell)
    if text is None:
        return None
    value = Decimal(text)
    whole = int(value)
    if whole != value:
        raise ValueError("not an integer")
    return whole


def boolean(cell: Cell) -> bool | None:
    """Return a cell as a boolean: true/false, t/f, yes/no, 1/0 in any case."""
    if isinstance(cell, bool):
        return cell
    text = _number_cell(cell).lower()
    if not text:
        return None
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise ValueError("not a boolean") from None


_CONVERTERS: dict[Kind, Converter] = {
    Kind.STRING: string,
    Kind.INTEGER: integer,
    Kind.NUMBER: number,
    Kind.BOOLEAN: boolean,
    Kind.DATE: day,
}


def _number_cell(cell: Cell) -> str:
    """Return the text of a cell that may hold a number: stripped, "" for an empty one."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        return str(cell)
    raise ValueError("not a number")


def _written_day(text: str) -> str:
    if found := _ISO_DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text):
        year, month, day_ = found.groups()
        return dt.date(int(year), int(month), int(day_ or 1)).isoformat()
    found = _NAMED_DAY.fullmatch(text)
    month_number = _MONTHS.get(found[1].lower()) if found else None
    if found is None or month_number is None:
        raise ValueError("not a date")
    return dt.date(int(found[3]), month_number, int(found[2])).isoformat()


def _moment(found: re.Match[str]) -> dt.datetime:
    """Return the naive instant of a match of `_INSTANT`, without its fraction."""
    return dt.datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ':00'}")


def _offset(text: str) -> str:
    """Return an offset as `+HH:MM`."""
    sign, digits = text[0], text[1:].replace(":", "")
    if sign in "Zz" or not digits.strip("0"):
        return "+00:00"
    return f"{sign}{digits[:2]}:{digits[2:] or '00'}"


def _midnight(text: str, zone: dt.tzinfo) -> str:
    return _with_offset(dt.datetime.fromisoformat(text), zone).isoformat()


def _with_offset(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return an aware instant whose offset RFC 3339 can write (whole minutes; local mean times have none)."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    offset = aware.utcoffset() or dt.timedelta(0)
    try:
        return aware.astimezone(dt.UTC) if offset % dt.timedelta(minutes=1) else aware
    except OverflowError as error:
        raise ValueError("not a date") from error
