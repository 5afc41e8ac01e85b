"""Texts that must have a form: the `format`s of the settings' schema, in words and as checks."""

from __future__ import annotations

import datetime as dt
import re
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


@CHECKER.checks(DAY)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or day_of(value) is not None


@CHECKER.checks(API_URL, raises=ValueError)
def _is_api_url(value: object) -> bool:
    return not isinstance(value, str) or is_safe(value)


@CHECKER.checks(PUBLIC_URL, raises=ValueError)
def _is_public_url(value: object) -> bool:
    return not isinstance(value, str) or (
        urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).hostname)
    )


@CHECKER.checks(LISTEN)
def _is_listen_address(value: object) -> bool:
    return not isinstance(value, str) or listen_address(value) is not None


@CHECKER.checks(NOT_EMPTY)
def _is_not_empty(value: object) -> bool:
    return not isinstance(value, str) or bool(value.strip())


@CHECKER.checks(PRINTABLE)
def _is_printable(value: object) -> bool:
    return not isinstance(value, str) or is_printable(value)


@CHECKER.checks(DELIMITER)
def _is_delimiter(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 1 and value.isascii() and value not in '"\r\n\0')


@CHECKER.checks(ENCODING, raises=(LookupError, ValueError))
def _is_encoding(value: object) -> bool:
    return not isinstance(value, str) or bool("a".encode(value))


@CHECKER.checks(DATE_FORMAT)
def _is_date_format(value: object) -> bool:
    if not isinstance(value, str):
        return True
    tokens = _LITERAL.sub("", value)  # a per cent sign is strptime's: "%Y" would ask for the text "%2026"
    return "%" not in tokens and re.search("[YXx]", tokens) is not None
