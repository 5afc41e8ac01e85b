"""What a report's metadata says: its columns' kinds, its date column, its key; and which filters it takes.

The vendor's columns differ by report and account, so nothing is fixed here but how to read them. The agency
API shows names of filters for people (`Start Date`); not every parameter that a report takes is listed.
https://integrations.impact.com/impact-brand/reference/retrieve-metadata
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tap_reports.models import Column, Json, Kind, ReportType
from tap_reports.models.columns import property_names
from tap_reports.setting import nearest
from tap_reports.vendors.impact.catalog import listed
from tap_reports.vendors.impact.settings import DATE_PARAMETERS

logger = logging.getLogger("tap-reports.impact")

DATE_NAMES = frozenset({"date_display", "action_date", "day", "eventdate"})
"""Columns that hold the row's day in some reports, in lower case, whatever type the metadata gives them."""
DISPLAY_DATES = frozenset({"date_display", "day"})
"""Of these, the ones that are a day written for people (`Aug 3, 2026`) where they are declared as text."""
LONGER_PERIODS = ("week", "month", "quarter", "year")
"""In the handle of a report whose display date is not a day, as `partner_performance_by_month`."""
DATE_KINDS = frozenset({Kind.DATE, Kind.DATE_TIME})
NEAR = 0.8
FLAGS = "SHOW_"
"""Parameters that add columns; the metadata lists none of them."""


# --- columns ------------------------------------------------------------------------------------------


def kind_of_type(data_type: str) -> Kind:
    """Return the kind of a metadata DataType: `Decimal`, `DATETIME`, `Date (yyyy-MM-dd'T'HH:mm:ssZZ)`, ….

    The date's format is part of the type; the letter case differs between the APIs. Unknown types are text.
    """
    word = data_type.strip().lower()
    if word.startswith("date"):
        return Kind.DATE_TIME if word.startswith("datetime") or "hh" in word else Kind.DATE
    known = {
        "boolean": Kind.BOOLEAN,
        "decimal": Kind.NUMBER,
        "integer": Kind.INTEGER,
        "string": Kind.STRING,
    }
    return next((kind for prefix, kind in known.items() if word.startswith(prefix)), Kind.STRING)


def columns_of(attributes: Iterable[Any], report: str = "") -> tuple[Column, ...]:
    """Return the columns of a metadata answer's Attributes, in order, each header once."""
    kinds: dict[str, Kind] = {}
    shows_days = not any(word in report.lower() for word in LONGER_PERIODS)
    for attribute in attributes:
        if isinstance(attribute, dict) and attribute.get("Name"):
            kinds.setdefault(str(attribute["Name"]), _kind(attribute, shows_days=shows_days))
    names = property_names(kinds)
    return tuple(Column(header, name, kinds[header]) for header, name in zip(kinds, names, strict=True))


def _kind(attribute: Json, *, shows_days: bool) -> Kind:
    """Return the kind that the metadata declares; a day for people is a date also where it is text there."""
    kind = kind_of_type(str(attribute.get("DataType") or ""))
    is_display = kind is Kind.STRING and str(attribute["Name"]).lower() in DISPLAY_DATES
    return Kind.DATE if is_display and shows_days else kind


def date_column_of(columns: Sequence[Column]) -> str | None:
    """Return the header of the first column of a date kind or of a known name; None without one."""
    not_days = {column.header.lower() for column in columns if column.kind is Kind.STRING} & DISPLAY_DATES
    return next(
        (
            column.header
            for column in columns
            if column.kind in DATE_KINDS or column.header.lower() in DATE_NAMES - not_days
        ),
        None,
    )


def primary_keys_of(report: str, columns: Sequence[Column], params: Json) -> tuple[str, ...]:
    """Return the action id as the key of a report that has it. Any other report has none.

    Several rows of a listing by SKU share one action id, so it has none either.
    """
    by_name = {column.header.replace("_", "").lower(): column.header for column in columns}
    by_sku = "sku" in by_name or "sku" in report.lower() or "SHOW_SKU" in params
    return () if by_sku or "actionid" not in by_name else (by_name["actionid"],)


# --- filters ------------------------------------------------------------------------------------------


def wrong_parameters(type_: ReportType, metadata: Json) -> Iterator[str]:
    """Yield a sentence for each parameter that is nearly a filter's name, which impact.com would ignore.

    Another one that is not listed may exist all the same: it is warned of.
    """
    by_key = {key_of(name): name for name in _listed_filters(metadata)}
    for name in type_.parameters["params"] if by_key else ():
        if key_of(name) in by_key or name.upper().startswith(FLAGS):
            continue
        if near := nearest(name, by_key, NEAR):
            listed_names = ", ".join(by_key)
            yield f'{name}: the report "{type_.report}" has no such filter.{near} It lists {listed_names}.'
            continue
        logger.warning(
            'Report %s: its metadata lists no filter "%s", and impact.com ignores unknown ones. Listed: %s.',
            type_.report,
            name,
            ", ".join(by_key),
        )


def dated_by_filters(type_: ReportType, metadata: Json) -> ReportType:
    """Return the report type as its filters let it be: a snapshot where they hold no dates."""
    known, names = _listed_filters(metadata), type_.parameters["date_parameters"]
    listed_names = {_plain(name) for name in known}
    if not known or not type_.dated or listed_names & {_plain(name) for name in names}:
        return type_
    dates = [name for name in known if _plain(name) in {"STARTDATE", "ENDDATE"}]
    if dates or tuple(names) != DATE_PARAMETERS:
        logger.warning(
            'Report %s: its metadata lists no filter %s; set "date_parameters" to what it takes%s.',
            type_.report,
            " or ".join(names),
            f" ({', '.join(dates)})" if dates else ", [] for none",
        )
        return type_
    logger.info("Report %s takes no dates by its metadata, so it is a snapshot.", type_.report)
    return replace(type_, dated=False)


def _listed_filters(metadata: Json) -> list[str]:
    filters = [item for item in listed(metadata.get("Filters")) if isinstance(item, dict)]
    return [str(item["Name"]) for item in filters if item.get("Name")]


def key_of(name: str) -> str:
    """Return a filter's name as the query has it."""
    return name.strip().upper().replace(" ", "_")


def _plain(name: str) -> str:
    return key_of(name).replace("_", "")
