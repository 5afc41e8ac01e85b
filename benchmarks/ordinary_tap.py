"""An ordinary SDK tap over a file: what one writes first, plainly and fairly. The yardstick."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from pathlib import Path
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

TYPES: dict[str, th.JSONTypeHelper[Any]] = {
    "string": th.StringType(),
    "integer": th.IntegerType(),
    "number": th.NumberType(),
    "date": th.DateType(),
    "date-time": th.DateTimeType(),
}


def _number(cell: str) -> Decimal | None:
    try:
        return Decimal(cell)
    except InvalidOperation:
        plain = cell.replace("$", "").replace(",", "").rstrip("%")
        return Decimal(plain) if plain.replace(".", "").lstrip("-").isdigit() else None


def _integer(cell: str) -> int | None:
    try:
        return int(cell)
    except ValueError:
        plain = cell.replace(",", "")
        return int(plain) if plain.isdigit() else None


def _day(cell: Any) -> Any:
    if isinstance(cell, str) and cell[4:5] != "-":
        return dt.datetime.strptime(cell, "%b %d, %Y").replace(tzinfo=dt.UTC).date().isoformat()
    return cell


def _instant(cell: str) -> Any:
    if cell[4:5] == "-":
        return cell
    return dt.datetime.strptime(cell, "%m/%d/%Y %I:%M %p").replace(tzinfo=dt.UTC)


CASTS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "date": _day,
    "date-time": _instant,
    "string": str,
}


def _name(header: str) -> str:
    return header.lower().replace(" ", "_")


class ReportStream(Stream):
    """The rows of one file."""

    name = "report"

    def __init__(self, tap: Tap) -> None:
        self._columns = tap.config["columns"]
        anything = th.CustomType({"type": ["object", "array", "string", "integer", "number", "null"]})
        types = {**TYPES, "string": anything} if tap.config.get("is_nested") else TYPES
        properties = (th.Property(_name(header), types[kind]) for header, kind in self._columns)
        super().__init__(tap, schema=th.PropertiesList(*properties).to_dict())

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Yield the file's rows, cast."""
        del context
        path = Path(self.config["path"])
        if ".json" in path.suffixes:
            names = [(header, _name(header)) for header, _ in self._columns]
            for row in _objects(path):
                yield {name: row.get(header) for header, name in names}
            return
        casts = [(header, _name(header), CASTS[kind]) for header, kind in self._columns]
        for row in _rows(path):
            yield {
                name: None if row[header] in {"", None} else cast(row[header]) for header, name, cast in casts
            }


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    if path.name.startswith("lines"):
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line, parse_float=Decimal) for line in file)
        return
    found = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    yield from found["reports"][0]["data"] if isinstance(found, dict) else found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".xlsx":
        import openpyxl

        rows = openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)
        header = next(rows)
        for row in rows:
            yield dict(zip_longest(header, (str(cell) if isinstance(cell, float) else cell for cell in row)))
    else:
        open_text = gzip.open if path.suffix == ".gz" else open
        with open_text(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


class OrdinaryTap(Tap):
    """A tap with that one stream."""

    name = "tap-ordinary"
    config_jsonschema = {"type": "object", "properties": {}, "additionalProperties": True}

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [ReportStream(self)]


if __name__ == "__main__":
    OrdinaryTap.cli()
