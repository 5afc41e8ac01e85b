"""Keeps secrets and signed links out of every text that leaves the tap, and makes vendors' words printable.

Secrets are registered where they enter (settings, tokens, signed links); the query of any URL is cut as well,
since signed links carry their permission there. One formatter around the root handlers' own covers log
messages, tracebacks and the debug lines of the HTTP library alike.
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
"""Shorter settings would redact ordinary words; nothing this short protects anything."""
MAX_WORD_LENGTH = 8
"""A shorter secret is looked for as a word of its own, so that it does not cut other words."""
MIN_PART_LENGTH = 16
"""A part of a signed link that is this long may be the permission; shorter ones are dates and names."""
MAX_LINK_PARTS = 5000
"""Parts of signed links that are remembered: the newest."""

_QUERY = re.compile(r"(?<=[\w/.%~:\]-])\?[\w.~%\[\]@+-]+=(?:\\u00[0-9a-fA-F]{2}|\\/|[^\s\"'<>\\)])*")
"""A URL's query, also as JSON writes it (`\\u0026` for `&`)."""
_secrets: dict[str, re.Pattern[str]] = {}


class _Links:
    """Parts of signed links, the newest. Found in a text by how they end, which takes as long for thousands
    of them as for one: each line of the log is searched. Readers need no lock, also not in signal handlers.
    """

    def __init__(self) -> None:
        self._parts: dict[str, None] = {}
        self._by_end: dict[str, tuple[str, ...]] = {}
        self._lengths: tuple[int, ...] = ()
        self._lock = threading.Lock()

    def add(self, part: str) -> None:
        """Remember a part, in place of the oldest."""
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
        if others := tuple(one for one in self._by_end[end] if one != part):
            self._by_end[end] = others
        else:
            del self._by_end[end]

    def within(self, text: str) -> list[str]:
        """Return the parts that a text holds, the longest first."""
        found = {
            part
            for length in self._lengths
            for at in range(length, len(text) + 1)
            if text[at - length : at] in self._by_end  # of a thousand places none, as a rule
            for part in self._by_end.get(text[at - length : at], ())
            if text.endswith(part, 0, at)
        }
        return sorted(found, key=len, reverse=True)


_links = _Links()


def add_secrets(values: Iterable[str | None]) -> None:
    """Register texts that must not be shown, in whatever spelling somebody may echo them."""
    for value in values:
        if value and len(value) >= MIN_SECRET_LENGTH and value not in _secrets:
            _secrets[value] = re.compile("|".join(_spellings(value)))


def add_basic_secret(user: str, password: str) -> None:
    """Register the password and the header value that HTTP Basic makes of both."""
    add_secrets([password, base64.b64encode(f"{user}:{password}".encode()).decode()])


def add_link(url: str) -> None:
    """Register the path and the query of a link that carries its own permission."""
    for part in _parts_of(url):
        _links.add(part)


@lru_cache(maxsize=256)  # a job's link is met several times
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
    """Return the text without what is registered; queries stay, for texts whose queries hold nothing else."""
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
    """Return the text without what a terminal would obey: escape sequences, other control characters."""
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
    for shift in range(3):  # it may stand in the middle of what was encoded
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
    """Formats with another formatter; what comes out is redacted and printable, tracebacks included."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return printable(redact(self._inner.format(record)))


def log_handlers() -> set[logging.Handler]:
    """Return all handlers of the log that there are now."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    return {handler for logger in loggers for handler in logger.handlers}


def install() -> None:
    """Wrap the formatters of all handlers."""
    for handler in log_handlers():
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter))
