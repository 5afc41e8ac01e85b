"""The tables there are: described by the account once a run, else as documented.

https://developers.similarweb.com/reference/tables-describe
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tap_reports.exceptions import AccessDenied, BadAnswer, CallError
from tap_reports.http.responses import answer_json, call_of
from tap_reports.models import Kind
from tap_reports.vendors.similarweb.calls import WRONG_KEY, Calls
from tap_reports.vendors.similarweb.tables import Metric, Table, documented

logger = logging.getLogger("tap-reports.similarweb")

KINDS = {
    "bigint": Kind.INTEGER,
    "int": Kind.INTEGER,
    "double": Kind.NUMBER,
    "string": Kind.STRING,
    "object": Kind.STRING,
}
"""Any other type is left to the file."""


class Catalog:
    """Asks describe when the tables are first needed. Used from many threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._tables: Mapping[str, Table] = {}
        self._denied: AccessDenied | None = None
        self.problem = ""
        """Why describe could not be used; "" if it was."""

    def tables(self) -> Mapping[str, Table]:
        """Return the tables by name.

        Raises:
            AccessDenied: The API key is wrong (401). Any other failure leads to the documented tables.
        """
        with self._lock:
            if not self._tables and not self._denied:
                self._ask()
            if self._denied:
                raise self._denied
            return self._tables

    def _ask(self) -> None:
        try:
            self._tables = self._described()
        except CallError as error:
            if isinstance(error, AccessDenied) and error.status == WRONG_KEY:
                self._denied = error
                return
            self.problem = str(error)
            self._tables = documented()
            logger.warning("Similarweb's describe call failed, the documented tables are used: %s", error)

    def _described(self) -> Mapping[str, Table]:
        response = self._calls.call("GET", "describe_path")
        tables = tables_of(answer_json(response))
        if not tables:
            raise BadAnswer(call_of(response), "no table is described", status=response.status_code)
        return tables


def tables_of(answer: Any) -> dict[str, Table]:
    """Return the tables by name; {} if the answer describes none.

    Args:
        answer: An array of tables (seen in use), or an object with that array as `tables` (documented).
    """
    rows = answer.get("tables") if isinstance(answer, Mapping) else answer
    tables = [_table(row) for row in _objects(rows) if row.get("table")]
    return {table.name: table for table in tables}


def _table(row: Mapping[str, Any]) -> Table:
    name, periods = str(row["table"]), row.get("table_granularity")
    filters = [item for item in _objects(row.get("table_filters")) if item.get("name")]
    known = documented().get(name)
    return Table(
        name=name,
        granularities=_names(periods),
        filters={str(item["name"]): item.get("type") == "bool" for item in filters},
        keys=_keys(filters, known.keys if known else ()),
        metrics=tuple(
            _metric(item) for item in _objects(row.get("table_metrics")) if item.get("metric_name")
        ),
        needs=tuple((str(item["name"]),) for item in filters if item.get("is_mandatory")),
        starts=_edges(periods, "start_date"),
        ends=_edges(periods, "end_date"),
        limit=known.limit if known else None,
        rest=known.rest if known else False,
    )


def _metric(item: Mapping[str, Any]) -> Metric:
    periods = item.get("supported_granularity")
    return Metric(
        str(item["metric_name"]),
        KINDS.get(str(item.get("type"))),
        _names(periods),
        starts=_edges(periods, "start_date"),
        ends=_edges(periods, "end_date"),
    )


def _keys(filters: Iterable[Mapping[str, Any]], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the key columns that the filters name.

    A key column that no filter names (`referrer_name` of traffic_sources) is missing there, and rows would
    replace each other; so where the documented columns hold all of those and more, they are the key.
    """
    described = tuple(dict.fromkeys(str(item["key_column"]) for item in filters if item.get("key_column")))
    return known if set(described) <= set(known) else described


def _edges(periods: Any, name: str) -> dict[str, str]:
    if not isinstance(periods, Mapping):
        return {}
    return {
        str(granularity): str(span[name])
        for granularity, span in periods.items()
        if isinstance(span, Mapping) and span.get(name)
    }


def _names(value: Any) -> tuple[str, ...]:
    """Return the keys of an object or the items of an array, as text."""
    return tuple(str(item) for item in value) if isinstance(value, (Mapping, list)) else ()


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
