"""Dates and instants as files write them -> `YYYY-MM-DD` and RFC 3339."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tap_reports.files.numbers import plain_text
from tap_reports.files.table import USUAL, Notation, bare

if TYPE_CHECKING:
    from tap_reports.files.table import Cell

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

_HALF_OF_DAY = re.compile(r"\b[ap]m\b")
_ESCAPED = re.compile(r"\\.|\[[^\]]*\]")
"""What stands for itself in a format."""


def instant(cell: Cell, zone: dt.tzinfo, notation: Notation = USUAL) -> str | None:
    """Return an instant as RFC 3339 with offset, its fraction of a second as written."""
    if isinstance(cell, dt.datetime):
        return _with_offset(cell, zone).isoformat()
    if not isinstance(cell, str):
        start = day(cell)
        return start and _midnight(start, zone)
    text = bare(cell)
    if not text:
        return None
    if notation.date_format and (formatted := by_format(text, notation.date_format)):
        return _with_offset(formatted, zone).isoformat()
    found = _INSTANT.fullmatch(text)
    if found is None:
        return _midnight(_written_day(text), zone)
    moment, fraction, offset = _moment(found), found[4] or "", found[5]
    shown = moment.isoformat() + _offset(offset) if offset else _with_offset(moment, zone).isoformat()
    return f"{shown[:19]}{fraction}{shown[19:]}"


def day(cell: Cell, notation: Notation = USUAL) -> str | None:
    """Return a day as `YYYY-MM-DD`: of an instant the day as written, of a month its first."""
    if isinstance(cell, dt.date):
        return cell.isoformat()[:10]
    text = plain_text(cell)
    if not text:
        return None
    if (
        notation.date_format
        and isinstance(cell, str)
        and (formatted := by_format(text, notation.date_format))
    ):
        return formatted.isoformat()[:10]
    found = _INSTANT.fullmatch(text)
    return _moment(found).isoformat()[:10] if found else _written_day(text)


@lru_cache(4096)
def by_format(text: str, date_format: str) -> dt.datetime | None:
    """Return what a text says in a format of pendulum's; naive where the format has no time zone.

    Returns:
        None for a text in another format that can't be confused with this one: `2026-08-03`.

    Raises:
        ValueError: It is not in this format.
    """
    import pendulum

    try:
        found = pendulum.from_format(_HALF_OF_DAY.sub(lambda half: half[0].upper(), text), date_format)
    except ValueError:
        looks_like_iso = _ISO_DAY.match(pendulum.datetime(2026, 8, 3).format(date_format))
        if _ISO_DAY.match(text) and not looks_like_iso:
            return None
        raise
    has_zone = re.search("[Zz]", _ESCAPED.sub("", date_format))
    return found if has_zone else found.naive()


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
