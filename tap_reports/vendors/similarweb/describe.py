"""The answer of the describe call: the tables that the account can use.

https://developers.similarweb.com/reference/tables-describe
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tap_reports.models import Kind
from tap_reports.vendors.similarweb.documented import DOCUMENTED
from tap_reports.vendors.similarweb.tables import Filter, Metric, Table

KINDS = {
    "bigint": Kind.INTEGER,
    "int": Kind.INTEGER,
    "double": Kind.NUMBER,
    "string": Kind.STRING,
    "object": Kind.STRING,
}
"""Any other type is left to the file."""


def tables_of(answer: Any) -> dict[str, Table]:
    """Return the tables by name; {} if the answer describes none.

    Args:
        answer: An array of tables (seen in use), or an object with that array as `tables` (documented).
    """
    rows = answer.get("tables") if isinstance(answer, Mapping) else answer
    tables = [_table(row) for row in _objects(rows) if row.get("table")]
    return {table.name: table for table in tables}


def _table(row: Mapping[str, Any]) -> Table:
    name = str(row["table"])
    periods = row.get("table_granularity")
    filters = list(_objects(row.get("table_filters")))
    return Table(
        name=name,
        granularities=_names(periods),
        filters=tuple(
            Filter(str(item["name"]), boolean=item.get("type") == "bool")
            for item in filters
            if item.get("name")
        ),
        keys=_keys(name, filters),
        metrics=tuple(
            Metric(
                str(item["metric_name"]),
                KINDS.get(str(item.get("type"))),
                _names(item.get("supported_granularity")),
                ends=_edges(item.get("supported_granularity"), "end_date"),
            )
            for item in _objects(row.get("table_metrics"))
            if item.get("metric_name")
        ),
        needs=tuple(
            (str(item["name"]),) for item in filters if item.get("is_mandatory") and item.get("name")
        ),
        starts=_edges(periods, "start_date"),
        ends=_edges(periods, "end_date"),
        limit=DOCUMENTED[name].limit if name in DOCUMENTED else None,
        rest=name in DOCUMENTED and DOCUMENTED[name].rest,
    )


def _keys(name: str, filters: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the key columns that the filters name.

    A key column that no filter names (`referrer_name` of traffic_sources) is missing there, and rows would
    replace each other; so where the documented columns hold all of those and more, they are the key.
    """
    described = tuple(dict.fromkeys(str(item["key_column"]) for item in filters if item.get("key_column")))
    documented = DOCUMENTED[name].keys if name in DOCUMENTED else ()
    return documented if set(described) <= set(documented) else described


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
