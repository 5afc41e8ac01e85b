"""Report types of an account (the configured reports, or all of the catalogue, and the clicks), and what is
requested for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tap_reports.models import FileFormat, Json, Kind, Layout, ReportType, Slice
from tap_reports.models.columns import columns_of, property_name, property_names
from tap_reports.setting import nearest
from tap_reports.vendor import CatalogStream, ReportConfig, VendorConfig
from tap_reports.vendors.impact.catalog import is_accessible
from tap_reports.vendors.impact.settings import (
    BRAND,
    DATE_FORMAT,
    DATE_PARAMETERS,
    PARTNER,
    RESULT_FORMAT,
    as_list,
    click_settings,
    has_clicks,
    is_dated,
    program_ids,
)

CLICKS = "ClickExport"
CLICKS_NAME = "clicks"
CLICK_FILTERS = {"ad_ids": "AdId", "media_ids": "MediaId", "sub_ids": "SubId"}
SEE_ALL = ' Run --discover without "reports" to see all.'
FIRST_MOMENT, LAST_MOMENT = dt.time(0, 0, 0), dt.time(23, 59, 59)
ROW_LIMITS = {"partner_payable_click_data": 100_000}
"""By https://integrations.impact.com/partner-api-reference; a file with as many rows is warned of."""

_CLICK_TEXTS_FIRST = ("Id", "ProfileId", "IpAddress")
_CLICK_TEXTS = (
    *("MediaId", "MediaName", "ProgramId", "ProgramName", "AdId", "AdName", "AdType", "ProductSku"),
    *("CustomerCity", "CustomerRegion", "CustomerCountry", "CustomerArea"),
    *("DeviceType", "DeviceFamily", "Browser", "Os", "ReferringUrl", "ReferringDomain", "LandingPageUrl"),
    *("TrafficCategory", "TrafficSource", "BidKeyword", "SearchText"),
    *("SharedId", "SubId1", "SubId2", "SubId3"),
)
CLICK_KINDS = {
    **dict.fromkeys(_CLICK_TEXTS_FIRST, Kind.STRING),
    "EventDate": Kind.DATE_TIME,
    **dict.fromkeys(_CLICK_TEXTS, Kind.STRING),
    "CpcBid": Kind.NUMBER,
    "Payout": Kind.NUMBER,
    "UniqueClick": Kind.BOOLEAN,
}
"""https://integrations.impact.com/brand-api-reference/reference/clicks. `Id` is not unique, so no key."""


def layout(values: Json) -> Layout:
    """Return how the account's files are read."""
    return Layout(format=FileFormat(values["result_format"]), records=("Records", "Clicks"))


def clicks_type(config: VendorConfig, zone: str | None) -> ReportType:
    """Return the click export: single days, which do not change once they are over."""
    return ReportType(
        name=CLICKS_NAME,
        report=CLICKS,
        columns=columns_of(CLICK_KINDS),
        date_column="EventDate",
        slice_days=1,
        max_slice_days=1,
        lookback_days=0,
        parameters={"zone": zone} if zone else {},
        layout=layout(config.values),
        description="Clicks, one file for each day and program.",
    )


def type_from_settings(config: VendorConfig, report: ReportConfig, zone: str | None) -> ReportType:
    """Return a report by its settings alone, without what the vendor says of it."""
    values, handle = report.values, report_id(report)
    parameters = {
        "params": _query_texts(values.get("params") or {}),
        "date_parameters": list(values.get("date_parameters", DATE_PARAMETERS)),
        "date_format": values.get("date_format") or DATE_FORMAT,
    }
    return ReportType(
        name=property_name(report.name or handle),
        report=handle,
        dated=is_dated(values),
        parameters={**parameters, "zone": zone} if zone else parameters,
        layout=layout(config.values),
    )


def _query_texts(params: Json) -> dict[str, list[str]]:
    """Return query parameters as the vendor reads them: all texts, `true` and `false` in lower case."""
    return {
        str(name): [str(item).lower() if isinstance(item, bool) else str(item) for item in as_list(value)]
        for name, value in params.items()
    }


def type_from_catalog(config: VendorConfig, known: CatalogStream, zone: str | None) -> ReportType | None:
    """Return the report of a catalog's stream, or None if it is not configured."""
    if known.name == CLICKS_NAME and has_clicks(config.values):
        return clicks_type(config, zone)
    if config.reports is None:
        handle = ReportConfig(values={"id": known.title or known.name}, name=known.name)
        return type_from_settings(config, handle, zone)
    types = (type_from_settings(config, report, zone) for report in config.reports)
    return next((type_ for type_ in types if type_.name == known.name), None)


def configured_or_all(
    reports: Sequence[ReportConfig] | None, entries: Mapping[str, Json]
) -> Sequence[ReportConfig]:
    """Return the reports that become streams: the configured ones, or all that the API can run."""
    if reports is not None:
        return reports
    handles = [handle for handle, entry in entries.items() if is_accessible(entry)]
    names = property_names(map(property_name, handles), "verbatim")
    return [
        ReportConfig(values={"id": handle}, name=name) for handle, name in zip(handles, names, strict=True)
    ]


def why_unavailable(report: ReportConfig, entries: Mapping[str, Json]) -> str:
    """Return why this account can't run a report by API, with the nearest that it can run, or ""."""
    handle, accessible = report_id(report), [name for name in entries if is_accessible(entries[name])]
    if handle in accessible:
        return ""
    near = nearest(handle, accessible)
    if handle not in entries:
        return f'the account has no report "{handle}".{near or SEE_ALL}'
    return (
        f'the report "{handle}" can\'t be run by API (ApiAccessible is false); choose another one, or '
        f"ask impact.com to open it.{near}"
    )


def report_id(report: ReportConfig) -> str:
    """Return a configured report's handle or number."""
    return str(report.values["id"]).strip()


# --- what is requested --------------------------------------------------------------------------------


Export = tuple[str, Json, Slice | None]
"""One submission: path below the account's, query, and its days."""


def exports_of(
    values: Json, report: ReportType, days: Slice | None, zone: Callable[[], dt.tzinfo]
) -> Iterator[Export]:
    """Yield a slice's exports in the order of the rows: clicks by day, then by program.

    The format is always sent, as the vendor's default may change.
    """
    result_format = {RESULT_FORMAT: values["result_format"].upper()}
    if report.report != CLICKS:
        parameters = report.parameters
        dates = _dates(parameters, days, zone) if days else {}
        path = f"ReportExport/{quote(report.report, safe='')}"
        yield path, {**parameters["params"], **dates, **result_format}, days
    elif days:
        for offset in range(days.days):
            day = days.start + dt.timedelta(days=offset)
            for path, query in _clicks(values):
                yield path, {**query, "Date": day.isoformat(), **result_format}, Slice(day, day)


def _dates(parameters: Json, days: Slice, zone: Callable[[], dt.tzinfo]) -> dict[str, str]:
    """Return the date parameters. The days are the account's; a format may ask for a time and an offset, or
    end with a `Z`, which says that the time is UTC.
    """
    date_format = parameters["date_format"]
    is_utc = date_format.endswith("Z") and not date_format.endswith("%Z")
    at = zone() if is_utc or "%z" in date_format or "%Z" in date_format else None
    ends = ((days.start, FIRST_MOMENT), (days.end, LAST_MOMENT))
    moments = [dt.datetime.combine(day, time, at) for day, time in ends]
    return {
        name: (moment.astimezone(dt.UTC) if is_utc else moment).strftime(date_format)
        for name, moment in zip(parameters["date_parameters"], moments, strict=True)
    }


def _clicks(values: Json) -> Iterator[tuple[str, Json]]:
    """Yield path and query of each program's clicks; a partner may ask for all programs at once.

    https://integrations.impact.com/impact-brand/reference/retrieve-export-click
    """
    clicks, is_partner = click_settings(values), values["account_type"] == PARTNER
    query: dict[str, Any] = {
        parameter: [str(value) for value in clicks[name]]
        for name, parameter in CLICK_FILTERS.items()
        if clicks.get(name)
    }
    if "unique_click" in clicks:
        word = str(clicks["unique_click"])
        query["UniqueClick"] = word.upper() if is_partner else word.lower()
    for program in program_ids(values) or (None,):
        if program and values["account_type"] == BRAND:
            yield f"Programs/{quote(program, safe='')}/{CLICKS}", query
        else:
            yield CLICKS, {**query, "ProgramId": program} if program else query
