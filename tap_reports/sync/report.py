"""A report: a report type with the user's settings laid over it, and its columns beside a file's header.

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
from tap_reports.models.columns import property_name, property_names, schema_of
from tap_reports.sync.slices import Cut, moved

SLICE_START, SLICE_END, ROW = "_report_slice_start", "_report_slice_end", "_report_row"
SHEET_SEPARATOR = " / "
MOST_NAMED = 20
"""Columns that a message names; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One stream's report, everything about it decided.

    Attributes:
        stream: Stream name.
        vendor: Vendor block name.
        type: What the vendor says of it.
        columns: Its known columns; a file may bring more.
        kinds: The user's kinds by header or property name, for columns not known yet.
        column_names: How properties are named after headers.
        primary_keys: Property names, lineage columns among them where the report has no keys of its own.
        replication_key: Property name; None for a snapshot.
        lineage: The lineage columns its records carry.
        slice_days, lookback_days: Decided from report, block, type and vendor, in this order.
        dated_slice_days: What `slice_days` is once the rows are known to have a date column.
        fixed_grid: The vendor's slices lie on the fixed grid whatever keys there are.
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
        """The schema's title, from which a catalog's stream finds back to its report."""
        sheet = self.type.layout.sheet
        return f"{self.type.report}{SHEET_SEPARATOR}{sheet}" if sheet else self.type.report

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its records."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {
                column.property: schema_of(column.kind, column.header)
                for column in (*self.columns, *self.lineage)
            },
            "title": self.title,
        }
        return {**schema, "description": self.type.description} if self.type.description else schema

    @property
    def cut(self) -> Cut:
        """How its days become slices."""
        return Cut(granularity=self.type.granularity, slice_days=self.slice_days, grid=self.grid)

    @property
    def is_keyless(self) -> bool:
        """True if its rows are known by their slice and number only."""
        return self.primary_keys == (SLICE_START, ROW)

    @property
    def dated_by(self) -> str | None:
        """The property whose days lie within the slice; None if the rows have no date."""
        kinds = {column.property: column.kind for column in self.columns}
        is_date = kinds.get(self.replication_key or "") in {Kind.DATE, Kind.DATE_TIME}
        return self.replication_key if self.type.dated and is_date else None

    @property
    def unknown_keys(self) -> list[str]:
        """The keys that no record would have: a catalog may name some."""
        known = {column.property for column in (*self.columns, *self.lineage)}
        keys = dict.fromkeys((*self.primary_keys, self.replication_key))
        return [key for key in keys if key and key not in known]

    @property
    def is_summed(self) -> bool:
        """True if a row stands for all days of its slice, as the file has no date."""
        return self.replication_key == SLICE_END and not self.type.infers_columns

    def settled_on(self, days: Slice | None) -> dt.date | None:
        """Return the first day on which a slice's data can no longer change; None for a snapshot."""
        return moved(days.end, self.lookback_days + 1) if days else None

    def kind_for(self, header: str) -> Kind:
        """Return the kind the user set for a header; text without one (a stable choice for any value)."""
        return self.kinds.get(header) or self.kinds.get(property_name(header)) or Kind.STRING


def bound(headers: Iterable[str], columns: Iterable[Column]) -> list[Column | None]:
    """Return the column of each of a file's headers, None where it is new.

    No column is given twice: a file that has a header twice has two columns of that name.
    """
    headers = list(headers)
    by_header: dict[str, list[Column]] = {}
    left = {}
    for column in reversed(list(columns)):
        by_header.setdefault(column.header, []).append(column)
        left[column.property] = column
    found: list[Column | None] = [None] * len(headers)
    for position, header in enumerate(headers):
        if same := by_header.get(header):
            found[position] = column = same.pop()
            del left[column.property]
    for position, header in enumerate(headers):
        if found[position] is None:
            name = header if header in left else property_name(header)
            found[position] = left.pop(name, None)
    return found


def find_column(name: str, columns: Iterable[Column]) -> Column | None:
    """Return the column with a header or property name, or whose property a header would get."""
    columns = list(columns)
    for matches in (
        lambda column: column.header == name,
        lambda column: column.property == name,
        lambda column: column.property == property_name(name),
    ):
        if found := next(filter(matches, columns), None):
            return found
    return None


# --- a file's header beside the report's columns ----------------------------------------------------------


def with_new_columns(report: Report, table: Table, policy: str) -> tuple[Report, list[str]]:
    """Return the report with the columns that a file adds, as far as the policy admits them, and the headers
    of all new ones.

    Args:
        report: As known so far.
        table: The file's, which `absent_columns` has found to be of this report.
        policy: The setting `new_columns`.

    Raises:
        FileError: There are new columns and the policy is "fail".
    """
    known = bound(table.header, report.columns)
    headers = [header for header, column in zip(table.header, known, strict=True) if not column]
    if headers and policy == "fail":
        raise FileError(
            f"{table.name} has new columns: {named(headers)}",
            remedy='Run discovery again, or set "new_columns" to "add" or "ignore".',
        )
    if not headers or policy != "add":
        return report, headers
    names = property_names(headers, report.column_names, [column.property for column in report.columns])
    new = (Column(header, name, report.kind_for(header)) for header, name in zip(headers, names, strict=True))
    return replace(report, columns=(*report.columns, *new)), headers


def fields(report: Report, table: Table, is_selected: Callable[[str], bool]) -> Iterator[Field]:
    """Yield what is emitted of a table: the report's columns, then the lineage.

    Args:
        report: With the columns that the file added.
        table: The file's.
        is_selected: Of a property.
    """
    header_of, keys = _headers(report, table), {*report.primary_keys, report.replication_key}
    for column in (*report.columns, *report.lineage):
        if is_selected(column.property):
            lineage = column.property if column in report.lineage else None
            is_key = lineage is None and column.property in keys
            yield Field(
                column.property, header_of.get(column.property), column.kind, lineage, required=is_key
            )


def absent_columns(report: Report, table: Table) -> list[str]:
    """Return the headers of the report's columns that the file lacks: they are null.

    Args:
        report: Without the file's new columns: these say nothing about which report it is.
        table: The file's.

    Raises:
        FileError: It is another report: it lacks key columns, columns that were asked for by name, or all
            columns, or most of them while most of its own are unknown.
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
            f"{table.name} is not this report: it has the columns {named(table.header)}, "
            f"not {named(dict.fromkeys(missing or absent))}.",
            remedy="If it is, its header may not be its first row (file.header_row), or its settings or "
            "catalog name other columns than it has.",
        )
    return absent


def named(headers: Iterable[str]) -> str:
    """Return headers for a message: the first ones, each on one line, and how many more there are."""
    headers = list(headers)
    more = f" and {len(headers) - MOST_NAMED:,} more" if len(headers) > MOST_NAMED else ""
    return ", ".join(f'"{shown(header, 60)}"' for header in headers[:MOST_NAMED]) + more


def _headers(report: Report, table: Table) -> dict[str, str]:
    columns = zip(table.header, bound(table.header, report.columns), strict=True)
    return {column.property: header for header, column in columns if column}
