"""A report: a report type with the user's settings applied, and its columns compared with a file's header.

One report is one stream.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tap_reports.emit.plan import Field
from tap_reports.exceptions import FileError
from tap_reports.files import Table
from tap_reports.files.text import shown
from tap_reports.models import Column, Kind, ReportType, Slice
from tap_reports.models.columns import ROW, SLICE_END, SLICE_START, property_name, property_names, schema_of
from tap_reports.sync.slices import Slicing, add_days

SHEET_SEPARATOR = " / "
MAX_NAMED_COLUMNS = 20
"""A message names so many columns and counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One stream's report, with all settings resolved.

    Attributes:
        vendor: Name of its block.
        type: The vendor's description.
        columns: The known columns; a file may add more.
        kinds: The user's kinds by header or property name, for columns that are not known yet.
        column_names: The setting: how properties are named after headers.
        primary_keys: Property names; lineage columns if the report has no keys of its own.
        replication_key: Property name; None for a snapshot.
        lineage: The lineage columns of its records.
        slice_days, lookback_days: From report, block, type or vendor, in this order.
        dated_slice_days: What `slice_days` becomes if the rows turn out to have a date column.
        fixed_grid: The vendor's slices always lie on the fixed grid.
        grid: Slices lie on the fixed grid, so that a slice extracted again overwrites itself.
    """

    stream: str
    vendor: str
    type: ReportType
    columns: tuple[Column, ...]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    column_names: str
    primary_keys: tuple[str, ...]
    replication_key: str | None
    lineage: tuple[Column, ...]
    slice_days: int
    dated_slice_days: int
    lookback_days: int
    fixed_grid: bool
    grid: bool

    @property
    def title(self) -> str:
        """The schema's title; the report of a catalog's stream is found by it."""
        sheet = self.type.layout.sheet
        return f"{self.type.report}{SHEET_SEPARATOR}{sheet}" if sheet else self.type.report

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its records."""
        columns = (*self.columns, *self.lineage)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {column.property: schema_of(column.kind, column.header) for column in columns},
            "title": self.title,
        }
        return {**schema, "description": self.type.description} if self.type.description else schema

    @property
    def slicing(self) -> Slicing:
        """How its days become slices."""
        return Slicing(granularity=self.type.granularity, slice_days=self.slice_days, grid=self.grid)

    @property
    def is_keyless(self) -> bool:
        """True if its rows are identified by slice and row number only."""
        return self.primary_keys == (SLICE_START, ROW)

    @property
    def dated_by(self) -> str | None:
        """The property whose days lie within the slice; None if rows have no date."""
        kinds = {column.property: column.kind for column in self.columns}
        is_date = kinds.get(self.replication_key or "") in {Kind.DATE, Kind.DATE_TIME}
        return self.replication_key if self.type.dated and is_date else None

    @property
    def unknown_keys(self) -> list[str]:
        """Keys that no record has: a wrong catalog names them."""
        known = {column.property for column in (*self.columns, *self.lineage)}
        keys = dict.fromkeys((*self.primary_keys, self.replication_key))
        return [key for key in keys if key and key not in known]

    @property
    def is_summed(self) -> bool:
        """True if a row is a sum over all days of its slice, as the file has no date."""
        return self.replication_key == SLICE_END and not self.type.infers_columns

    def settled_on(self, days: Slice | None) -> dt.date | None:
        """Return the first day on which a slice's data can no longer change; None for a snapshot."""
        return add_days(days.end, self.lookback_days + 1) if days else None

    def kind_for(self, header: str) -> Kind:
        """Return the user's kind for a header, else text, which fits any value."""
        return self.kinds.get(header) or self.kinds.get(property_name(header)) or Kind.STRING


def match_columns(headers: Iterable[str], columns: Iterable[Column]) -> list[Column | None]:
    """Return the known column for each of a file's headers, None if it is new.

    No column is used twice: a file with the same header twice has two columns.
    """
    headers = list(headers)
    by_header: dict[str, list[Column]] = {}
    unmatched = {}
    for column in reversed(list(columns)):
        by_header.setdefault(column.header, []).append(column)
        unmatched[column.property] = column
    found: list[Column | None] = [None] * len(headers)
    for position, header in enumerate(headers):
        if same := by_header.get(header):
            found[position] = column = same.pop()
            del unmatched[column.property]
    for position, header in enumerate(headers):
        if found[position] is None:
            name = header if header in unmatched else property_name(header)
            found[position] = unmatched.pop(name, None)
    return found


def find_column(name: str, columns: Iterable[Column]) -> Column | None:
    """Return the column with this header or property name, or whose property this header would get."""
    columns = list(columns)
    for matches in (
        lambda column: column.header == name,
        lambda column: column.property == name,
        lambda column: column.property == property_name(name),
    ):
        if found := next(filter(matches, columns), None):
            return found
    return None


# --- a file's header compared with the report's columns ---------------------------------------------------


def with_new_columns(report: Report, table: Table, policy: str) -> tuple[Report, list[str]]:
    """Return the report with a file's new columns, if the policy adds them, and the new headers.

    Args:
        report: As known so far.
        table: `absent_columns` has checked that it belongs to this report.
        policy: The setting `new_columns`.

    Raises:
        FileError: There are new columns and the policy is "fail".
    """
    known = match_columns(table.header, report.columns)
    headers = [header for header, column in zip(table.header, known, strict=True) if not column]
    if headers and policy == "fail":
        raise FileError(
            f"{table.name} has new columns: {quoted(headers)}",
            remedy='Run discovery again, or set "new_columns" to "add" or "ignore".',
        )
    if not headers or policy != "add":
        return report, headers
    names = property_names(headers, report.column_names, [column.property for column in report.columns])
    new = (Column(header, name, report.kind_for(header)) for header, name in zip(headers, names, strict=True))
    return replace(report, columns=(*report.columns, *new)), headers


def fields(report: Report, table: Table, is_selected: Callable[[str], bool]) -> Iterator[Field]:
    """Yield what is emitted of a table: the report's selected columns, then the lineage columns."""
    headers, keys = _headers(report, table), {*report.primary_keys, report.replication_key}
    for column in (*report.columns, *report.lineage):
        if is_selected(column.property):
            lineage = column.property if column in report.lineage else None
            is_key = lineage is None and column.property in keys
            header = headers.get(column.property)
            yield Field(column.property, header, column.kind, lineage, required=is_key)


def absent_columns(report: Report, table: Table) -> list[str]:
    """Return the headers of the report's columns that the file lacks: their values are null.

    Args:
        report: Without the file's new columns, which say nothing about the report.
        table: The file's.

    Raises:
        FileError: The file is another report's: it lacks key columns, columns that were requested by name,
            all columns, or most columns while most of its own are unknown.
    """
    found = _headers(report, table)
    own = {column.property: column.header for column in report.columns}
    keys = (*report.primary_keys, report.replication_key)
    missing = [own[key] for key in keys if key in own and key not in found]
    absent = [header for name, header in own.items() if name not in found]
    missing += [header for header in absent if header in report.type.asked]
    is_foreign = len(absent) > len(found) and len(table.header) > 2 * len(found)
    if missing or (own and not found) or is_foreign:
        raise FileError(
            f"{table.name} is not this report: it has the columns {quoted(table.header)}, "
            f"not {quoted(dict.fromkeys(missing or absent))}.",
            remedy="If it is, its header may not be its first row (file.header_row), or its settings or "
            "catalog name other columns than it has.",
        )
    return absent


def quoted(headers: Iterable[str]) -> str:
    """Return headers for a message: the first ones in quotes, and how many more there are."""
    headers = list(headers)
    more = f" and {len(headers) - MAX_NAMED_COLUMNS:,} more" if len(headers) > MAX_NAMED_COLUMNS else ""
    return ", ".join(f'"{shown(header, 60)}"' for header in headers[:MAX_NAMED_COLUMNS]) + more


def _headers(report: Report, table: Table) -> dict[str, str]:
    """Return the file's header by property."""
    columns = zip(table.header, match_columns(table.header, report.columns), strict=True)
    return {column.property: header for header, column in columns if column}
