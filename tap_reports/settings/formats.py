"""Texts that must have a form: the `format`s of the settings' schema, in words and as checks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from jsonschema import FormatChecker

from tap_reports.http.origin import is_safe

DAY, API_URL, PUBLIC_URL, LISTEN, NOT_EMPTY = "day", "api-url", "public-url", "listen-address", "not-empty"
ENCODING, DELIMITER, PRINTABLE, DATE_FORMAT = "text-encoding", "delimiter", "printable", "date-format"
URLS = {API_URL, PUBLIC_URL}

WANTED = {
    DAY: "must be a day such as 2026-01-31 or an RFC 3339 time",
    API_URL: "must be an https:// URL (http:// only for loopback hosts) without a user name",
    PUBLIC_URL: "must be an http(s) URL under which the vendors reach `listen`",
    LISTEN: 'must be "host:port", such as "0.0.0.0:8080"',
    NOT_EMPTY: "must not be empty",
    PRINTABLE: "must be printable ASCII text",
    ENCODING: "must be an encoding such as utf-16 or cp1252",
    DATE_FORMAT: "must name a year, in pendulum's tokens, such as MM/DD/YYYY h:mm A",
    DELIMITER: "must be one character of ASCII, and neither a quote nor a line break",
}
EXAMPLES = {
    DAY: "2000-01-01",
    API_URL: "https://localhost",
    PUBLIC_URL: "https://localhost",
    LISTEN: "localhost:1",
    ENCODING: "utf-8",
    DELIMITER: ",",
    DATE_FORMAT: "YYYY-MM-DD",
}

CHECKER = FormatChecker(formats=())
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_LITERAL = re.compile(r"\\.|\[[^\]]*\]")
"""What stands in a date format as it is."""
_LARGEST_PORT = 65535


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
    fits = host and port.isdecimal() and int(port) <= _LARGEST_PORT
    return (host.strip("[]"), int(port)) if fits else None


def is_printable(text: str) -> bool:
    """Return whether a text can stand in a header."""
    return bool(text.strip()) and text.isascii() and text.isprintable()


def _is_public_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_date_format(text: str) -> bool:
    tokens = _LITERAL.sub("", text)  # a per cent sign is strptime's: "%Y" would ask for the text "%2026"
    return "%" not in tokens and re.search("[YXx]", tokens) is not None


_CHECKS: Mapping[str, Callable[[str], object]] = {
    DAY: day_of,
    API_URL: is_safe,
    PUBLIC_URL: _is_public_url,
    LISTEN: listen_address,
    NOT_EMPTY: str.strip,
    PRINTABLE: is_printable,
    DELIMITER: re.compile(r'(?!["\r\n\0])[\0-\x7f]').fullmatch,
    ENCODING: "a".encode,
    DATE_FORMAT: _is_date_format,
}


def _fits(check: Callable[[str], object], value: object) -> bool:
    return not isinstance(value, str) or bool(check(value))


for _name, _check in _CHECKS.items():
    CHECKER.checks(_name, raises=(LookupError, ValueError))(partial(_fits, _check))
