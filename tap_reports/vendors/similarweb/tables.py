"""What a Similarweb table ("vtable") is: granularities, filters, key columns, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tap_reports.models import Kind

ENTITIES = ("domains", "apps", "keywords", "segment_ids", "company")
"""Filters that say what a report is about; of those that a table takes, one needs values."""
MOST_ENTITIES, MOST_REST_ENTITIES = 1_000_000, 100
"""https://developers.similarweb.com/docs/request-your-rest-api-endpoints-using-batch-api"""


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that can be asked for.

    Attributes:
        name: Its name in the request and its header in the file.
        kind: What it holds; None where Similarweb does not say, so that the file decides.
        granularities: Where it exists; () for all that the table has.
        rest: It comes from the REST API: taken where it is asked for, and only for few entities at a time.
        ends: Granularity -> newest available period, as the vendor writes it.
    """

    name: str
    kind: Kind | None
    granularities: tuple[str, ...] = ()
    rest: bool = False
    ends: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that a table takes: a list of texts, or a boolean."""

    name: str
    boolean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table, as described by the account or as documented.

    Attributes:
        name: `traffic_and_engagement`.
        granularities: `daily`, `weekly`, `monthly` and others that exist (`on-demand`).
        filters: What it can be filtered by.
        keys: Headers of its key columns, in file order, without the date.
        metrics: In the vendor's order.
        needs: Groups of filters; of each group one needs values.
        open_metrics: Granularities at which there are metrics beside those listed.
        open_filters: There are filters beside those listed.
        starts, ends: Granularity -> oldest and newest available period, as the vendor writes it.
        rest: All of it comes from the REST API.
        limit: Most results of a report that names no limit; None: not known.
    """

    name: str
    granularities: tuple[str, ...]
    filters: tuple[Filter, ...]
    keys: tuple[str, ...]
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

    def filter_named(self, name: str) -> Filter | None:
        """Return the filter of that name, if it is listed."""
        return next((item for item in self.filters if item.name == name), None)
