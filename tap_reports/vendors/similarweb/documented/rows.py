"""How the documented tables are written down: one call a table, names as words of a text."""

from __future__ import annotations

from collections.abc import Iterable

from tap_reports.models import Kind
from tap_reports.vendors.similarweb.tables import Filter, Metric, Table

D, W, M = "daily", "weekly", "monthly"
TEXT = Kind.STRING
ENTITIES = ("domains", "apps", "keywords", "segment_ids", "company")
"""Filters that say what a report is about; of those that a table takes, one needs values."""
BOOLEANS = frozenset({"include_subdomains", "is_main_domain", "is_states_enabled"})


def metrics(names: str, kind: Kind | None = Kind.NUMBER, at: tuple[str, ...] = ()) -> tuple[Metric, ...]:
    """Return metrics of one kind; `at`: the granularities, () for all of the table."""
    return tuple(Metric(name, kind, at) for name in names.split())


def table(
    name: str,
    granularities: tuple[str, ...],
    filters: str,
    keys: str,
    *groups: Iterable[Metric],
    open_metrics: tuple[str, ...] = (),
    open_filters: bool = False,
) -> Table:
    """Return a table; `groups` are its metrics, `keys` leaves out the date."""
    names = filters.split()
    return Table(
        name=name,
        granularities=granularities,
        filters=tuple(Filter(item, boolean=item in BOOLEANS) for item in names),
        keys=tuple(keys.split()),
        metrics=tuple(metric for group in groups for metric in group),
        needs=(tuple(item for item in names if item in ENTITIES),),
        open_metrics=open_metrics,
        open_filters=open_filters,
    )
