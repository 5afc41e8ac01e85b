"""An ordinary SDK tap over a file: what one writes first, plainly and fairly. The yardstick."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from data import COLUMNS
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

TYPES: dict[str, th.JSONTypeHelper[Any]] = {
    "string": th.StringType(),
    "integer": th.IntegerType(),
    "number": th.NumberType(),
    "date": th.DateType(),
    "date-time": th.DateTimeType(),
}
CASTS: dict[str, Callable[[str], Any]] = {"integer": int, "number": Decimal}


def _name(header: str) -> str:
    return header.lower().replace(" ", "_")


class ReportStream(Stream):
    """The rows of one file."""

    name = "report"
    schema = th.PropertiesList(
        *(th.Property(_name(header), TYPES[kind]) for header, kind in COLUMNS)
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Yield the file's rows, cast."""
        del context
        casts = [(header, _name(header), CASTS.get(kind, str)) for header, kind in COLUMNS]
        for row in _rows(Path(self.config["path"])):
            yield {
                name: None if row[header] in {"", None} else cast(row[header]) for header, name, cast in casts
            }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".json":
        yield from json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    elif path.suffix == ".xlsx":
        import openpyxl

        rows = openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)
        header = next(rows)
        for row in rows:
            yield dict(zip_longest(header, row))
    else:
        open_text = gzip.open if path.suffix == ".gz" else open
        with open_text(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


class OrdinaryTap(Tap):
    """A tap with that one stream."""

    name = "tap-ordinary"
    config_jsonschema = th.PropertiesList(th.Property("path", th.StringType(), required=True)).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [ReportStream(self)]


if __name__ == "__main__":
    OrdinaryTap.cli()
