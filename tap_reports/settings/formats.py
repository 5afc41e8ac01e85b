"""The `format`s of texts in the settings' schema: each in words, with an example and a check."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from jsonschema import FormatChecker

from tap_reports.http.origin import is_safe

DAY, API_URL, PUBLIC_URL, LISTEN, NOT_EMPTY = "day", "api-url", "public-url", "listen-address", "not-empty"
ENCODING, DELIMITER, PRINTABLE, DATE_FORMAT = "text-encoding", "delimiter", "printable", "date-format"
URLS = {API_URL, PUBLIC_URL}

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_LITERAL = re.compile(r"\\.|\[[^\]]*\]")
"""The parts of a date format that stand for themselves."""
_MAX_PORT = 65535


def day_of(text: object) -> dt.date | None:
    """Return the day that a setting names, as written (no zone arithmetic), or None."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text.strip()):
        return None
    try:
        dt.datetime.fromisoformat(text.strip())
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def listen_address(text: str) -> tuple[str, int] | None:
    """Return host and port of `host:port`, or None."""
    host, _, port = text.rpartition(":")
    is_address = host and port.isdecimal() and int(port) <= _MAX_PORT
    return (host.strip("[]"), int(port)) if is_address else None


def is_printable(text: str) -> bool:
    """Return whether a text can be sent in a header."""
    return bool(text.strip()) and text.isascii() and text.isprintable()


def _is_public_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_date_format(text: str) -> bool:
    tokens = _LITERAL.sub("", text)  # a per cent sign is strptime's: "%Y" would ask for the text "%2026"
    return "%" not in tokens and re.search("[YXx]", tokens) is not None


class _Format(NamedTuple):
    """What a text must be; a text that fits, if an arbitrary one does not; whether a text fits."""

    wanted: str
    example: str | None
    check: Callable[[str], object]


FORMATS = {
    DAY: _Format("must be a day such as 2026-01-31 or an RFC 3339 time", "2000-01-01", day_of),
    API_URL: _Format(
        "must be an https:// URL (http:// only for loopback hosts) without a user name",
        "https://localhost",
        is_safe,
    ),
    PUBLIC_URL: _Format(
        "must be an http(s) URL under which the vendors reach `listen`", "https://localhost", _is_public_url
    ),
    LISTEN: _Format('must be "host:port", such as "0.0.0.0:8080"', "localhost:1", listen_address),
    NOT_EMPTY: _Format("must not be empty", None, str.strip),
    PRINTABLE: _Format("must be printable ASCII text", None, is_printable),
    ENCODING: _Format("must be an encoding such as utf-16 or cp1252", "utf-8", "a".encode),
    DATE_FORMAT: _Format(
        "must name a year, in pendulum's tokens, such as MM/DD/YYYY h:mm A", "YYYY-MM-DD", _is_date_format
    ),
    DELIMITER: _Format(
        "must be one character of ASCII, and neither a quote nor a line break",
        ",",
        re.compile(r'(?!["\r\n\0])[\0-\x7f]').fullmatch,
    ),
}
CHECKER = FormatChecker(formats=())


def _fits(check: Callable[[str], object], value: object) -> bool:
    return not isinstance(value, str) or bool(check(value))


for _name, _format in FORMATS.items():
    CHECKER.checks(_name, raises=(LookupError, ValueError))(partial(_fits, _format.check))
