"""A report: a report type with the user's settings laid over it. One report is one stream."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tap_reports.files.columns import LINEAGE, kind_of, property_name, property_names, schema_of
from tap_reports.models import Column, Kind, ReportType, Slice
from tap_reports.settings.read import Settings
from tap_reports.sync.slices import Cut, moved
from tap_reports.vendor import ReportConfig, Vendor, VendorConfig

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


def configured(
    type_: ReportType, vendor: Vendor, config: VendorConfig, report: ReportConfig, settings: Settings
) -> Report:
    """Return a report type with the user's settings laid over it."""
    type_ = replace(
        type_, layout=replace(type_.layout, options=report.file, most_bytes=settings.max_file_bytes)
    )
    if type_.infers_columns and type_.columns:
        report = _for_sheet(type_, report, settings.column_names)
    columns = list(_known_columns(type_, report, settings.column_names))
    keys = [_own(name, columns, report) for name in report.primary_keys or type_.primary_keys]
    date_column = report.replication_key or type_.date_column
    replication = _own(date_column, columns, report) if date_column and type_.dated else None
    return _decided(
        Report(
            stream=f"{vendor.name}_{property_name(report.name) if report.name else type_.name}",
            vendor=vendor.name,
            type=type_,
            columns=tuple(columns),
            kinds=report.columns,
            column_names=settings.column_names,
            primary_keys=tuple(keys),
            replication_key=replication,
            lineage=(),
            slice_days=_slice_days(type_, vendor, config, report, has_dates=bool(date_column)),
            dated_slice_days=_slice_days(type_, vendor, config, report, has_dates=True),
            lookback_days=_first(
                report.lookback_days, config.lookback_days, type_.lookback_days, vendor.lookback_days
            ),
            fixed_grid=vendor.fixed_grid,
            grid=False,
        ),
        settings.lineage_columns,
    )


def catalogued(
    report: Report,
    schema: Mapping[str, Any],
    primary_keys: Sequence[str],
    replication_key: str | None,
    *,
    lineage_columns: bool,
) -> Report:
    """Return a report with the columns, keys and replication key that a catalog gives it."""
    own_names = {column.property for column in LINEAGE}
    columns = tuple(
        Column(part.get("title") or name, name, kind_of(part))
        for name, part in schema.get("properties", {}).items()
        if name not in own_names
    )
    keys = tuple(key for key in primary_keys if key not in own_names)
    replication = None if replication_key in own_names else replication_key
    # A restored report type may not know its date column; the catalog does.
    days = report.dated_slice_days if replication else report.slice_days
    # Every dated stream has a replication key, if only the slice's; one without is a snapshot.
    dated = report.type.dated and bool(replication_key or SLICE_START in primary_keys)
    known = replace(
        report,
        type=replace(report.type, dated=dated),
        columns=columns,
        primary_keys=keys,
        replication_key=replication,
        slice_days=days,
    )
    return _decided(known, lineage_columns)


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


def _decided(report: Report, lineage_columns: bool) -> Report:
    """Return the report with what follows from having keys and dates or not."""
    keys, replication, grid = report.primary_keys, report.replication_key, report.fixed_grid
    if report.type.dated and replication is None:
        replication, grid = SLICE_END, True
        keys = (*keys, SLICE_START) if keys else keys
    if not keys:
        grid = report.type.dated
        keys = (SLICE_START, ROW) if report.type.dated else (ROW,)
    needed = {*keys, replication}
    lineage = tuple(column for column in LINEAGE if lineage_columns or column.property in needed)
    known = {name for column in report.columns for name in (column.property, property_name(column.header))}
    layout = replace(report.type.layout, known=frozenset(known))
    report = replace(report, type=replace(report.type, layout=layout))
    return replace(report, primary_keys=keys, replication_key=replication, lineage=lineage, grid=grid)


def _for_sheet(type_: ReportType, report: ReportConfig, style: str) -> ReportConfig:
    """Return the settings as far as they are about a sheet's columns: they are given once for all sheets."""
    headers = [column.header for column in type_.columns]
    names = property_names(headers, style)
    columns = [Column(header, name, Kind.STRING) for header, name in zip(headers, names, strict=True)]

    def has(name: str) -> bool:
        return bool(find_column(name, (*columns, *LINEAGE)))

    return replace(
        report,
        columns={name: kind for name, kind in report.columns.items() if has(name)},
        primary_keys=report.primary_keys if all(map(has, report.primary_keys)) else (),
        replication_key=report.replication_key if has(report.replication_key or "") else None,
    )


def _known_columns(type_: ReportType, report: ReportConfig, style: str) -> Iterable[Column]:
    """Return the columns with property names and the user's kinds; columns only the user names come last."""
    headers = [column.header for column in type_.columns]
    own = [name for name in report.columns if not find_column(name, type_.columns)]
    named = [
        replace(column, property=name)
        for column, name in zip(type_.columns, property_names(headers, style), strict=True)
    ]
    own = [name for name in own if not find_column(name, named)]
    names = property_names([*headers, *own], style)
    extra = [
        Column(header, name, Kind.STRING) for header, name in zip(own, names[len(headers) :], strict=True)
    ]
    for column in (*named, *extra):
        kind = report.columns.get(column.header) or report.columns.get(column.property)
        yield replace(column, kind=kind) if kind else column


def _own(name: str, columns: list[Column], report: ReportConfig) -> str:
    """Return the property of a key column, adding the column if nobody named it before."""
    if name in {column.property for column in LINEAGE}:
        return name
    found = find_column(name, columns)
    if not found:
        found = Column(name, property_name(name), report.columns.get(name, Kind.STRING))
        columns.append(found)
    return found.property


def _slice_days(
    type_: ReportType, vendor: Vendor, config: VendorConfig, report: ReportConfig, *, has_dates: bool
) -> int:
    """Return the longest slice. Rows without a date get it from their slice, so that is a day then."""
    usual = vendor.slice_days if has_dates or type_.infers_columns else 1
    days = _first(report.slice_days, config.slice_days, type_.slice_days, usual)
    most = type_.max_slice_days
    return min(days, most) if most else days


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
