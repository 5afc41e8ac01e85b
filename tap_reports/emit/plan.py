"""What is emitted of a report's rows, and where those rows come from: frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tap_reports.files.cells import Value
from tap_reports.files.columns import SNAKE_CASE, VERBATIM, property_names
from tap_reports.models import Kind

InvalidValues = Literal["fail", "null"]


@dataclass(frozen=True, slots=True)
class Field:
    """One selected property of the records.

    Attributes:
        property: Its name in the records.
        header: The file's column; None for a lineage column.
        kind: What it holds.
        lineage: Name of the lineage column that it is (`_report_row`), or None.
    """

    property: str
    header: str | None
    kind: Kind
    lineage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitPlan:
    """What is emitted of a stream.

    Attributes:
        stream: Its name.
        fields: The selected properties in the schema's order.
        invalid_values: A cell that does not fit its column is an InvalidValue (`fail`), or null and counted.
        version: For the RECORD messages of a stream with ACTIVATE_VERSION.
        zone: Time zone of instants that name none.
    """

    stream: str
    fields: tuple[Field, ...]
    invalid_values: InvalidValues = "fail"
    version: int | None = None
    zone: dt.tzinfo = dt.UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceContext:
    """Where the rows of one table come from.

    Attributes:
        job_id: The vendor's job id, for `_report_job_id` and errors.
        slice_start, slice_end: The slice's days; None for a snapshot.
        first_row: Number of the table's first row in its slice, counted from 1.
        vendor: Vendor block name, for errors.
    """

    job_id: str
    slice_start: dt.date | None = None
    slice_end: dt.date | None = None
    first_row: int = 1
    vendor: str = ""

    def after(self, rows: int) -> SliceContext:
        """Return the context of the slice's next table, after one with so many rows."""
        return replace(self, first_row=self.first_row + rows)

    def lineage(self, name: str | None) -> Value:
        """Return what a lineage column has in all rows; None for a column that is none."""
        if name is None:
            return None
        if name == "_report_job_id":
            return self.job_id
        day = {"_report_slice_start": self.slice_start, "_report_slice_end": self.slice_end}[name]
        return None if day is None else day.isoformat()


def offset_of(zone: dt.tzinfo) -> str | None:
    """Return a zone's offset as RFC 3339 writes it; None if it has several, or one of seconds."""
    if zone.utcoffset(None) is None:
        return None
    text = dt.datetime(2000, 1, 1, tzinfo=zone).isoformat()[19:]
    return text if len(text) == len("+00:00") else None


def sources(fields: Sequence[Field], header: Sequence[str]) -> list[int | None]:
    """Return for each field the position of its column in a file; None where the file lacks it.

    Where a file has a header twice, the field's property tells which one is meant.
    """
    named = {
        (name, property_): position
        for style in (VERBATIM, SNAKE_CASE)
        for position, (name, property_) in enumerate(zip(header, property_names(header, style), strict=True))
    }
    first = {name: position for position, name in reversed(list(enumerate(header)))}
    return [
        None if field.header is None else named.get((field.header, field.property), first.get(field.header))
        for field in fields
    ]
