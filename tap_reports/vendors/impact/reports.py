"""Report types of an account (the configured reports, or all of the catalogue, and the clicks), and the
exports that are asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from tap_reports.models import Column, FileFormat, Json, Kind, Layout, ReportType, Slice
from tap_reports.models.columns import property_name, property_names
from tap_reports.setting import nearest
from tap_reports.vendor import CatalogStream, ReportConfig, VendorConfig
from tap_reports.vendors.impact.catalog import is_accessible
from tap_reports.vendors.impact.metadata import date_column_of, primary_keys_of
from tap_reports.vendors.impact.settings import (
    BRAND,
    DATE_FORMAT,
    DATE_PARAMETERS,
    RESULT_FORMAT,
    click_filters,
    has_clicks,
    is_dated,
    program_ids,
    query_texts,
)
from tap_reports.vendors.impact.zones import AccountZone

CLICKS = "ClickExport"
CLICKS_NAME = "clicks"
SEE_ALL = ' Run --discover without "reports" to see all.'
RECORDS_KEYS = ("Records", "Clicks")
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
CLICK_KINDS: Mapping[str, Kind] = {
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
    return Layout(format=FileFormat(values["result_format"]), records=RECORDS_KEYS)


def clicks_type(config: VendorConfig, zone: str | None) -> ReportType:
    """Return the click export: single days, which do not change once they are over."""
    return ReportType(
        name=CLICKS_NAME,
        report=CLICKS,
        columns=tuple(Column(header, property_name(header), kind) for header, kind in CLICK_KINDS.items()),
        date_column="EventDate",
        slice_days=1,
        max_slice_days=1,
        lookback_days=0,
        parameters=_with_zone({}, zone),
        layout=layout(config.values),
        description="Clicks, one file for each day and program.",
    )


def plain_type(config: VendorConfig, report: ReportConfig, zone: str | None) -> ReportType:
    """Return a report by its settings alone, without what the vendor says of it."""
    values = report.values
    parameters = {
        "params": query_texts(values.get("params") or {}),
        "date_parameters": list(values.get("date_parameters", DATE_PARAMETERS)),
        "date_format": values.get("date_format") or DATE_FORMAT,
    }
    return ReportType(
        name=property_name(report.name or report_id(report)),
        report=report_id(report),
        dated=is_dated(values),
        parameters=_with_zone(parameters, zone),
        layout=layout(config.values),
    )


def known_type(config: VendorConfig, known: CatalogStream, zone: str | None) -> ReportType | None:
    """Return the report of a catalog's stream, or None if it is not configured."""
    if known.name == CLICKS_NAME and has_clicks(config.values):
        return clicks_type(config, zone)
    if config.reports is None:
        handle = ReportConfig(values={"id": known.title or known.name}, name=known.name)
        return plain_type(config, handle, zone)
    types = (plain_type(config, report, zone) for report in config.reports)
    return next((type_ for type_ in types if type_.name == known.name), None)


def chosen(reports: Sequence[ReportConfig] | None, entries: Mapping[str, Json]) -> Sequence[ReportConfig]:
    """Return the reports that become streams: the configured ones, or all that the API can run."""
    if reports is not None:
        return reports
    runnable = [handle for handle, entry in entries.items() if is_accessible(entry)]
    names = property_names(map(property_name, runnable), "verbatim")
    return [
        ReportConfig(values={"id": handle}, name=name) for handle, name in zip(runnable, names, strict=True)
    ]


def unavailable(report: ReportConfig, entries: Mapping[str, Json]) -> str:
    """Return why this account can't run a report by API, with the nearest that it can run, or ""."""
    handle = report_id(report)
    if handle in entries and is_accessible(entries[handle]):
        return ""
    near = nearest(handle, [name for name, entry in entries.items() if is_accessible(entry)])
    if handle not in entries:
        return f'the account has no report "{handle}".{near or SEE_ALL}'
    return (
        f'the report "{handle}" can\'t be run by API (ApiAccessible is false); choose another one, or '
        f"ask impact.com to open it.{near}"
    )


def report_id(report: ReportConfig) -> str:
    """Return a configured report's handle or number."""
    return str(report.values["id"]).strip()


def described(type_: ReportType, entry: Json, columns: tuple[Column, ...], *, selected: bool) -> ReportType:
    """Return a report type with what the vendor says of it."""
    return replace(
        type_,
        columns=columns,
        primary_keys=primary_keys_of(type_.report, columns, type_.parameters["params"]),
        date_column=date_column_of(columns),
        description=str(entry.get("Description") or entry.get("Name") or ""),
        selected=selected,
    )


def _with_zone(parameters: Json, zone: str | None) -> Json:
    return {**parameters, "zone": zone} if zone else dict(parameters)


# --- exports ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One submission: what is asked for where, for which days, and in which quota it counts."""

    path: str
    query: Json
    days: Slice | None
    quota: str = "report"


def exports_of(values: Json, report: ReportType, days: Slice | None, zone: AccountZone) -> list[Export]:
    """Return what to ask for, in the order of the rows: clicks by day, then by program."""
    if report.report == CLICKS:
        return list(_clicks(values, days))
    parameters = report.parameters
    query = {**parameters["params"], **_dates(parameters, days, zone), **_result_format(values)}
    return [Export(path=f"ReportExport/{quote(report.report, safe='')}", query=query, days=days)]


def _clicks(values: Json, days: Slice | None) -> Iterator[Export]:
    """Yield an export for each day and program; a partner may ask for all programs at once."""
    for day in _each_day(days):
        for program in program_ids(values) or (None,):
            query = {**click_filters(values), "Date": day.start.isoformat(), **_result_format(values)}
            path = CLICKS
            if program and values["account_type"] == BRAND:
                path = f"Programs/{quote(program, safe='')}/{CLICKS}"
            elif program:
                query["ProgramId"] = program
            yield Export(path=path, query=query, days=day, quota="click")


def _dates(parameters: Json, days: Slice | None, zone: AccountZone) -> dict[str, str]:
    """Return the date parameters. The days are the account's; a format may ask for a time and an offset, or
    end with a `Z`, which says that the time is UTC.
    """
    if days is None:
        return {}
    date_format = parameters["date_format"]
    is_utc = date_format.endswith("Z") and not date_format.endswith("%Z")
    at = zone.get() if is_utc or "%z" in date_format or "%Z" in date_format else None
    ends = ((days.start, FIRST_MOMENT), (days.end, LAST_MOMENT))
    moments = [dt.datetime.combine(day, time, at) for day, time in ends]
    return {
        name: (moment.astimezone(dt.UTC) if is_utc else moment).strftime(date_format)
        for name, moment in zip(parameters["date_parameters"], moments, strict=True)
    }


def _result_format(values: Json) -> dict[str, str]:
    """Return the format to ask for, always: the vendor's default may change."""
    return {RESULT_FORMAT: values["result_format"].upper()}


def _each_day(days: Slice | None) -> Iterator[Slice]:
    if days is None:
        return
    for offset in range(days.days):
        day = days.start + dt.timedelta(days=offset)
        yield Slice(day, day)
