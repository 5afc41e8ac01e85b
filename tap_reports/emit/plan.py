"""What is emitted of a report's rows, where those rows come from, and what is counted on the way."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tap_reports.files.cells import Value
from tap_reports.files.table import USUAL, Notation
from tap_reports.models import InvalidValues, Kind
from tap_reports.models.columns import (
    JOB_ID,
    SLICE_END,
    SLICE_START,
    SNAKE_CASE,
    VERBATIM,
    property_names,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One selected property of the records.

    Attributes:
        property: Its name in the records.
        header: The file's column; None for a lineage column.
        kind: What it holds.
        lineage: Name of the lineage column that it is (`_report_row`), or None.
        required: It is a key: a record in which it is null is an invalid value.
    """

    property: str
    header: str | None
    kind: Kind
    lineage: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitPlan:
    """What is emitted of a stream.

    Attributes:
        stream: Its name.
        alias: Its name in the messages, where that is another one.
        fields: The selected properties in the schema's order.
        invalid_values: A cell that does not fit its column is an InvalidValue (`fail`), or null and counted;
            so is a record without a required value, which is left out then.
        version: For the RECORD messages of a stream with ACTIVATE_VERSION.
        zone: Time zone of instants that name none.
        dated_by: The date or instant whose days are compared with the slice's (see `Tally`).
        notation: How the table's text cells are written.
    """

    stream: str
    alias: str = ""
    fields: tuple[Field, ...]
    invalid_values: InvalidValues = "fail"
    version: int | None = None
    zone: dt.tzinfo = dt.UTC
    dated_by: str | None = None
    notation: Notation = USUAL


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

    def constant(self, field_: Field) -> Value:
        """Return what all rows have in a lineage column, or in a column that the file lacks."""
        if field_.lineage == JOB_ID:
            return self.job_id
        day = {SLICE_START: self.slice_start, SLICE_END: self.slice_end}.get(field_.lineage or "")
        return day.isoformat() if day else None


TOLERANCE = dt.timedelta(days=1)
"""How far a row's date may be outside its slice: days begin at other times in other zones."""


@dataclass(slots=True)
class Tally:
    """Counts of rows that became records, for logs and checks.

    Attributes:
        nulled: How many cells did not fit and became null, by property.
        left_out: How many records were left out as this required property was null.
        first_day, last_day: The least and the greatest day of `EmitPlan.dated_by`; "" where there is none.
        dated: How many records have such a day.
        outside: How many of these are not of the slice, with a tolerance of a day.
        by_python: How many cells of a column went through Python, by property, where the others did not.
        rows_by_python: How many rows did.
    """

    nulled: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    first_day: str = ""
    last_day: str = ""
    dated: int = 0
    outside: int = 0
    by_python: Counter[str] = field(default_factory=Counter, compare=False)
    rows_by_python: int = field(default=0, compare=False)

    def add(self, other: Tally) -> None:
        """Add the counts of other rows."""
        self.nulled.update(other.nulled)
        self.left_out.update(other.left_out)
        self.last_day = max(self.last_day, other.last_day)
        self.first_day = min(filter(None, (self.first_day, other.first_day)), default="")
        self.dated += other.dated
        self.outside += other.outside
        self.by_python.update(other.by_python)
        self.rows_by_python += other.rows_by_python

    def add_days(self, values: Iterable[str | None], context: SliceContext) -> None:
        """Add the days of records: dates, or instants by the day that they show."""
        days = Counter(value[:10] for value in values if value)
        if not days:
            return
        low, high = bounds(context)
        outside = sum(count for day, count in days.items() if not low <= day <= high)
        self.add(Tally(first_day=min(days), last_day=max(days), dated=days.total(), outside=outside))


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """Some records.

    Attributes:
        data: Whole lines, or columns.
        rows: How many rows of the table they were.
        records: How many records are left of these.
        tally: Counts of its rows.
    """

    data: T
    rows: int
    records: int
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class TablePosition:
    """Where a table's rows come from; its reader adds the number of rows, and their counts."""

    context: SliceContext
    rows: int = 0
    tally: Tally = field(default_factory=Tally)


def bounds(context: SliceContext) -> tuple[str, str]:
    """Return the first and the last day that a row of a slice may have."""
    if context.slice_start is None or context.slice_end is None:
        return "0000-00-00", "9999-99-99"
    return (context.slice_start - TOLERANCE).isoformat(), (context.slice_end + TOLERANCE).isoformat()


def offset_of(zone: dt.tzinfo) -> str | None:
    """Return a zone's offset as RFC 3339 writes it; None unless it has one offset, of whole minutes."""
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
