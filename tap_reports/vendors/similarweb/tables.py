"""A Similarweb table ("vtable"): granularities, filters, key columns, metrics. The documented ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tap_reports.models import Json, Kind

ENTITIES = ("domains", "apps", "keywords", "segment_ids", "company")
"""Filters that say what a report is about; of those that a table takes, one needs values."""
MAX_ENTITIES, MAX_REST_ENTITIES = 1_000_000, 100
"""https://developers.similarweb.com/docs/request-your-rest-api-endpoints-using-batch-api"""
BOOLEANS = frozenset({"include_subdomains", "is_main_domain", "is_states_enabled"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that can be requested.

    Attributes:
        name: Its name in the request and its header in the file.
        kind: What it holds; None where Similarweb does not say, so that the file decides.
        granularities: Where it exists; () for all that the table has.
        rest: It comes from the REST API: included where it is requested, and only for few entities at a time.
        starts, ends: Granularity -> oldest and newest available period, as the vendor writes it.
    """

    name: str
    kind: Kind | None
    granularities: tuple[str, ...] = ()
    rest: bool = False
    starts: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table, as described by the account or as documented.

    Attributes:
        name: `traffic_and_engagement`.
        granularities: `daily`, `weekly`, `monthly` and others that exist (`on-demand`).
        filters: Name of a filter -> whether it takes true or false; else it takes a list of texts.
        keys: Headers of its key columns, in file order, without the date.
        metrics: In the vendor's order.
        needs: Groups of filters; of each group one needs values.
        open_metrics: Granularities at which there are more metrics than those listed.
        open_filters: There are more filters than those listed.
        starts, ends: Granularity -> oldest and newest available period, as the vendor writes it.
        rest: All of it comes from the REST API.
        limit: Most results of a report that names no limit; None: not known.
    """

    name: str
    granularities: tuple[str, ...]
    filters: Mapping[str, bool] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    open_metrics: tuple[str, ...] = ()
    open_filters: bool = False
    starts: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    rest: bool = False
    limit: int | None = None

    def metrics_at(self, granularity: str) -> dict[str, Metric]:
        """Return the listed metrics of a granularity by name, in order."""
        return {
            metric.name: metric
            for metric in self.metrics
            if not metric.granularities or granularity in metric.granularities
        }


@cache
def documented() -> dict[str, Table]:
    """Return the documented tables by name, for accounts whose describe call does not answer."""
    import tomllib

    text = Path(__file__).with_name("documented.toml").read_text(encoding="utf-8")
    return {name: _table(name, table) for name, table in tomllib.loads(text).items()}


def _table(name: str, table: Json) -> Table:
    """Return a table of `documented.toml`, which says how they are written."""
    filters = table["filters"].split()
    return Table(
        name=name,
        granularities=tuple(table["at"].split()),
        filters={item: item in BOOLEANS for item in filters},
        keys=tuple(table["keys"].split()),
        metrics=tuple(metric for group in table.get("metrics", ()) for metric in _metrics(group)),
        needs=(tuple(item for item in filters if item in ENTITIES),),
        open_metrics=tuple(table.get("open_metrics", "").split()),
        open_filters=table.get("open_filters", False),
        rest=table.get("rest", False),
        limit=table.get("limit"),
    )


def _metrics(group: str | Json) -> Iterator[Metric]:
    """Yield the metrics of a group: its names, or an object with its names and what they have in common."""
    common: Json = {"names": group} if isinstance(group, str) else group
    kind = common.get("kind", Kind.NUMBER)
    for pattern in common["names"].split():
        for name in _expanded(pattern):
            yield Metric(
                name,
                None if kind == "unknown" else Kind(kind),
                tuple(common.get("at", "").split()),
                common.get("rest", False),
            )


def _expanded(pattern: str) -> list[str]:
    """Return the names that a pattern stands for: `a_{b,c}` is `a_b` and `a_c`."""
    start, _, rest = pattern.partition("{")
    if not rest:
        return [start]
    choices, _, end = rest.partition("}")
    return [start + choice + tail for choice in choices.split(",") for tail in _expanded(end)]
