"""Dates and instants as files write them -> `YYYY-MM-DD` and RFC 3339."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_reports.files.numbers import stripped_text
from tap_reports.files.table import USUAL, Notation, stripped
from tap_reports.models import Kind

if TYPE_CHECKING:
    import pendulum

    from tap_reports.files.table import Cell

_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTHS = {
    short: number for number, name in enumerate(_MONTH_NAMES, start=1) for short in (name, name[:3])
} | {"sept": 9}
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NAMED_DAY = re.compile(r"([A-Za-z]{3,9}) ([0-9]{1,2}), ([0-9]{4})")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})"
    r"(?:(:[0-9]{2})(\.[0-9]{1,9})?)?"
    r"(?: ?([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?"
)
"""Day, time, second, fraction of a second, offset."""

_TOKENS = {
    "YYYY": (1, "(?P<year>[0-9]{4})"),
    "MM": (2, "(?P<month>[0-9]{1,2})"),
    "DD": (3, "(?P<day>[0-9]{1,2})"),
    "HH": (4, "(?P<hour>[0-9]{1,2})"),
    "hh": (5, "(?P<hour>0?[0-9]|1[0-2])"),
    "mm": (6, "(?P<minute>[0-9]{1,2})"),
    "ss": (7, "(?P<second>[0-9]{1,2})"),
    "A": (8, "(?P<half>[AP]M)"),
    "MMM": (9, "(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"),
}
"""Tokens that are read here, as pendulum would: their numbers in dates.c, and patterns."""
_TOKENS |= {token[0]: numbered for token, numbered in _TOKENS.items() if len(token) == 2}
_DIVIDERS = frozenset(" -/.:,T")
_PIECE = re.compile(r"([A-Za-z])\1*|[^A-Za-z]")
_HALF_OF_DAY = re.compile(r"\b[ap]m\b")
_ZONE = re.compile(r"\[[^\]]*\]|[Zz]+")
_LENIENT_TOKENS = re.compile("[dES]")
"""Tokens of which pendulum reads more than they say: the day of a week, a fraction with fewer digits."""
_LEADING_ZEROS = re.compile(r"(?<!:[0-9]{2}[.,])\b0+(?=[0-9])")
"""But not those of a fraction of a second."""
_TIME_TOKENS = re.compile(r"\[[^\]]*\]|\\.|([HhmsSAaXx])")
FIRST_YEAR = 1000
"""Earlier ones are years of two digits, which pendulum takes for one of four."""
_ESCAPED = re.compile(r"\\.|\[[^\]]*\]")
"""What stands for itself in a format."""


def kind_of_text(text: str, date_format: str | None) -> Kind | None:
    """Return whether a text is a day or an instant to inference: in a format, or else as in `2026-08-03` and
    `2026-08-03T10:00:00Z`; None for another text.
    """
    try:
        if date_format and by_format(text, date_format):
            return Kind.DATE_TIME if any(_TIME_TOKENS.findall(date_format)) else Kind.DATE
    except ValueError:
        pass
    try:
        if len(text) == len("2026-08-03") and _ISO_DAY.fullmatch(text):
            _written_day(text)
            return Kind.DATE
        if match := _INSTANT.fullmatch(text):
            _moment(match)
            return Kind.DATE_TIME
    except ValueError:
        pass
    return None


def instant(cell: Cell, zone: dt.tzinfo, notation: Notation = USUAL) -> str | None:
    """Return an instant as RFC 3339 with offset, its fraction of a second as written."""
    if not isinstance(cell, str):
        start = day(cell)
        return start and _midnight(start, zone)
    text = stripped(cell)
    if not text:
        return None
    if notation.date_format and (formatted := by_format(text, notation.date_format)):
        return _with_offset(formatted, zone).isoformat()
    match = _INSTANT.fullmatch(text)
    if match is None:
        return _midnight(_written_day(text), zone)
    moment, fraction, offset = _moment(match), match[4] or "", match[5]
    shown = moment.isoformat() + _offset(offset) if offset else _with_offset(moment, zone).isoformat()
    return f"{shown[:19]}{fraction}{shown[19:]}"


def day(cell: Cell, notation: Notation = USUAL) -> str | None:
    """Return a day as `YYYY-MM-DD`: of an instant the day as written, of a month its first."""
    text = stripped_text(cell)
    if not text:
        return None
    if (
        notation.date_format
        and isinstance(cell, str)
        and (formatted := by_format(text, notation.date_format))
    ):
        return formatted.isoformat()[:10]
    match = _INSTANT.fullmatch(text)
    return _moment(match).isoformat()[:10] if match else _written_day(text)


@lru_cache(4096)
def by_format(text: str, date_format: str) -> dt.datetime | None:
    """Return what a text says in a format of pendulum's; naive where the format has no time zone.

    Returns:
        None for a text in another format that can't be confused with this one: `2026-08-03`.

    Raises:
        ValueError: It is not in this format.
    """
    upper = _HALF_OF_DAY.sub(lambda half: half[0].upper(), text)
    if (pattern := _pattern(date_format)) and (match := pattern.fullmatch(upper)):
        return _of_parts(match.groupdict())
    import pendulum

    try:
        moment = pendulum.from_format(upper, date_format)
    except ValueError:
        looks_like_iso = _ISO_DAY.match(pendulum.datetime(2026, 8, 3).format(date_format))
        if _ISO_DAY.match(text) and not looks_like_iso:
            return None
        raise
    tokens = _ESCAPED.sub("", date_format)
    if moment.year < FIRST_YEAR or (
        _LENIENT_TOKENS.search(tokens) and not _round_trips(upper, moment, date_format)
    ):
        raise ValueError("not a date")
    return moment if re.search("[Zz]", tokens) else moment.naive()


def _round_trips(text: str, moment: pendulum.DateTime, date_format: str) -> bool:
    """Return whether a text says this instant, whatever way its time zone is written: pendulum moves one to
    the day of the week that it names, and takes `.5` for 5 ms where there should be three digits.
    """
    without_zone = _ZONE.sub(lambda token: token[0] if token[0].startswith("[") else "[\0]", date_format)
    shown, said = (
        _LEADING_ZEROS.sub("", written).casefold() for written in (moment.format(without_zone), text)
    )
    return re.fullmatch(".+".join(map(re.escape, shown.split("\0"))), said) is not None


@cache
def compiled_format(date_format: str) -> bytes | None:
    """Return a format as the compiled module takes it; None for one that only pendulum can read.

    Such a one has year, month and day and maybe a time, with something between the numbers.
    """
    pieces = _pieces(date_format)
    tokens = [_TOKENS[piece][0] for piece in pieces if piece in _TOKENS]
    parts = set(tokens)
    is_plain = (
        len(parts) == len(tokens)
        and parts & {1, 2, 3, 9} in ({1, 2, 3}, {1, 3, 9})
        and parts & {4, 5, 8} in (set(), {4}, {5, 8})
        and all(piece in _TOKENS or piece in _DIVIDERS for piece in pieces)
        and all(first in _DIVIDERS or next_ in _DIVIDERS or next_ == "A" for first, next_ in pairwise(pieces))
    )
    return (
        bytes(_TOKENS[piece][0] if piece in _TOKENS else ord(piece) for piece in pieces) if is_plain else None
    )


@cache
def _pattern(date_format: str) -> re.Pattern[str] | None:
    if compiled_format(date_format) is None:
        return None
    pieces = _pieces(date_format)
    return re.compile(
        "".join(_TOKENS[piece][1] if piece in _TOKENS else re.escape(piece) for piece in pieces)
    )


def _pieces(date_format: str) -> list[str]:
    return [piece[0] for piece in _PIECE.finditer(date_format)]


def _of_parts(parts: dict[str, str]) -> dt.datetime:
    month = _MONTHS[parts["name"].lower()] if "name" in parts else int(parts["month"])
    hour = int(parts.get("hour", 0))
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half == "PM" else 0)
    minute, second = int(parts.get("minute", 0)), int(parts.get("second", 0))
    return dt.datetime(int(parts["year"]), month, int(parts["day"]), hour, minute, second)  # noqa: DTZ001


def _written_day(text: str) -> str:
    if match := _ISO_DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text):
        year, month, day_ = match.groups()
        return dt.date(int(year), int(month), int(day_ or 1)).isoformat()
    match = _NAMED_DAY.fullmatch(text)
    month_number = _MONTHS.get(match[1].lower()) if match else None
    if match is None or month_number is None:
        raise ValueError("not a date")
    return dt.date(int(match[3]), month_number, int(match[2])).isoformat()


def _moment(match: re.Match[str]) -> dt.datetime:
    """Return the naive instant of a match of `_INSTANT`, without its fraction."""
    return dt.datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ':00'}")


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
