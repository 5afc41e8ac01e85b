"""What a report is, the days that are asked for, what its files hold and how they are read."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Json = Mapping[str, Any]
InvalidValues = Literal["fail", "null"]
"""What happens to a cell that does not fit its column."""
OnQuotaSpent = Literal["fail", "stop"]
"""What happens to a stream whose day quota or credit limit is spent."""


class Kind(StrEnum):
    """What a column holds. Each has a setting value, a JSON schema type and a converter."""

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
    """The user's `file` settings of a report: what can't be known from a file, or is detected wrongly.

    Attributes:
        encoding: Of a text file without byte order mark, as Python names it; None: UTF-8.
        delimiter: Between the cells of CSV; None: detected.
        decimal_separator: `.` or `,`; None: a point, and a comma is accepted only as a thousands separator
            (see `Notation.takes_lone_comma`).
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
        records: JSON only: top-level keys that may hold the array of rows.
            Without any, the rows are the top-level array or JSON lines.
        empty_words: A file whose first cell is one of these has no rows.
        renames: Header in the file -> header used (`yearmonth` -> `date`).
        sheet: The sheet to read (XLSX sheet, `sheet_name` of JSON, name of a CSV file); None: the only one.
        options: The user's `file` settings.
        known: Property names of the known columns: a row that holds these is the header.
        max_bytes: The size that a file may unpack to.
    """

    format: FileFormat = FileFormat.CSV
    records: tuple[str, ...] = ()
    empty_words: tuple[str, ...] = ()
    renames: Json = field(default_factory=dict)
    sheet: str | None = None
    options: FileOptions = FileOptions()
    max_bytes: int = 100 << 30
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A downloaded file, complete and as it came (maybe gzip or zip).

    Attributes:
        path: Where it is. It is removed once its rows are emitted.
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


class Granularity(StrEnum):
    """The period that one row of a dated report stands for."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """The dates of one request, both ends inclusive."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of a back-fill that this process extracts: number `index` (from 0) of `count`."""

    index: int
    count: int

    def share_of(self, slices: Sequence[T], report: str) -> tuple[T, ...]:
        """Return this shard's slices of a report.

        Neighbours go to different shards, and the first slices of several reports too.

        Args:
            slices: All slices, in order.
            report: The same for streams that share their requests, so that they are in one shard.
        """
        offset = zlib.crc32(report.encode())
        return tuple(
            slice_ for number, slice_ in enumerate(slices) if (offset + number) % self.count == self.index
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportType:
    """The facts of one report, as its vendor describes them. The user's settings override them later.

    Attributes:
        name: Second half of the stream name, in snake_case.
        report: What the vendor calls it: table, handle, report name.
        dated: Rows belong to days, so the report is extracted slice by slice; else it is a snapshot.
        granularity: Period of a row; slices of weekly and monthly reports are whole periods.
        columns: The columns that are known without a file, in file order.
        primary_keys: Headers that identify a row; () for none.
        asked: Headers that its requests name: a file without one of them is not the report.
        date_column: Header of the column that holds the period's (first) day; None if it has none.
        slice_days: The vendor's default for this report; None: the vendor's general one.
        lookback_days: Likewise.
        max_slice_days: The maximum for the settings (1: the vendor takes single days only).
        parameters: Whatever its client needs to build requests.
        infers_columns: The columns are known only from a file: discovery requests one.
        known_kinds: Documented kinds by property name, for columns that are found in a file.
        selected: True if it is selected by default.
        description: For the catalog.
    """

    name: str
    report: str
    dated: bool = True
    granularity: Granularity = Granularity.DAILY
    columns: tuple[Column, ...] = ()
    primary_keys: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    date_column: str | None = None
    slice_days: int | None = None
    lookback_days: int | None = None
    max_slice_days: int | None = None
    parameters: Json = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    infers_columns: bool = False
    known_kinds: Mapping[str, Kind] = field(default_factory=dict)
    selected: bool = True
    description: str = ""
