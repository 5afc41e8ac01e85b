"""What a report file holds and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]


class Kind(StrEnum):
    """What a column holds. A setting, a schema type and a converter each."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"


class FileFormat(StrEnum):
    """What a report file holds once it is unpacked."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report file: its header there, its property in the records, its kind."""

    header: str
    property: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """A report's `file` settings: what can't be known from a file, or is detected wrongly.

    Attributes:
        encoding: Of a text file without byte order mark, as Python names it; None: UTF-8.
        delimiter: Between the cells of CSV; None: detected.
        decimal_separator: `.` or `,`; None: a comma is accepted only where it can't be a decimal one.
        header_row: Which row of the file (line of CSV, row of a sheet) is the header, from 1; None: detected.
        footer_rows: Rows at the end of each table that are not rows of the report.
        hidden_sheets: Hidden sheets of a workbook are read, too.
        null_words: Cells of these words are null, like empty ones.
        date_format: How dates are written, in pendulum's tokens (`MM/DD/YYYY h:mm A`).
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal_separator: str | None = None
    header_row: int | None = None
    footer_rows: int = 0
    hidden_sheets: bool = False
    null_words: tuple[str, ...] = ()
    date_format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a parser must know of a vendor's files.

    Attributes:
        format: What the unpacked file is. A zip holds files of this format.
        records: JSON only: top-level keys that may hold the array of rows (`Records`).
            Without any, the rows are the top-level array or JSON lines.
        empty_words: A file whose first cell is one of these has no rows.
        renames: Header in the file -> header used (`yearmonth` -> `date`).
        sheet: The sheet to read (XLSX sheet, `sheet_name` of JSON, name of a CSV file); None: the only one.
        options: What the user sets of the report's files.
        known: Property names of the columns that are known: a row of these is the header.
        most_bytes: That a file may unpack to.
    """

    format: FileFormat = FileFormat.CSV
    records: tuple[str, ...] = ()
    empty_words: tuple[str, ...] = ()
    renames: Json = field(default_factory=dict)
    sheet: str | None = None
    options: FileOptions = FileOptions()
    most_bytes: int = 100 << 30
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A downloaded file, complete and as it came (maybe gzip or zip).

    Attributes:
        path: Where it lies; removed once its rows are out.
        job_id: For messages and `_report_job_id`.
        name: For messages: the vendor's name of the report.
        sheet: The sheet that it holds, if the vendor named one.
        bytes: Size as downloaded.
    """

    path: Path
    job_id: str
    name: str = "the report"
    sheet: str | None = None
    bytes: int = 0
