"""Report files of many shapes, the same bytes each time, and how each of them is read."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import data
from workbook import write_xlsx

Columns = Sequence[tuple[str, str]]
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One row of the table.

    Attributes:
        name: For the table.
        file: Which file it reads.
        columns: Header and type of its columns.
        write: Writes so many rows of it.
        suffix: The file's.
        batch: `jsonl` or `parquet`; empty: RECORD messages.
        compiled: With the compiled module.
        settings: Of this tap, beside those of a vendor.
        options: `file` of the report.
    """

    name: str
    file: str
    columns: Columns = data.COLUMNS
    write: Callable[[Path, Columns, int], None]
    suffix: str = "csv"
    batch: str = ""
    compiled: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """What the vendor is asked for."""
        return self.suffix.removesuffix(".gz")

    def make(self, folder: Path, count: int) -> Path:
        """Return the file of so many rows, made if it is not there."""
        path = folder / f"{self.file}-{count}.{self.suffix}"
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            self.write(part, self.columns, count)
            part.rename(path)
        return path


def _csv(rows: Callable[[int], Iterator[list[str]]]) -> Callable[[Path, Columns, int], None]:
    def write(path: Path, columns: Columns, count: int) -> None:
        is_packed = path.name.endswith(".gz.part")
        with (gzip.open if is_packed else open)(path, "wt", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header for header, _ in columns)
            writer.writerows(rows(count))

    return write


def _changed(every: int, at: int, cell: str) -> Callable[[int], Iterator[list[str]]]:
    """Return the usual rows, with another cell in one of so many."""

    def rows(count: int) -> Iterator[list[str]]:
        for number, row in enumerate(data.rows(count)):
            if number % every == 37:
                row[at] = cell
            yield row

    return rows


MONEY: Columns = (
    ("Date", "date"),
    ("Campaign ID", "integer"),
    ("Campaign", "string"),
    ("Impressions", "integer"),
    ("Clicks", "integer"),
    ("Spend", "number"),
    ("Revenue", "number"),
    ("CTR", "number"),
    ("Share", "number"),
    ("Fee", "number"),
)


def _money(count: int) -> Iterator[list[str]]:
    for row in data.rows(count):
        shown, spend, revenue = int(row[9]), float(row[13]) * 9, float(row[14]) * 9
        numbers = [f"{shown:,}", f"{shown // 30:,}", f"${spend:,.2f}", f"${revenue:,.2f}"]
        shares = [f"{shown % 997 / 10:.1f}%", f"{shown % 99991 / 1000:.2f}%", f"-${shown % 1999 / 100:.2f}"]
        yield [*row[:3], *numbers, *shares]


DATES: Columns = (
    ("Seen", "date-time"),
    ("ID", "integer"),
    ("Name", "string"),
    ("Clicks", "integer"),
    ("Spend", "number"),
    ("Day", "date"),
)


def _dates(seen: Callable[[dt.datetime], str], day: Callable[[dt.datetime], str]) -> Any:
    def rows(count: int) -> Iterator[list[str]]:
        for number in range(count):
            moment = START + dt.timedelta(minutes=number)
            middle = [str(number), f"n{number % 100}", str(number % 1000), f"{number / 7:.2f}"]
            yield [seen(moment), *middle, day(moment)]

    return _csv(rows)


def _wide(count: int) -> Iterator[list[str]]:
    for number, row in enumerate(data.rows(count)):
        yield [row[(number + at) % 3] if kind == "string" else row[9] for at, (_, kind) in enumerate(WIDE)]


WIDE: Columns = tuple((f"Column {at}", "string" if at % 3 else "integer") for at in range(300))
NESTED: Columns = (
    ("date", "date"),
    ("id", "integer"),
    ("name", "string"),
    ("spend", "number"),
    ("dims", "string"),
    ("tags", "string"),
)


def _objects(count: int, columns: Columns) -> Iterator[str]:
    for row in data.rows(count):
        cells = {header: cell for (header, _), cell in zip(columns, row, strict=True)}
        yield _object(cells, columns, "null")


def _object(cells: dict[str, str], columns: Columns, empty: str) -> str:
    texts = {
        header: (cell if kind in {"integer", "number"} else json.dumps(cell, ensure_ascii=False))
        if (cell := cells[header])
        else empty
        for header, kind in columns
    }
    members = (f"{json.dumps(key)}:{text}" for key, text in texts.items() if text)
    return f"{{{','.join(members)}}}"


def _sparse(count: int, columns: Columns) -> Iterator[str]:
    for row in data.rows(count):
        yield _object({header: cell for (header, _), cell in zip(columns, row, strict=True)}, columns, "")


def _nested(count: int, _: Columns) -> Iterator[str]:
    for row in data.rows(count):
        dims = {"country": row[5], "device": {"os": row[6], "version": int(row[9]) % 20}}
        yield json.dumps(
            {
                "date": row[0],
                "id": int(row[3]),
                "name": row[4],
                "spend": float(row[13]),
                "dims": dims,
                "tags": ["a", row[7]],
            }
        )


def _json(objects: Callable[[int, Columns], Iterator[str]], around: tuple[str, str] = ("[", "]")) -> Any:
    def write(path: Path, columns: Columns, count: int) -> None:
        between = ",\n" if around[0] else "\n"
        with path.open("w", encoding="utf-8") as file:
            file.write(around[0])
            for number, text in enumerate(objects(count, columns)):
                file.write(f"{between if number else ''}{text}")
            file.write(around[1] or "\n")

    return write


SHEET = data.COLUMNS[:20]
PLAIN = _csv(data.rows)
US = _dates(lambda at: f"{at:%m/%d/%Y} {at.hour % 12 or 12}:{at:%M %p}", lambda at: f"{at:%Y-%m-%d}")
NAMED = _dates(lambda at: f"{at:%Y-%m-%d %H:%M}", lambda at: f"{at:%b} {at.day}, {at:%Y}")
STREAM = "second_nature_ads"


def _map(**changes: str | None) -> dict[str, Any]:
    return {"stream_maps": {STREAM: changes}}


def _plain(name: str, **options: Any) -> Shape:
    return Shape(name=name, file="plain", write=PLAIN, **options)


SHAPES = [
    _plain("CSV, 21 columns"),
    Shape(name="- gzip", file="plain", write=PLAIN, suffix="csv.gz"),
    _plain("- BATCH jsonl", batch="jsonl"),
    _plain("- BATCH parquet", batch="parquet"),
    _plain("- without the compiled module", compiled=False),
    _plain("- stream map that drops a column", settings=_map(comment=None)),
    _plain("- stream map that renames the stream", settings=_map(__alias__="other")),
    _plain("- stream map that computes (md5)", settings=_map(campaign_name="md5(record['campaign_name'])")),
    _plain("- flattening", settings={"flattening_enabled": True, "flattening_max_depth": 1}),
    Shape(name="- one odd cell in 1,000 rows", file="odd", write=_csv(_changed(1000, 9, "1,234"))),
    Shape(
        name="- 1 % of the rows with a cell that does not fit, `invalid_values: null`",
        file="bad",
        write=_csv(_changed(100, 13, "n/a")),
        settings={"invalid_values": "null"},
    ),
    Shape(name="CSV, 300 columns", file="wide", columns=WIDE, write=_csv(_wide)),
    Shape(name="- BATCH parquet", file="wide", columns=WIDE, write=_csv(_wide), batch="parquet"),
    Shape(name="CSV, 7 of 10 columns `$1,234.50`, `12.5%`", file="money", columns=MONEY, write=_csv(_money)),
    Shape(name="CSV, `Aug 3, 2026` and `2026-08-03 14:05`", file="named", columns=DATES, write=NAMED),
    Shape(
        name="CSV, `08/03/2026 2:05 PM` by `file.date_format`",
        file="us",
        columns=DATES,
        write=US,
        options={"date_format": "MM/DD/YYYY h:mm A"},
    ),
    Shape(name="JSON, flat objects", file="flat", write=_json(_objects), suffix="json"),
    Shape(
        name="- in `reports[].data`",
        file="reports",
        write=_json(_objects, ('{"reports":[{"sheet_name":"S","data":[', "]}]}")),
        suffix="json",
    ),
    Shape(name="- lines", file="lines", write=_json(_objects, ("", "")), suffix="json"),
    Shape(name="- keys without value left out", file="sparse", write=_json(_sparse), suffix="json"),
    Shape(name="- nested", file="nested", columns=NESTED, write=_json(_nested), suffix="json"),
    Shape(
        name="- without the compiled module",
        file="flat",
        write=_json(_objects),
        suffix="json",
        compiled=False,
    ),
    Shape(name="XLSX, 20 columns", file="sheet", columns=SHEET, write=write_xlsx, suffix="xlsx"),
    Shape(
        name="- without the compiled module",
        file="sheet",
        columns=SHEET,
        write=write_xlsx,
        suffix="xlsx",
        compiled=False,
    ),
]
