"""What a Similarweb table ("vtable") is: granularities, filters, key columns, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tap_reports.models import Kind


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that can be asked for.

    Attributes:
        name: Its name in the request and its header in the file.
        kind: What it holds; None where Similarweb does not say, so that the file decides.
        granularities: Where it exists; () for all that the table has.
    """

    name: str
    kind: Kind | None
    granularities: tuple[str, ...] = ()


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
        ends: Granularity -> newest available period, as the vendor writes it.
    """

    name: str
    granularities: tuple[str, ...]
    filters: tuple[Filter, ...]
    keys: tuple[str, ...]
    metrics: tuple[Metric, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    open_metrics: tuple[str, ...] = ()
    open_filters: bool = False
    ends: Mapping[str, str] = field(default_factory=dict)

    def metrics_at(self, granularity: str) -> dict[str, Kind | None]:
        """Return the listed metrics of a granularity with their kinds, in order."""
        return {
            metric.name: metric.kind
            for metric in self.metrics
            if not metric.granularities or granularity in metric.granularities
        }

    def filter_named(self, name: str) -> Filter | None:
        """Return the filter of that name, if it is listed."""
        return next((item for item in self.filters if item.name == name), None)
