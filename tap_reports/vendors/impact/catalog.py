"""The vendor's catalogue: which reports there are, and what their metadata says. Free calls.

The columns differ by report and account, so nothing is fixed here but how to read them. The agency API shows
names of filters for people (`Start Date`); not every parameter that a report takes is listed.
https://integrations.impact.com/impact-brand/reference/retrieve-metadata
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from tap_reports.exceptions import BadAnswer, CallRejected
from tap_reports.http.api import ApiSession
from tap_reports.http.responses import Answer, answer_json, call_of
from tap_reports.models import Column, Json, Kind, ReportType
from tap_reports.models.columns import columns_of
from tap_reports.setting import nearest
from tap_reports.vendors.impact.jobs import error_text, whole_number
from tap_reports.vendors.impact.settings import DATE_PARAMETERS

logger = logging.getLogger("tap-reports.impact")

FORBIDDEN_OR_MISSING = frozenset({403, 404})
DATE_NAMES = frozenset({"date_display", "action_date", "day", "eventdate"})
"""Columns that hold the row's day in some reports, in lower case, whatever type the metadata gives them."""
DISPLAY_DATES = frozenset({"date_display", "day"})
"""Of these, the ones that are a day written for people (`Aug 3, 2026`) where they are declared as text."""
LONGER_PERIODS = ("week", "month", "quarter", "year")
"""In the handle of a report whose display date is not a day, as `partner_performance_by_month`."""
KINDS = {"boolean": Kind.BOOLEAN, "decimal": Kind.NUMBER, "integer": Kind.INTEGER}
SIMILARITY = 0.8
"""From which on a parameter is taken for a misspelt filter."""
FLAG_PREFIX = "SHOW_"
"""Of parameters that add columns; the metadata lists none of them."""


class Catalog:
    """Reads the catalogue of one account, whose path is `prefix`."""

    def __init__(self, api: ApiSession, prefix: str) -> None:
        self._api, self._prefix = api, prefix

    def reports(self) -> dict[str, Json]:
        """Return all reports that have an id, by id, those that the API can't run included.

        Raises:
            CallError: The list can't be read.
        """
        return {str(entry["Id"]): entry for entry in self._entries() if entry.get("Id")}

    def metadata(self, entry: Json) -> Json:
        """Return a report's metadata; {}, with a warning, if this account may not read it."""
        report = str(entry["Id"])
        path = entry.get("MetaDataUri") or f"{self._prefix}/Reports/{quote(report, safe='')}/MetaData"
        try:
            return self._read(str(path))
        except CallRejected as error:
            if error.status not in FORBIDDEN_OR_MISSING:
                raise
            logger.warning("Report %s: its columns are taken from its files, as %s", report, error)
            return {}

    def timezone(self) -> str:
        """Return the account's time zone in display form (`(GMT -06:00) …`), "" if it has none."""
        return str(self._read(f"{self._prefix}/CompanyInformation").get("Timezone") or "")

    def _entries(self) -> Iterator[Json]:
        """Yield the reports of all pages. The agency API is documented to answer a bare array."""
        first = path = f"{self._prefix}/Reports"
        seen = set[str]()
        while path and path not in seen:
            seen.add(path)
            answer = self._read(path)
            if "Reports" not in answer:
                raise BadAnswer(self._api.shown("GET", path), "no Reports came", status=200)
            yield from entries_of(answer["Reports"])
            is_last = len(seen) >= (whole_number(answer.get("@numpages")) or 1)
            path = str(answer.get("@nextpageuri") or ("" if is_last else f"{first}?Page={len(seen) + 1}"))

    def _read(self, path: str) -> dict[str, Any]:
        """Return an answer's object; an array is returned as `Reports`."""
        response = self._api.call("GET", below_base(self._api.base_url, path))
        answer = answer_json(response)
        if isinstance(answer, list):
            return {"Reports": answer}
        if not isinstance(answer, Answer):
            raise BadAnswer(call_of(response), "neither an object nor an array came", status=200)
        if str(answer.get("Status")).upper() == "ERROR":
            raise CallRejected(answer.what, error_text(answer), status=200)
        return answer


def is_accessible(entry: Json) -> bool:
    """Return whether the API can run a report of the list; where the list does not say, it may be tried."""
    return str(entry.get("ApiAccessible", True)).strip().lower() == "true"


def entries_of(value: Any) -> list[Json]:
    """Return the objects of a list, of which an empty one may come as null, `{}` or `[]`."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and item]


def below_base(base_url: str, uri: str) -> str:
    """Return a link of an answer as a path below the base URL. They are relative to the host."""
    base_path = urlsplit(base_url).path.rstrip("/")
    return uri.removeprefix(base_path) if base_path and uri.startswith(f"{base_path}/") else uri


# --- metadata -----------------------------------------------------------------------------------------


def described(type_: ReportType, entry: Json, metadata: Json, *, selected: bool) -> ReportType:
    """Return a report type with what the list's entry and the metadata say of it."""
    shows_days = not any(word in type_.report.lower() for word in LONGER_PERIODS)
    kinds: dict[str, Kind] = {}
    for attribute in entries_of(metadata.get("Attributes")):
        if attribute.get("Name"):
            kinds.setdefault(str(attribute["Name"]), _kind(attribute, shows_days=shows_days))
    columns = columns_of(kinds)
    return replace(
        type_,
        columns=columns,
        dated=type_.dated and _takes_dates(type_, metadata),
        primary_keys=_primary_keys(type_, columns),
        date_column=_date_column(columns),
        description=str(entry.get("Description") or entry.get("Name") or ""),
        selected=selected,
    )


def kind_of_type(data_type: str) -> Kind:
    """Return the kind of a metadata DataType: `Decimal`, `DATETIME`, `Date (yyyy-MM-dd'T'HH:mm:ssZZ)`, ….

    The date's format is part of the type; the letter case differs between the APIs. Unknown types are text.
    """
    word = data_type.strip().lower()
    if word.startswith("date"):
        return Kind.DATE_TIME if word.startswith("datetime") or "hh" in word else Kind.DATE
    return next((kind for prefix, kind in KINDS.items() if word.startswith(prefix)), Kind.STRING)


def _kind(attribute: Json, *, shows_days: bool) -> Kind:
    """Return the kind that the metadata declares; a day for people is a date also where it is text there."""
    kind = kind_of_type(str(attribute.get("DataType") or ""))
    is_display = kind is Kind.STRING and str(attribute["Name"]).lower() in DISPLAY_DATES
    return Kind.DATE if is_display and shows_days else kind


def _date_column(columns: Sequence[Column]) -> str | None:
    """Return the header of the first column of a date kind or of a known name; None without one."""
    for column in columns:
        name, is_text = column.header.lower(), column.kind is Kind.STRING
        is_named = name in DATE_NAMES and not (is_text and name in DISPLAY_DATES)
        if is_named or column.kind in {Kind.DATE, Kind.DATE_TIME}:
            return column.header
    return None


def _primary_keys(type_: ReportType, columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the action id as the key of a report that has it. Any other report has none.

    Several rows of a listing by SKU share one action id, so it has none either.
    """
    by_name = {column.header.replace("_", "").lower(): column.header for column in columns}
    params = type_.parameters["params"]
    by_sku = "sku" in by_name or "sku" in type_.report.lower() or "SHOW_SKU" in params
    return () if by_sku or "actionid" not in by_name else (by_name["actionid"],)


def wrong_parameters(type_: ReportType, metadata: Json) -> Iterator[str]:
    """Yield a sentence for each parameter that is nearly a filter's name, which impact.com would ignore.

    Another one that is not listed may exist all the same: it is warned of.
    """
    filters = list(dict.fromkeys(map(_query_name, _filters(metadata))))
    names = ", ".join(filters)
    for name in type_.parameters["params"] if filters else ():
        if _query_name(name) in filters or name.upper().startswith(FLAG_PREFIX):
            continue
        if near := nearest(name, filters, SIMILARITY):
            yield f'{name}: the report "{type_.report}" has no such filter.{near} It lists {names}.'
            continue
        logger.warning(
            'Report %s: its metadata lists no filter "%s", and impact.com ignores unknown ones. Listed: %s.',
            type_.report,
            name,
            names,
        )


def _takes_dates(type_: ReportType, metadata: Json) -> bool:
    """Return whether a report takes dates by its filters; without any it is a snapshot."""
    filters, names = _filters(metadata), type_.parameters["date_parameters"]
    if not filters or {_plain(name) for name in filters} & {_plain(name) for name in names}:
        return True
    dates = [name for name in filters if _plain(name) in {"STARTDATE", "ENDDATE"}]
    if dates or tuple(names) != DATE_PARAMETERS:
        logger.warning(
            'Report %s: its metadata lists no filter %s; set "date_parameters" to what it takes%s.',
            type_.report,
            " or ".join(names),
            f" ({', '.join(dates)})" if dates else ", [] for none",
        )
        return True
    logger.info("Report %s takes no dates by its metadata, so it is a snapshot.", type_.report)
    return False


def _filters(metadata: Json) -> list[str]:
    return [str(item["Name"]) for item in entries_of(metadata.get("Filters")) if item.get("Name")]


def _query_name(name: str) -> str:
    """Return a filter's name as the query has it."""
    return name.strip().upper().replace(" ", "_")


def _plain(name: str) -> str:
    return _query_name(name).replace("_", "")
