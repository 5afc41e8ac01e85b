"""Report files of many shapes, and how each of them is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from contents import (
    COLUMNS,
    DATES,
    MONEY,
    NESTED,
    WIDE,
    Columns,
    Write,
    changed,
    csv_of,
    dates,
    decimal_commas,
    json_of,
    money,
    nested,
    objects,
    rows,
    sparse,
    wide,
)
from workbook import write_xlsx


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
    columns: Columns = COLUMNS
    write: Write
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


SHEET = COLUMNS[:20]
PLAIN = csv_of(rows)
US = dates(lambda at: f"{at:%m/%d/%Y} {at.hour % 12 or 12}:{at:%M %p}", lambda at: f"{at:%Y-%m-%d}")
NAMED = dates(lambda at: f"{at:%Y-%m-%d %H:%M}", lambda at: f"{at:%b} {at.day}, {at:%Y}")
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
    Shape(name="- one odd cell in 1,000 rows", file="odd", write=csv_of(changed(1000, 9, "1,234"))),
    Shape(
        name="- 1 % of the rows with a cell that does not fit, `invalid_values: null`",
        file="bad",
        write=csv_of(changed(100, 13, "n/a")),
        settings={"invalid_values": "null"},
    ),
    Shape(name="CSV, 300 columns", file="wide", columns=WIDE, write=csv_of(wide)),
    Shape(name="- BATCH parquet", file="wide", columns=WIDE, write=csv_of(wide), batch="parquet"),
    Shape(name="CSV, 7 of 10 columns `$1,234.50`, `12.5%`", file="money", columns=MONEY, write=csv_of(money)),
    Shape(name="CSV, `Aug 3, 2026` and `2026-08-03 14:05`", file="named", columns=DATES, write=NAMED),
    Shape(
        name="CSV, `08/03/2026 2:05 PM` by `file.date_format`",
        file="us",
        columns=DATES,
        write=US,
        options={"date_format": "MM/DD/YYYY h:mm A"},
    ),
    Shape(
        name="CSV, `0,25` by `file.decimal_separator`",
        file="comma",
        write=csv_of(decimal_commas),
        options={"decimal_separator": ","},
    ),
    Shape(name="JSON, flat objects", file="flat", write=json_of(objects), suffix="json"),
    Shape(
        name="- in `reports[].data`",
        file="reports",
        write=json_of(objects, ('{"reports":[{"sheet_name":"S","data":[', "]}]}")),
        suffix="json",
    ),
    Shape(name="- lines", file="lines", write=json_of(objects, ("", "")), suffix="json"),
    Shape(name="- keys without value left out", file="sparse", write=json_of(sparse), suffix="json"),
    Shape(name="- nested", file="nested", columns=NESTED, write=json_of(nested), suffix="json"),
    Shape(
        name="- without the compiled module",
        file="flat",
        write=json_of(objects),
        suffix="json",
        compiled=False,
    ),
    Shape(name="XLSX, 20 columns", file="sheet", columns=SHEET, write=write_xlsx, suffix="xlsx"),
    Shape(
        name="- one error cell in 1,000 rows, `invalid_values: null`",
        file="errors",
        columns=SHEET,
        write=partial(write_xlsx, errors_every=1000),
        suffix="xlsx",
        settings={"invalid_values": "null"},
    ),
    Shape(
        name="- without the compiled module",
        file="sheet",
        columns=SHEET,
        write=write_xlsx,
        suffix="xlsx",
        compiled=False,
    ),
]
