"""Removes secrets and signed links from every text that leaves the tap, and makes vendors' texts printable.

Secrets are registered where they enter (settings, tokens, signed links). The query of any URL is removed as
well, since it holds the permission of a signed link. A formatter around those of all log handlers covers log
messages, tracebacks and the debug lines of the HTTP library.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REDACTED = "[redacted]"
MIN_SECRET_LENGTH = 4
"""Shorter settings would redact ordinary words, and are too short to protect anything."""
MAX_WORD_LENGTH = 8
"""A shorter secret is redacted only as a separate word, not within other words."""
MIN_PART_LENGTH = 16
"""A part of a signed link that is this long may be the permission; shorter ones are dates and names."""
MAX_LINK_PARTS = 5000
"""How many parts of signed links are remembered: the newest."""

_QUERY = re.compile(r"(?<=[\w/.%~:\]-])\?[\w.~%\[\]@+-]+=(?:\\u00[0-9a-fA-F]{2}|\\/|[^\s\"'<>\\)])*")
"""A URL's query, also as JSON writes it (`\\u0026` for `&`)."""
_secrets: dict[str, re.Pattern[str]] = {}


class _Links:
    """The newest parts of signed links.

    They are found in a text by their last characters. That takes as long for thousands of parts as for one,
    which matters because each log line is searched. Readers need no lock, so signal handlers may log.
    """

    def __init__(self) -> None:
        self._parts: dict[str, None] = {}
        self._by_end: dict[str, tuple[str, ...]] = {}
        self._lengths: tuple[int, ...] = ()
        self._lock = threading.Lock()

    def add(self, part: str) -> None:
        """Remember a part; the oldest is forgotten if there are too many."""
        with self._lock:
            if part in self._parts:
                del self._parts[part]
            else:
                end = part[-MIN_PART_LENGTH:]
                self._by_end[end] = (*self._by_end.get(end, ()), part)
                self._lengths = tuple({*self._lengths, len(end)})
            self._parts[part] = None
            if len(self._parts) > MAX_LINK_PARTS:
                self._drop(next(iter(self._parts)))

    def _drop(self, part: str) -> None:
        del self._parts[part]
        end = part[-MIN_PART_LENGTH:]
        if others := tuple(other for other in self._by_end[end] if other != part):
            self._by_end[end] = others
        else:
            del self._by_end[end]

    def within(self, text: str) -> list[str]:
        """Return the parts that a text contains, the longest first."""
        matches = {
            part
            for length in self._lengths
            for at in range(length, len(text) + 1)
            if text[at - length : at] in self._by_end  # almost never: keeps the search fast
            for part in self._by_end.get(text[at - length : at], ())
            if text.endswith(part, 0, at)
        }
        return sorted(matches, key=len, reverse=True)


_links = _Links()


def add_secrets(values: Iterable[str | None]) -> None:
    """Register texts that must not be shown, in any spelling in which they may be echoed."""
    for value in values:
        if value and len(value) >= MIN_SECRET_LENGTH and value not in _secrets:
            _secrets[value] = re.compile("|".join(_spellings(value)))


def add_basic_secret(user: str, password: str) -> None:
    """Register the password and the header value that HTTP Basic makes of both."""
    add_secrets([password, base64.b64encode(f"{user}:{password}".encode()).decode()])


def add_link(url: str) -> None:
    """Register the path and the query of a signed link."""
    for part in _parts_of(url):
        _links.add(part)


@lru_cache(maxsize=256)  # a job's link is registered several times
def _parts_of(url: str) -> tuple[str, ...]:
    try:
        path, query = urlsplit(url)[2:4]
    except ValueError:
        return ()
    parts = query, path, *(value for _, value in parse_qsl(query)), *query.split("&")
    return tuple(part for part in parts if len(part) >= MIN_PART_LENGTH or (part and part == query))


def redact(text: object) -> str:
    """Return the text without registered secrets and without URL queries."""
    return _without_links(_QUERY.sub(f"?{REDACTED}", _without_secrets(str(text))))


def without_known(text: str) -> str:
    """Return the text without registered secrets and links; URL queries are kept, as nothing else in them is
    secret.
    """
    return _without_links(_without_secrets(text))


def _without_secrets(shown: str) -> str:
    for pattern in list(_secrets.values()):  # other threads add some
        shown = pattern.sub(REDACTED, shown)
    return shown


def _without_links(shown: str) -> str:
    for part in _links.within(shown):
        shown = shown.replace(part, REDACTED)
    return shown


def printable(text: str) -> str:
    """Return the text without control characters, such as a terminal's escape sequences."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def _spellings(secret: str) -> Iterator[str]:
    """Yield patterns of a secret: each character plain or escaped, and all of it as base64."""
    pattern = "".join(map(_letter, secret))
    yield pattern if len(secret) >= MAX_WORD_LENGTH else rf"(?<![^\W_]){pattern}(?![^\W_])"
    data = secret.encode()
    if len(data) < MAX_WORD_LENGTH:
        return
    for shift in range(3):  # it may be in the middle of the encoded text
        encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        first, last = -(-shift * 8 // 6), len(encoded) - bool((shift + len(data)) % 3)
        core = re.escape(encoded[first:last])
        yield core.replace(r"\+", "[+-]").replace("/", "[/_]")


def _letter(char: str) -> str:
    """Return the pattern of one character: as it is, or as URLs, JSON and HTML write it."""
    if char.isascii() and char.isalnum():
        return char
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in char.encode())
    units = char.encode("utf-16-be").hex()
    escaped = "".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4))
    named = re.escape(html.escape(char))
    numbered = rf"&#(?:0*{ord(char)}|x0*{ord(char):x});"
    short = "".join(rf"|\\+{re.escape(text[1:])}" for text in (repr(char)[1:-1], json.dumps(char)[1:-1]))
    plus = r"|\+" if char == " " else ""
    return rf"(?:\\*{re.escape(char)}|(?i:{percent}|{escaped}|{named}|{numbered}){short}{plus})"


class RedactingFormatter(logging.Formatter):
    """Formats with another formatter, and makes the result redacted and printable, tracebacks included."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return printable(redact(self._inner.format(record)))


def log_handlers() -> set[logging.Handler]:
    """Return the handlers of all existing loggers."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    return {handler for logger in loggers for handler in logger.handlers}


def install() -> None:
    """Wrap the formatters of all handlers."""
    for handler in log_handlers():
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter))
