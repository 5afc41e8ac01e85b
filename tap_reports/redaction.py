"""Keeps secrets and signed links out of every text that leaves the tap.

Secrets are registered where they enter (settings, tokens, signed links); the query of any URL is cut as well,
since signed links carry their permission there. One formatter around the root handlers' own covers log
messages, tracebacks and the debug lines of the HTTP library alike.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
SHORTEST_SECRET = 4
"""Shorter settings would redact ordinary words; nothing this short protects anything."""

_QUERY = re.compile(r"(?<=[\w/.%~:-])\?[\w.~%\[\]@+-]+=(?:\\u00[0-9a-fA-F]{2}|\\/|[^\s\"'<>\\)])*")
"""A URL's query, also as JSON writes it (`\\u0026` for `&`)."""
_secrets: set[str] = set()


def add_secrets(values: Iterable[str | None]) -> None:
    """Register texts that must not be shown, in the spellings in which they could turn up."""
    for value in values:
        if not value or len(value) < SHORTEST_SECRET:
            continue
        _secrets.update(
            {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}
        )


def add_basic_secret(user: str, password: str) -> None:
    """Register the password and the header value that HTTP Basic makes of both."""
    add_secrets([password, base64.b64encode(f"{user}:{password}".encode()).decode()])


def redact(text: object) -> str:
    """Return the text without registered secrets and without URL queries."""
    shown = str(text)
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in shown:
            shown = shown.replace(secret, REDACTED)
    return _QUERY.sub(f"?{REDACTED}", shown)


class RedactingFormatter(logging.Formatter):
    """Formats with another formatter and redacts what comes out, tracebacks included."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text without secrets."""
        return redact(self._inner.format(record))


def install() -> None:
    """Wrap the formatters of all handlers there are now."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter))
