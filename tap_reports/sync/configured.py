"""Report types become reports: the user's settings, or a catalog, are laid over what the vendor says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tap_reports.models import Column, Kind, ReportType
from tap_reports.models.columns import LINEAGE, kind_of, property_name, property_names
from tap_reports.settings.read import Settings
from tap_reports.settings.validate import missing_start_date
from tap_reports.sync.report import ROW, SLICE_END, SLICE_START, Report, find_column
from tap_reports.vendor import ReportConfig, Vendor, VendorConfig


def report_of(type_: ReportType, vendor: Vendor, config: VendorConfig, settings: Settings) -> Report:
    """Return a report type with the user's settings of it laid over it."""
    return configured(type_, vendor, config, settings_of(type_, vendor, config), settings)


def settings_of(type_: ReportType, vendor: Vendor, config: VendorConfig) -> ReportConfig:
    """Return the settings of a report type: those from which its client made it."""
    for report in config.reports or ():
        half = report.name or vendor.report_name(report.values)
        name = property_name(half) if half else ""
        if name and (type_.name == name or type_.name.startswith(f"{name}__")):
            # A sheet's name has two halves, and the setting names only the first.
            return replace(report, name=None)
    return ReportConfig()


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


def selection_errors(reports: Sequence[Report], settings: Settings) -> Iterator[str]:
    """Yield what is wrong about the selected reports with these settings.

    A key that no record has is an error, as a target would take all records for one row.
    """
    dated = [report.stream for report in reports if report.type.dated]
    if dated and settings.start_date is None:
        yield missing_start_date(dated)
    for report in reports:
        for name in report.unknown_keys:
            yield (
                f"catalog: {report.stream} has no column {name}, which is one of its keys; correct "
                "key_properties and replication_key."
            )


def final_day_errors(finals: Mapping[str, dt.date | None], settings: Settings) -> Iterator[str]:
    """Yield why all shards may not see the same list of slices, today and tomorrow: a day that is not final
    yet is one more tomorrow.

    Args:
        finals: The last final day by stream, where it is known.
        settings: The configuration.
    """
    for stream, final in finals.items():
        if final and settings.end_date and settings.end_date > final:
            yield (
                f"end_date: {settings.end_date} is after the last final day of {stream}, {final}; "
                "shards need one that is not, so that all of them extract the same days."
            )


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
