"""The Singer messages of a run, and what tests want to know of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from typing import Any

LINEAGE = "_report_"


class RunMessages:
    """Messages of a run of the command, or of a run in this process."""

    messages: list[dict[str, Any]]

    def of_type(self, kind: str, stream: str | None = None) -> list[dict[str, Any]]:
        return [one for one in self.messages if one["type"] == kind and stream in (None, one.get("stream"))]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [one["record"] for one in self.of_type("RECORD", stream)]

    def rows(self, stream: str) -> Counter[str]:
        """Return each record without lineage and how often it occurs; the order does not matter."""
        return counted([plain_record(one) for one in self.records(stream)])

    def schemas(self, stream: str) -> list[dict[str, Any]]:
        return self.of_type("SCHEMA", stream)

    @property
    def streams(self) -> list[str]:
        return list(dict.fromkeys(one["stream"] for one in self.of_type("SCHEMA")))

    @property
    def states(self) -> list[dict[str, Any]]:
        return [one["value"] for one in self.of_type("STATE")]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]

    def mark(self, stream: str) -> dict[str, Any]:
        return mark_of(next(reversed(self.states), {}), stream)

    def bookmark(self, stream: str) -> str | None:
        return self.mark(stream).get("replication_key_value")

    def pending(self, stream: str) -> list[dict[str, Any]]:
        return self.mark(stream).get("pending_jobs", [])


def mark_of(state: dict[str, Any], stream: str) -> dict[str, Any]:
    """Return what a state says of a stream."""
    mark: dict[str, Any] = state.get("bookmarks", {}).get(stream, {})
    return mark


def bookmark_of(state: dict[str, Any], stream: str) -> str | None:
    """Return a stream's bookmark in a state."""
    return mark_of(state, stream).get("replication_key_value")


def parse(text: str) -> list[dict[str, Any]]:
    """Return the messages of an output, numbers with all their digits."""
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def counted(rows: list[dict[str, Any]]) -> Counter[str]:
    """Return each row and how often it occurs; the order does not matter."""
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


def plain_record(record: dict[str, Any]) -> dict[str, Any]:
    return {name: plain_cell(value) for name, value in record.items() if not name.startswith(LINEAGE)}


def plain_cell(cell: Any) -> Any:
    """Return a cell as text that does not depend on its type; None for an empty one."""
    if cell in {None, ""}:
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, (int, float, Decimal)):
        return _number(str(cell))
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=cell.tzinfo or dt.UTC).isoformat()
    text = str(cell)
    with contextlib.suppress(ValueError):
        return dt.datetime.strptime(text, "%b %d, %Y").replace(tzinfo=dt.UTC).date().isoformat()
    return _number(text)


def _number(text: str) -> str:
    """Return a number without what does not change its value; ids with leading zeros stay what they are."""
    digits = text.replace(",", "").lstrip("-")
    if not digits[:1].isdigit() or (digits.startswith("0") and digits[1:2].isdigit()):
        return text
    try:
        return str(Decimal(text.replace(",", "")).normalize())
    except ArithmeticError:
        return text
