"""A report: a report type with the user's settings applied. One report is one stream."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tap_reports.models import Column, Kind, ReportType, Slice
from tap_reports.models.columns import ROW, SHEET_IN_TITLE, SLICE_END, SLICE_START, property_name, schema_of
from tap_reports.sync.slices import Slicing, add_days


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
        slice_days_with_dates: What `slice_days` becomes if the rows turn out to have a date column.
        needs_grid: The vendor's slices lie on the fixed grid whatever keys a report has.
        on_grid: Slices lie on the fixed grid: the vendor needs it, or they must overwrite themselves when
            they are extracted again.
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
    slice_days_with_dates: int
    lookback_days: int
    needs_grid: bool
    on_grid: bool

    @property
    def title(self) -> str:
        """The schema's title; the report of a catalog's stream is found by it."""
        sheet = self.type.layout.sheet
        return f"{self.type.report}{SHEET_IN_TITLE}{sheet}" if sheet else self.type.report

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
        return Slicing(granularity=self.type.granularity, slice_days=self.slice_days, on_grid=self.on_grid)

    @property
    def is_keyless(self) -> bool:
        """True if its rows are identified by slice and row number only."""
        return self.primary_keys == (SLICE_START, ROW)

    @property
    def date_property(self) -> str | None:
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
    def is_aggregated(self) -> bool:
        """True if a row is a sum over all days of its slice, as the file has no date."""
        return self.replication_key == SLICE_END and not self.type.infers_columns

    def settled_on(self, days: Slice | None) -> dt.date | None:
        """Return the first day on which a slice's data can no longer change; None for a snapshot."""
        return add_days(days.end, self.lookback_days + 1) if days else None

    def kind_for(self, header: str) -> Kind:
        """Return the user's kind for a header, else text, which fits any value."""
        return self.kinds.get(header) or self.kinds.get(property_name(header)) or Kind.STRING
