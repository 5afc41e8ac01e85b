"""How the documented tables are written down: one call a table, names as words of a text."""

from __future__ import annotations

from collections.abc import Iterable

from tap_reports.models import Kind
from tap_reports.vendors.similarweb.tables import ENTITIES, Filter, Metric, Table

D, W, M = "daily", "weekly", "monthly"
TEXT = Kind.STRING
BOOLEANS = frozenset({"include_subdomains", "is_main_domain", "is_states_enabled"})


def metrics(
    names: str,
    kind: Kind | None = Kind.NUMBER,
    at: tuple[str, ...] = (),
    *,
    prefix: str = "",
    rest: bool = False,
) -> tuple[Metric, ...]:
    """Return metrics of one kind; `at`: the granularities, () for all of the table."""
    return tuple(Metric(prefix + name, kind, at, rest) for name in names.split())


def table(
    name: str,
    granularities: tuple[str, ...],
    filters: str,
    keys: str,
    *groups: Iterable[Metric],
    open_metrics: tuple[str, ...] = (),
    open_filters: bool = False,
    rest: bool = False,
    limit: int | None = None,
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
        rest=rest,
        limit=limit,
    )
