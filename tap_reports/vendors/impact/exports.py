"""Requests: a slice of a report -> the export that is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from urllib.parse import quote

from tap_reports.models import FileFormat, Json, ReportRequest, ReportType, Slice
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.impact.reports import CLICKS, layout
from tap_reports.vendors.impact.settings import BRAND, RESULT_FORMAT, click_filters, program_ids
from tap_reports.vendors.impact.zones import AccountZone

FIRST_MOMENT, LAST_MOMENT = dt.time(0, 0, 0), dt.time(23, 59, 59)
ROW_LIMITS = {"partner_payable_click_data": 100_000}
"""By https://integrations.impact.com/partner-api-reference; a file with as many rows is warned of."""


def requests_for(
    config: VendorConfig, report: ReportType, days: Slice | None, zone: AccountZone
) -> list[ReportRequest]:
    """Return what to ask for, in the order of the rows: clicks by day, then by program."""
    if report.report == CLICKS:
        return list(_clicks(config, report, days))
    parameters = report.parameters
    query = {**parameters["params"], **_dates(parameters, days, zone), **_result_format(config)}
    return [_request(config, report, f"ReportExport/{quote(report.report, safe='')}", query, days)]


def _clicks(config: VendorConfig, report: ReportType, days: Slice | None) -> Iterator[ReportRequest]:
    """Yield a request for each day and program; a partner may ask for all programs at once."""
    for day in _each_day(days):
        for program in program_ids(config.values) or (None,):
            query = {
                **click_filters(config.values),
                "Date": day.start.isoformat(),
                **_result_format(config),
            }
            path = CLICKS
            if program and config.values["account_type"] == BRAND:
                path = f"Programs/{quote(program, safe='')}/{CLICKS}"
            elif program:
                query["ProgramId"] = program
            yield _request(config, report, path, query, day, quota="click")


def _request(
    config: VendorConfig,
    report: ReportType,
    path: str,
    query: Json,
    days: Slice | None,
    quota: str = "report",
) -> ReportRequest:
    values = config.values
    return ReportRequest(
        vendor=config.name,
        account=values["account_sid"],
        api_url=config.api_url,
        report=report.report,
        parameters={
            "account_type": values["account_type"],
            "api_version": str(values.get("api_version") or ""),
            "path": path,
            "query": query,
        },
        slice=days,
        quota=quota,
        row_limit=ROW_LIMITS.get(report.report),
    )


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


def _result_format(config: VendorConfig) -> dict[str, str]:
    """Return the format to ask for, always: the vendor's default may change."""
    return {RESULT_FORMAT: "JSON" if layout(config).format is FileFormat.JSON else "CSV"}


def _each_day(days: Slice | None) -> Iterator[Slice]:
    if days is None:
        return
    for offset in range(days.days):
        day = days.start + dt.timedelta(days=offset)
        yield Slice(day, day)
