"""What a report's metadata says of its columns: kinds, the date column, the key of action listings.

The vendor's columns differ by report and account, so nothing is fixed here but how to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tap_reports.models import Column, Json, Kind
from tap_reports.models.columns import property_names

DATE_NAMES = frozenset({"date_display", "action_date", "day", "eventdate"})
"""Columns that hold the row's day in some reports, in lower case, whatever type the metadata gives them."""
DISPLAY_DATES = frozenset({"date_display", "day"})
"""Of these, the ones that are a day written for people (`Aug 3, 2026`) where they are declared as text."""
LONGER_PERIODS = ("week", "month", "quarter", "year")
"""In the handle of a report whose display date is not a day, as `partner_performance_by_month`."""
DATE_KINDS = frozenset({Kind.DATE, Kind.DATE_TIME})


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
