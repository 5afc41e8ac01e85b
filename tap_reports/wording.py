"""How messages put numbers and remedies."""

from __future__ import annotations

from decimal import Decimal


def number_of(number: int | Decimal, what: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def with_remedy(cause: str, remedy: str) -> str:
    """Return cause and remedy as sentences."""
    stop = "" if cause.endswith((".", "!", "?")) else "."
    return f"{cause}{stop} {remedy}" if remedy else cause
