"""Styles of a workbook: which cells are dates or durations, and what their serial numbers mean."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal
from enum import IntEnum

from tap_reports.files.xlsx_parts import Xml, parse

MAX_BYTES = 1 << 26

DAY_MILLISECONDS = 86_400_000
FRACTION_DIGITS = 11
"""Of a day, heeded: less than a microsecond. What a double adds after them is noise."""
LAST_DAY = 2_958_465
"""9999-12-31 in the system of 1900."""
DAYS_1904 = 1462
LEAP_DAY = 60
"""1900-02-29, which never was: Lotus 1-2-3 thought so."""


class Style(IntEnum):
    """How a number is shown, as far as it says what the number is. The values are those of xlsx.c."""

    NUMBER = 0
    DATE = 1
    DATE_TIME = 2
    DURATION = 3


_BUILT_IN = {
    **dict.fromkeys((*range(14, 18), *range(27, 32), *range(34, 37), *range(50, 59)), Style.DATE),
    **dict.fromkeys((*range(18, 22), 32, 33, *range(45, 48)), Style.DURATION),
    22: Style.DATE_TIME,
}
"""Formats that have a number and no text in the file; those of East Asia included (ECMA-376, 18.8.30)."""

_LITERAL = re.compile(
    r'"[^"]*"?|\\.|[_*].'  # quoted and escaped characters, padding
    r"|\[(?!h+\]|m+\]|s+\])[^\]]*\]"  # colours, conditions, locales
    r"|e[+-]"
    # Words: `General`, which some writers translate (`Standard`, `G/標準`), and units without quotes (`USD`).
    # A word with parts of a date in a row is one, as in `yyyymmddThhmmssZ`.
    r"|(?![a-z]*(?:yyyy|yymm|mmyy|mmdd|ddmm|hhmm|mmss))[a-zà-ž]*[cfiklnopqruvwxz][a-zà-ž]*|g/[^\x00-\x7f]+",
    re.IGNORECASE | re.DOTALL,
)
_HALF_DAY = re.compile(r"am/pm|a/p", re.IGNORECASE)


def style_of(code: str) -> Style:
    """Return what a number format says: `yyyy-mm-dd` is a date, `h:mm:ss` and `[h]:mm` are durations."""
    shown = _LITERAL.sub("", _HALF_DAY.sub("h", code)).partition(";")[0].lower()
    has_time = "h" in shown or "s" in shown or "[m" in shown
    has_day = any(letter in shown for letter in "ydge") or "mmm" in shown or ("m" in shown and not has_time)
    if has_day:
        return Style.DATE_TIME if has_time else Style.DATE
    return Style.DURATION if has_time else Style.NUMBER


def read_styles(stream: io.BufferedIOBase, name: str) -> bytes:
    """Return the `Style` of each style index (`s="5"`) of a workbook.

    Args:
        stream: Of the part.
        name: Of the part, for messages.

    Raises:
        FileError: It is damaged.
    """
    formats: dict[str, Style] = {}
    styles = bytearray()
    inside: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt" and inside[-1:] == ["numFmts"]:
            formats[attributes.get("numFmtId", "")] = style_of(attributes.get("formatCode", ""))
        elif tag == "xf" and inside[-1:] == ["cellXfs"]:
            number = attributes.get("numFmtId", "0")
            built_in = _BUILT_IN.get(int(number), Style.NUMBER) if number.isdecimal() else Style.NUMBER
            styles.append(formats.get(number, built_in))
        inside.append(tag)

    def end(_: str) -> None:
        inside.pop()

    parse(stream, Xml(name, start, end), name, MAX_BYTES)
    return bytes(styles)


def dated(text: str, style: int, *, is_1904: bool) -> tuple[str, bool] | None:
    """Return what a serial number is: `2024-01-02`, `2024-01-02T03:04:05`, `36:00:00`.

    Args:
        text: A number; one that still has an exponent is no day.
        style: How it is shown; not `NUMBER`.
        is_1904: Days are counted from 1904.

    Returns:
        The text, and whether it is a date with a time; None if there is no such day.
    """
    sign, (whole, _, fraction) = text[:1] == "-", text.removeprefix("-").partition(".")
    if len(whole) > 7 or "e" in text.lower():
        return None
    fraction = fraction[:FRACTION_DIGITS].ljust(FRACTION_DIGITS, "0")
    of_day = (int(fraction) * DAY_MILLISECONDS * 2 + 10**FRACTION_DIGITS) // (2 * 10**FRACTION_DIGITS)
    days, of_day = int(whole or 0) + of_day // DAY_MILLISECONDS, of_day % DAY_MILLISECONDS
    if style == Style.DURATION:
        shown = _clock(of_day, 24 * days)
        return ("-" if sign and (days or of_day) else "") + shown, False
    if is_1904:
        days += DAYS_1904
    if sign or not 1 <= days <= LAST_DAY or days == LEAP_DAY:
        return None
    day = dt.date.fromordinal(693_594 + days + (days < LEAP_DAY)).isoformat()
    if style == Style.DATE and not of_day:
        return day, False
    return f"{day}T{_clock(of_day).rjust(len('00:00:00.000') if of_day % 1000 else 8, '0')}", True


def _clock(milliseconds: int, hours: int = 0) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    hours += seconds // 3600
    return f"{hours}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{rest:03}" if rest else "")


def iso_dated(text: str, style: int) -> tuple[str, Style] | None:
    """Return a cell of the type `d`, which is text in ISO 8601, as `dated` would; and its `Style`."""
    try:
        if "-" not in text:
            time = dt.time.fromisoformat(text)
            return str(Decimal(time.hour)) + time.isoformat()[2:], Style.DURATION
        if len(text) == len("2024-01-02"):
            return dt.date.fromisoformat(text).isoformat(), Style.DATE
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if style == Style.DATE and moment.time() == dt.time() and not moment.tzinfo:
        return moment.date().isoformat(), Style.DATE
    return moment.isoformat(), Style.DATE_TIME
