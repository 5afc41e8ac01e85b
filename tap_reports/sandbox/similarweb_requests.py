"""Similarweb's request bodies of all versions, read and checked; and what describe says of a table."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from tap_reports.sandbox import similarweb_data as data
from tap_reports.sandbox.http import Request
from tap_reports.sandbox.similarweb_data import CHANNELS


def read(request: Request, today: dt.date) -> tuple[dict[str, Any], list[str]]:
    """Return a submission's parts whatever its version, and what is wrong with it."""
    query, delivery = _query_and_delivery(request)
    name, granularity = query.get("vtable", ""), query.get("granularity", "")
    table = data.TABLES.get(name)
    if table is None:
        return {}, [f"table {name} is not available"]
    if granularity not in table.granularities:
        known = ", ".join(table.granularities)
        return {}, [f"granularity should be one of the following - {known}."]
    parts = {
        "table": name,
        "granularity": granularity,
        "metrics": query.get("metrics") or [],
        "filters": query.get("filters") or {},
        "format": delivery.get("response_format", "csv"),
        "webhook_url": delivery.get("webhook_url", ""),
        "limit": (query.get("paging") or {}).get("limit"),
    }
    errors = list(_errors(parts, table))
    parts["start"], parts["end"] = _dates(query, granularity, today, errors)
    return parts, errors


def _query_and_delivery(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    body = request.json()
    if not request.path.startswith("/v3/"):
        tables = body.get("report_query", {}).get("tables") or [{}]
        return tables[0], body.get("delivery_information", {})
    filters = {name: body[name] for name in ("domains", "countries") if name in body}
    table = request.params.get("vtable", body.get("vtable", "traffic_and_engagement"))
    return {"filters": filters, **body, "vtable": table}, body


def _errors(parts: dict[str, Any], table: data.Table) -> Iterator[str]:
    metrics, filters, limit = parts["metrics"], parts["filters"], parts["limit"]
    unknown = [name for name in metrics if name not in table.at(parts["granularity"])]
    if unknown or not metrics:
        named = ", ".join(unknown) or "none given"
        yield f"metrics are invalid for {parts['granularity']} granularity: {named}"
    for name in table.keys:
        if name not in table.fixed and not filters.get(name):
            yield f"filter {name} is mandatory"
    if not table.described and len(filters.get("segment_ids") or ()) > data.MAX_SEGMENTS:
        yield f"at most {data.MAX_SEGMENTS} segments can be requested at once"
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        yield "limit must be a positive integer"
    if parts["format"] not in {"csv", "json"}:
        yield f"response_format {parts['format']} is not supported"


def _dates(
    query: dict[str, Any], granularity: str, today: dt.date, errors: list[str]
) -> tuple[dt.date, dt.date]:
    """Return the days of a request; what lies outside of describe's range is an error."""
    first, last = data.available(granularity, today)
    try:
        start = _day(query.get("start_date") or f"{last}", first_day=True)
        end = last if query.get("latest") else _day(query["end_date"], first_day=False)
    except (KeyError, ValueError):
        errors.append("start_date and end_date must be YYYY-MM-DD, or YYYY-MM for monthly granularity")
        return first, first
    if start > end or start < data.monday(first) or end > last:
        errors.append(
            "Request failed due to invalid start/end date. Historical data for "
            f"{granularity} granularity is available as of {first} until {last}"
        )
    return start, end


def _day(text: str, *, first_day: bool) -> dt.date:
    if len(text) > len("2026-08"):
        return dt.date.fromisoformat(text)
    month = dt.date.fromisoformat(f"{text}-01")
    return month if first_day else month.replace(day=calendar.monthrange(month.year, month.month)[1])


def described(name: str, table: data.Table, today: dt.date) -> dict[str, Any]:
    """Return a table as describe shows it."""

    def spans(words: Iterable[str]) -> dict[str, Any]:
        available = {}
        for word in words:
            form = "%Y-%m" if word == "monthly" else "%Y-%m-%d"
            first, last = data.available(word, today)
            available[word] = {"start_date": first.strftime(form), "end_date": last.strftime(form)}
        return available

    metrics = [
        {
            "metric_name": metric.name,
            "description": metric.name.replace("_", " "),
            "type": metric.type,
            "supported_granularity": spans(words),
            "valid_values": None,
        }
        for metric, words in table.metrics.items()
    ]

    def filter_of(name: str, column: str | None, kind: str, values: list[str] | None) -> dict[str, Any]:
        named = {"name": name, "key_column": column, "is_filterable": True}
        is_mandatory = column is not None and name not in table.fixed
        return named | {"is_mandatory": is_mandatory, "type": kind, "valid_values": values}

    filters = [
        filter_of(name, column, "list", list(CHANNELS) if name == "channels" else None)
        for name, column in table.keys.items()
    ]
    if "domains" in table.keys:
        filters.append(filter_of("include_subdomains", None, "bool", None))
    return {
        "table": name,
        "table_granularity": spans(table.granularities),
        "table_metrics": metrics,
        "table_filters": filters,
    }
