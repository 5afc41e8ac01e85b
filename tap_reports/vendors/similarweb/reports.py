"""Report types and requests from what a report selects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from tap_reports.exceptions import ConfigError
from tap_reports.models import (
    Column,
    FileFormat,
    Granularity,
    Json,
    Kind,
    Layout,
    ReportType,
)
from tap_reports.models.columns import property_name, property_names
from tap_reports.vendor import ReportConfig, VendorConfig
from tap_reports.vendors.similarweb.selection import Selection, select
from tap_reports.vendors.similarweb.tables import Table

logger = logging.getLogger("tap-reports.similarweb")

DATE, ON_DEMAND = "date", "on-demand"
RENAMES = {"yearmonth": DATE}
"""Monthly files have `yearmonth` or `date`; the sources disagree."""
EMPTY_WORDS = ("No data returned",)
SLICE_DAYS: Mapping[str, int] = {Granularity.DAILY: 30, Granularity.WEEKLY: 365, Granularity.MONTHLY: 365}
SELECTED = ("table", "metrics", "filters", "limit", "retention_days")
LOOKBACK_DAYS = 0
"""Days that are asked for again are charged again."""
_KEYLESS = 'the key columns of table "{}" are not known: list them in the report\'s primary_keys'
DEFAULT_REPORTS: tuple[Json, ...] = ({"table": "traffic_and_engagement", "granularity": "monthly"},)


def configured(config: VendorConfig) -> tuple[ReportConfig, ...]:
    """Return the configured reports, or the default one."""
    return config.reports or tuple(ReportConfig(values=report) for report in DEFAULT_REPORTS)


def granularity_of(report: Json) -> str:
    """Return a report's granularity, in the vendor's word."""
    return str(report.get("granularity") or Granularity.MONTHLY)


def is_dated(report: Json) -> bool:
    """Return whether a report's dates can be chosen; else the newest result is a snapshot."""
    return granularity_of(report) in set(Granularity)


def report_name(report: Json) -> str:
    """Return the stream name's second half for a report's settings."""
    return property_name(str(report.get("name") or f"{report['table']}_{granularity_of(report)}"))


def report_types(config: VendorConfig, tables: Mapping[str, Table]) -> list[ReportType]:
    """Return the report types of all configured reports.

    Raises:
        ConfigError: Everything that is wrong with any report.
    """
    found, errors = [], []
    for index, report in enumerate(configured(config)):
        try:
            selection = select(report.values, config.values, tables)
            if selection.table.open_filters and not selection.keys and not report.primary_keys:
                errors.append(f"{config.name}.reports[{index}]: {_KEYLESS.format(selection.table.name)}")
            found.append(with_columns(bare(report, config), selection))
            if selection.ended:
                logger.warning(
                    "similarweb_%s: describe says that these metrics end earlier than their table, so that "
                    "their later cells are empty: %s",
                    found[-1].name,
                    ", ".join(selection.ended),
                )
        except ConfigError as error:
            errors += [f"{config.name}.reports[{index}]: {text}" for text in error.errors]
    if errors:
        raise ConfigError(errors)
    return found


def bare(report: ReportConfig, config: VendorConfig) -> ReportType:
    """Return a report type as far as the settings tell, without columns and keys."""
    values = report.values
    granularity, dated = granularity_of(values), is_dated(values)
    is_json = config.values.get("response_format") == FileFormat.JSON
    lookback = config.lookback_days if report.lookback_days is None else report.lookback_days
    return ReportType(
        name=report_name({**values, "name": report.name}),
        report=str(values["table"]),
        dated=dated,
        granularity=Granularity(granularity) if dated else Granularity.DAILY,
        date_column=DATE if dated else None,
        slice_days=SLICE_DAYS.get(granularity),
        lookback_days=LOOKBACK_DAYS if lookback is None else lookback,
        parameters={**{name: values.get(name) for name in SELECTED}, "granularity": granularity},
        layout=Layout(
            format=FileFormat.JSON if is_json else FileFormat.CSV, empty_words=EMPTY_WORDS, renames=RENAMES
        ),
        description=f"Similarweb table {values['table']}, {granularity}.",
    )


def with_columns(type_: ReportType, selection: Selection) -> ReportType:
    """Return the report type with key columns, date and the metrics whose kind is known.

    Other metrics get their kind from the file.
    """
    keys = selection.keys
    dates = {} if selection.granularity == ON_DEMAND else {DATE: Kind.DATE}
    kinds = {**dict.fromkeys(keys, Kind.STRING), **dates}
    kinds |= {name: kind for name, kind in selection.kinds.items() if name not in keys}
    columns = zip(kinds.items(), property_names(kinds), strict=True)
    return replace(
        type_,
        columns=tuple(Column(header, name, kind) for (header, kind), name in columns),
        primary_keys=(*keys, *dates) if keys else (),
    )


def parameters_of(values: Json, selection: Selection) -> list[Json]:
    """Return the parameters of a slice's requests: one, or several for more entities than Similarweb takes.

    What does not change the result (API version, webhook, how long it is kept) is not part of them.
    """
    return [
        {
            "table": selection.table.name,
            "granularity": selection.granularity,
            "metrics": list(selection.metrics),
            "filters": filters,
            "response_format": values.get("response_format") or FileFormat.CSV.value,
            **({"limit": selection.limit} if selection.limit else {}),
        }
        for filters in selection.parts()
    ]
