"""A report type becomes a report: the user's settings, or a catalog, are applied to what the vendor says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tap_reports.models import Column, Kind, ReportType
from tap_reports.models.columns import (
    LINEAGE,
    ROW,
    SHEET_IN_NAME,
    SLICE_END,
    SLICE_START,
    kind_of,
    property_name,
    property_names,
)
from tap_reports.settings.read import Settings
from tap_reports.settings.validate import missing_start_date
from tap_reports.sync.columns import find_column
from tap_reports.sync.report import Report
from tap_reports.vendor import ReportConfig, Vendor, VendorConfig

LINEAGE_NAMES = frozenset(column.property for column in LINEAGE)


def report_settings(type_: ReportType, vendor: Vendor, config: VendorConfig) -> ReportConfig:
    """Return the entry of `reports` that a report type was made from."""
    for report in config.reports or ():
        configured_name = report.name or vendor.report_name(report.values)
        name = property_name(configured_name) if configured_name else ""
        if name and (type_.name == name or type_.name.startswith(name + SHEET_IN_NAME)):
            # The type's name also holds the sheet's; the setting names only the first part.
            return replace(report, name=None)
    return ReportConfig()


def build_report(
    type_: ReportType,
    vendor: Vendor,
    config: VendorConfig,
    settings: Settings,
    report: ReportConfig | None = None,
) -> Report:
    """Return a report type with the user's settings applied, by default those in its vendor's block."""
    report = report or report_settings(type_, vendor, config)
    type_ = replace(
        type_, layout=replace(type_.layout, options=report.file, max_bytes=settings.max_file_bytes)
    )
    if type_.infers_columns and type_.columns:
        report = _settings_of_sheet(type_, report, settings.column_names)
    columns = _known_columns(type_, report, settings.column_names)
    keys = [_key_property(name, columns, report) for name in report.primary_keys or type_.primary_keys]
    date_column = report.replication_key or type_.date_column
    replication_key = _key_property(date_column, columns, report) if date_column and type_.dated else None
    return _with_default_keys(
        Report(
            stream=f"{vendor.name}_{property_name(report.name) if report.name else type_.name}",
            vendor=vendor.name,
            type=type_,
            columns=tuple(columns),
            kinds=report.columns,
            column_names=settings.column_names,
            primary_keys=tuple(keys),
            replication_key=replication_key,
            lineage=(),
            slice_days=_slice_days(type_, vendor, config, report, has_dates=bool(date_column)),
            slice_days_with_dates=_slice_days(type_, vendor, config, report, has_dates=True),
            lookback_days=_first_set(
                report.lookback_days, config.lookback_days, type_.lookback_days, vendor.lookback_days
            ),
            needs_grid=vendor.fixed_grid,
            on_grid=vendor.fixed_grid,
        ),
        settings.lineage_columns,
    )


def with_catalog(
    report: Report,
    schema: Mapping[str, Any],
    primary_keys: Sequence[str],
    replication_key: str | None,
    *,
    lineage_columns: bool,
) -> Report:
    """Return a report with a catalog's columns, keys and replication key."""
    columns = tuple(
        Column(part.get("title") or name, name, kind_of(part))
        for name, part in schema.get("properties", {}).items()
        if name not in LINEAGE_NAMES
    )
    own_replication_key = None if replication_key in LINEAGE_NAMES else replication_key
    # A dated stream always has a replication key, at least the slice's; a stream without is a snapshot.
    dated = report.type.dated and bool(replication_key or SLICE_START in primary_keys)
    known = replace(
        report,
        type=replace(report.type, dated=dated),
        columns=columns,
        primary_keys=tuple(key for key in primary_keys if key not in LINEAGE_NAMES),
        replication_key=own_replication_key,
        # A restored report type may not know its date column; the catalog does.
        slice_days=report.slice_days_with_dates if own_replication_key else report.slice_days,
    )
    return _with_default_keys(known, lineage_columns)


def selection_errors(reports: Sequence[Report], settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the selected reports: no start date, or keys that no record has (a target
    would merge all records into one row).
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


def final_day_errors(final_days: Mapping[str, dt.date | None], settings: Settings) -> Iterator[str]:
    """Yield each stream for which shards might get different lists of slices, as its end_date is not final
    yet. `final_days` are the last final days by stream, None if unknown.
    """
    for stream, final in final_days.items():
        if final and settings.end_date and settings.end_date > final:
            yield (
                f"end_date: {settings.end_date} is after the last final day of {stream}, {final}; "
                "shards need one that is not, so that all of them extract the same days."
            )


def _with_default_keys(report: Report, lineage_columns: bool) -> Report:
    """Return the report with lineage columns as keys where it has none, and what follows from its keys."""
    keys, replication_key, on_grid = report.primary_keys, report.replication_key, report.needs_grid
    if report.type.dated and replication_key is None:
        replication_key, on_grid = SLICE_END, True
        keys = (*keys, SLICE_START) if keys else keys
    if not keys:
        on_grid = report.type.dated
        keys = (SLICE_START, ROW) if report.type.dated else (ROW,)
    needed = {*keys, replication_key}
    names = {name for column in report.columns for name in (column.property, property_name(column.header))}
    return replace(
        report,
        type=replace(report.type, layout=replace(report.type.layout, known=frozenset(names))),
        primary_keys=keys,
        replication_key=replication_key,
        lineage=tuple(column for column in LINEAGE if lineage_columns or column.property in needed),
        on_grid=on_grid,
    )


def _settings_of_sheet(type_: ReportType, report: ReportConfig, style: str) -> ReportConfig:
    """Return the settings that apply to a sheet's columns: they are given once for all sheets."""
    columns = _named_columns(type_, style)

    def has(name: str) -> bool:
        return bool(find_column(name, (*columns, *LINEAGE)))

    return replace(
        report,
        columns={name: kind for name, kind in report.columns.items() if has(name)},
        primary_keys=report.primary_keys if all(map(has, report.primary_keys)) else (),
        replication_key=report.replication_key if has(report.replication_key or "") else None,
    )


def _known_columns(type_: ReportType, report: ReportConfig, style: str) -> list[Column]:
    """Return the columns with the user's kinds; those that only the user names come last."""
    columns = _named_columns(type_, style)
    own = [name for name in report.columns if not find_column(name, (*type_.columns, *columns))]
    taken = [column.property for column in columns]
    names = property_names(own, style, taken)
    columns += [Column(header, name, Kind.STRING) for header, name in zip(own, names, strict=True)]
    kinds = [report.columns.get(column.header) or report.columns.get(column.property) for column in columns]
    return [replace(column, kind=kind or column.kind) for column, kind in zip(columns, kinds, strict=True)]


def _named_columns(type_: ReportType, style: str) -> list[Column]:
    """Return the type's columns with their property names in the user's style."""
    names = property_names([column.header for column in type_.columns], style)
    return [replace(column, property=name) for column, name in zip(type_.columns, names, strict=True)]


def _key_property(name: str, columns: list[Column], report: ReportConfig) -> str:
    """Return the property of a key column, and add the column to the list if it is missing."""
    if name in LINEAGE_NAMES:
        return name
    column = find_column(name, columns)
    if not column:
        column = Column(name, property_name(name), report.columns.get(name, Kind.STRING))
        columns.append(column)
    return column.property


def _slice_days(
    type_: ReportType, vendor: Vendor, config: VendorConfig, report: ReportConfig, *, has_dates: bool
) -> int:
    """Return the longest slice: a day by default if rows have no date, as they get their slice's."""
    usual = vendor.slice_days if has_dates or type_.infers_columns else 1
    days = _first_set(report.slice_days, config.slice_days, type_.slice_days, usual)
    return min(days, type_.max_slice_days or days)


def _first_set(*values: int | None) -> int:
    return next(value for value in values if value is not None)
