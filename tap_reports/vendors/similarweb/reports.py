"""Report types and requests from a report's choice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from tap_reports.exceptions import ConfigError
from tap_reports.files.columns import property_name, property_names
from tap_reports.models import (
    Column,
    FileFormat,
    Granularity,
    Json,
    Kind,
    Layout,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.vendor import ReportConfig, VendorConfig
from tap_reports.vendors.similarweb.choice import Choice, choose
from tap_reports.vendors.similarweb.tables import Table

DATE = "date"
RENAMES = {"yearmonth": DATE}
"""Monthly files have `yearmonth` or `date`; the sources disagree."""
EMPTY_WORDS = ("No data returned",)
SLICE_DAYS = {Granularity.DAILY: 30, Granularity.WEEKLY: 365, Granularity.MONTHLY: 365}
LOOKBACK_DAYS = 0
"""Days that are asked for again are charged again."""
_KEYLESS = 'the key columns of table "{}" are not known: list them in the report\'s primary_keys'
DEFAULT_REPORTS: tuple[Json, ...] = ({"table": "traffic_and_engagement", "granularity": "monthly"},)


def configured(config: VendorConfig) -> tuple[ReportConfig, ...]:
    """Return the configured reports, or the default one."""
    return config.reports or tuple(ReportConfig(values=report) for report in DEFAULT_REPORTS)


def granularity_of(report: Json) -> Granularity:
    """Return a report's granularity."""
    return Granularity(report.get("granularity") or Granularity.MONTHLY)


def report_name(report: Json) -> str:
    """Return the stream name's second half for a report's settings."""
    return property_name(str(report.get("name") or f"{report['table']}_{granularity_of(report)}"))


def report_types(config: VendorConfig, tables: Mapping[str, Table]) -> list[ReportType]:
    """Return the report types of all configured reports.

    Raises:
        ConfigError: Every mistake of every report.
    """
    found, errors = [], []
    for index, report in enumerate(configured(config)):
        try:
            choice = choose(report.values, config.values, tables)
            if choice.table.name not in tables and not report.primary_keys:
                errors.append(f"{config.name}.reports[{index}]: {_KEYLESS.format(choice.table.name)}")
            found.append(with_columns(bare(report, config), choice))
        except ConfigError as error:
            errors += [f"{config.name}.reports[{index}]: {text}" for text in error.errors]
    if errors:
        raise ConfigError(errors)
    return found


def bare(report: ReportConfig, config: VendorConfig) -> ReportType:
    """Return a report type as far as the settings tell, without columns and keys."""
    values = report.values
    granularity = granularity_of(values)
    is_json = config.values.get("response_format") == FileFormat.JSON
    lookback = config.lookback_days if report.lookback_days is None else report.lookback_days
    return ReportType(
        name=report_name({**values, "name": report.name}),
        report=str(values["table"]),
        granularity=granularity,
        date_column=DATE,
        slice_days=SLICE_DAYS[granularity],
        lookback_days=LOOKBACK_DAYS if lookback is None else lookback,
        parameters={name: values.get(name) for name in ("table", "granularity", "metrics", "filters")},
        layout=Layout(
            format=FileFormat.JSON if is_json else FileFormat.CSV, empty_words=EMPTY_WORDS, renames=RENAMES
        ),
        description=f"Similarweb table {values['table']}, {granularity}.",
    )


def with_columns(type_: ReportType, choice: Choice) -> ReportType:
    """Return the report type with key columns, date and the metrics whose kind is known.

    Other metrics get their kind from the file.
    """
    keys = choice.table.keys
    metrics = {name: kind for name, kind in choice.kinds.items() if name not in keys}
    kinds = {**dict.fromkeys(keys, Kind.STRING), DATE: Kind.DATE, **metrics}
    columns = zip(kinds.items(), property_names(kinds), strict=True)
    return replace(
        type_,
        columns=tuple(Column(header, name, kind) for (header, kind), name in columns),
        primary_keys=(*keys, DATE) if keys else (),
    )


def request_for(
    config: VendorConfig, account: str, report: ReportType, choice: Choice, days: Slice | None
) -> ReportRequest:
    """Return the request for a slice. What does not change the result (version, webhook) is no part of it."""
    return ReportRequest(
        vendor=config.name,
        account=account,
        api_url=config.api_url,
        report=report.report,
        parameters={
            "table": choice.table.name,
            "granularity": choice.granularity,
            "metrics": list(choice.metrics),
            "filters": choice.filters,
            "response_format": config.values.get("response_format") or FileFormat.CSV.value,
        },
        slice=days,
        settled_on=days.end + dt.timedelta(days=(report.lookback_days or 0) + 1) if days else None,
    )
