"""A report: a report type with the user's settings laid over it. One report is one stream."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tap_reports.models import Column, Kind, ReportType, Slice
from tap_reports.models.columns import property_name, property_names, schema_of
from tap_reports.sync.slices import Cut, moved

SLICE_START, SLICE_END, ROW = "_report_slice_start", "_report_slice_end", "_report_row"
SHEET_SEPARATOR = " / "


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
        return schema_for(self.columns, self.lineage, self.title, self.type.description)

    @property
    def cut(self) -> Cut:
        """How its days become slices."""
        return Cut(granularity=self.type.granularity, slice_days=self.slice_days, grid=self.grid)

    @property
    def is_keyless(self) -> bool:
        """True if its rows are known by their slice and number only."""
        return self.primary_keys == (SLICE_START, ROW)

    @property
    def has_date_column(self) -> bool:
        """True if its rows are known to have a date of their own."""
        return self.replication_key != SLICE_END

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
        return not self.has_date_column and not self.type.infers_columns

    def settled_on(self, days: Slice | None) -> dt.date | None:
        """Return the first day on which a slice's data can no longer change; None for a snapshot."""
        return moved(days.end, self.lookback_days + 1) if days else None

    def with_columns(self, headers: Iterable[str]) -> tuple[Report, list[Column]]:
        """Return the report with those of the headers that it lacks, and their columns."""
        headers = list(headers)
        unknown = [
            header for header, known in zip(headers, bound(headers, self.columns), strict=True) if not known
        ]
        names = property_names(unknown, self.column_names, [column.property for column in self.columns])
        new = [
            Column(header, name, self.kind_for(header)) for header, name in zip(unknown, names, strict=True)
        ]
        return replace(self, columns=(*self.columns, *new)), new

    def kind_for(self, header: str) -> Kind:
        """Return the kind the user set for a header; text without one (a stable choice for any value)."""
        return self.kinds.get(header) or self.kinds.get(property_name(header)) or Kind.STRING


def schema_for(
    columns: Iterable[Column], lineage: Iterable[Column], title: str, description: str
) -> dict[str, Any]:
    """Return a stream's JSON schema."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            **{column.property: schema_of(column.kind, column.header) for column in columns},
            **{column.property: schema_of(column.kind, column.header) for column in lineage},
        },
        "title": title,
    }
    return {**schema, "description": description} if description else schema


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
