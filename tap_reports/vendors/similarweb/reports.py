"""From settings to report types, and from these to what is sent.

v3 has the table in the path and a flat body; v4 and v5 have the same body and differ in the path.
https://developers.similarweb.com/docs/report-endpoints
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tap_reports.exceptions import ConfigError
from tap_reports.models import (
    FileFormat,
    Granularity,
    Json,
    Kind,
    Layout,
    ReportRequest,
    ReportType,
)
from tap_reports.models.columns import columns_of, property_name
from tap_reports.vendor import ReportConfig, VendorConfig
from tap_reports.vendors.similarweb.days import date_fields, granularity_of
from tap_reports.vendors.similarweb.selection import Selection, select
from tap_reports.vendors.similarweb.tables import Table

V3 = "v3"
VERSIONS = ("v5", "v4", V3)
SUBMIT, VALIDATE = "request-report", "request-validate"
DATE, ON_DEMAND = "date", "on-demand"
RENAMES = {"yearmonth": DATE}
"""Monthly files have `yearmonth` or `date`; the sources disagree."""
EMPTY_WORDS = ("No data returned",)
SLICE_DAYS: Mapping[str, int] = {Granularity.DAILY: 30, Granularity.WEEKLY: 365, Granularity.MONTHLY: 365}
SELECTED = ("table", "metrics", "filters", "limit", "retention_days")
DEFAULT_REPORTS: tuple[Json, ...] = ({"table": "traffic_and_engagement"},)


# --- report types -------------------------------------------------------------------------------------


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
    types, errors = list[ReportType](), list[str]()
    for index, report in enumerate(config.reports or ()):
        place = f"{config.name}.reports[{index}]"
        try:
            selection = select(report.values, config.values, tables)
        except ConfigError as error:
            errors += [f"{place}: {text}" for text in error.errors]
            continue
        if selection.table.open_filters and not selection.keys and not report.primary_keys:
            name = selection.table.name
            remedy = "list them in the report's primary_keys"
            errors.append(f'{place}: the key columns of table "{name}" are not known: {remedy}')
        types.append(with_columns(type_from_settings(report, config), selection))
    if errors:
        raise ConfigError(errors)
    return types


def type_from_settings(report: ReportConfig, config: VendorConfig) -> ReportType:
    """Return a report type as far as the settings tell, without columns and keys."""
    values = report.values
    granularity, dated = granularity_of(values), is_dated(values)
    return ReportType(
        name=report_name(values),
        report=values["table"],
        dated=dated,
        granularity=Granularity(granularity) if dated else Granularity.DAILY,
        date_column=DATE,
        slice_days=SLICE_DAYS.get(granularity),
        parameters={**{name: values.get(name) for name in SELECTED}, "granularity": granularity},
        layout=Layout(
            format=FileFormat(config.values["response_format"]), empty_words=EMPTY_WORDS, renames=RENAMES
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
    kinds |= {
        metric.name: metric.kind
        for metric in selection.known_metrics
        if metric.kind and metric.name not in keys
    }
    return replace(type_, columns=columns_of(kinds), primary_keys=(*keys, *dates) if keys else ())


# --- what is sent -------------------------------------------------------------------------------------


def path(request: ReportRequest, version: str, action: str) -> str:
    """Return where a request is submitted or validated."""
    if version == V3:
        return f"/v3/batch/{quote(request.report, safe='')}/{action}"
    return f"/batch/{version}/{action}"


def payload(request: ReportRequest, version: str, webhook_url: str | None = None) -> dict[str, Any]:
    """Return a submission's payload; `webhook_url` is called when the report is done.

    The job's key is the report's name, by which a submission whose answer was lost is found in the account.
    """
    what = request.parameters
    delivery = {"response_format": what["response_format"], "delivery_method": "download_link"}
    if webhook_url:
        delivery["webhook_url"] = webhook_url
    if request.options:
        delivery["delivery_method_params"] = dict(request.options)
    query = {
        "granularity": what["granularity"],
        "filters": what["filters"],
        "metrics": what["metrics"],
        **date_fields(request.slice, what["granularity"], version),
    }
    if "limit" in what:
        query["paging"] = {"limit": what["limit"]}
    if version == V3:
        return {**query, **delivery}
    return {
        "report_name": request.key,
        "delivery_information": delivery,
        "report_query": {"tables": [{"vtable": what["table"], **query}]},
    }
