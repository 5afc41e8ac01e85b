"""Requests: a slice of a report -> the export that is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tap_reports.models import FileFormat, Json, ReportType, Slice
from tap_reports.vendors.impact.reports import CLICKS, layout
from tap_reports.vendors.impact.settings import BRAND, RESULT_FORMAT, click_filters, program_ids
from tap_reports.vendors.impact.zones import AccountZone

FIRST_MOMENT, LAST_MOMENT = dt.time(0, 0, 0), dt.time(23, 59, 59)
ROW_LIMITS = {"partner_payable_click_data": 100_000}
"""By https://integrations.impact.com/partner-api-reference; a file with as many rows is warned of."""


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
    return {RESULT_FORMAT: "JSON" if layout(values).format is FileFormat.JSON else "CSV"}


def _each_day(days: Slice | None) -> Iterator[Slice]:
    if days is None:
        return
    for offset in range(days.days):
        day = days.start + dt.timedelta(days=offset)
        yield Slice(day, day)
