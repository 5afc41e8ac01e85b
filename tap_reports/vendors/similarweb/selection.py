"""From a report's settings and the known tables to what is requested, or to everything that is wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_reports.exceptions import ConfigError
from tap_reports.models import Json, Slice
from tap_reports.setting import nearest
from tap_reports.vendors.similarweb.days import GRANULARITIES, first_day, granularity_of, last_day
from tap_reports.vendors.similarweb.tables import (
    ENTITIES,
    MAX_ENTITIES,
    MAX_REST_ENTITIES,
    Metric,
    Table,
    documented,
)

DEFAULT_FILTERS = ("domains", "countries", "include_subdomains", "apps", "keywords")
"""Settings of the block that are filters of every table that takes them."""
DEFAULT_COUNTRIES = ("WW",)
DOMAIN_FILTERS = frozenset({"domains", "overlapping_domains"})
MAX_NAMES_SHOWN, SIMILARITY = 12, 0.6
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//")
_AFTER_HOST = re.compile(r"[/?#:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a report asks for, checked against its table.

    Attributes:
        table, granularity: As set.
        metrics: The key columns that are requested as metrics, then the others.
        filters: Without empty ones.
        limit: Most results as set; None: the vendor's default.
        retention_days: How long the vendor keeps the result; None: its default.
    """

    table: Table
    granularity: str
    metrics: tuple[str, ...]
    filters: Json
    limit: int | None = None
    retention_days: int | None = None

    @property
    def known_metrics(self) -> tuple[Metric, ...]:
        """What is known of the metrics."""
        there = self.table.metrics_at(self.granularity)
        return tuple(there[name] for name in self.metrics if name in there)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns.

        The files of REST tables are not documented: a country column is only counted on where rows could
        not be told apart without it.
        """
        if self.table.rest and len(self.filters.get("countries") or ()) < 2:
            return tuple(key for key in self.table.keys if key != "country")
        return self.table.keys

    def gaps(self, days: Slice) -> Iterator[str]:
        """Yield each metric that describe says begins or ends within the days: its other cells are empty."""
        for metric in self.known_metrics:
            first = first_day(metric.starts.get(self.granularity, ""), self.granularity)
            last = last_day(metric.ends.get(self.granularity, ""), self.granularity)
            if first and first > days.start:
                yield f"{metric.name} begins on {first}"
            if last and last < days.end:
                yield f"{metric.name} ends on {last}"

    def parameters(self, response_format: str) -> list[Json]:
        """Return the parameters of each request of a slice: lists of more entities than Similarweb takes are
        split. What does not change the result (API version, webhook, retention) is not part of them.
        """
        is_rest = self.table.rest or any(metric.rest for metric in self.known_metrics)
        max_entities = MAX_REST_ENTITIES if is_rest else MAX_ENTITIES
        pieces = [
            [(name, values[at : at + max_entities]) for at in range(0, len(values), max_entities)]
            for name, values in self.filters.items()
            if name in ENTITIES
        ]
        return [
            {
                "table": self.table.name,
                "granularity": self.granularity,
                "metrics": list(self.metrics),
                "filters": {**self.filters, **dict(part)},
                "response_format": response_format,
                **({"limit": self.limit} if self.limit else {}),
            }
            for part in itertools.product(*pieces)
        ]


def select(report: Json, block: Json, tables: Mapping[str, Table]) -> Selection:
    """Return what a report asks for.

    Args:
        report: Its settings: `table`, `granularity`, `metrics`, `filters`, `limit`, `retention_days`.
        block: The vendor block's settings, for the default filters.
        tables: The tables there are. One that is not among them is taken as documented, or as the report
            itself describes it: accounts have tables that describe does not list, and validation, which is
            free, finds a wrong name.

    Raises:
        ConfigError: Everything that is wrong.
    """
    name, granularity = str(report["table"]), granularity_of(report)
    table = tables.get(name) or documented().get(name) or _undocumented(name, report)
    if table is None:
        raise ConfigError([_no_table(name, tables)])
    filters = _filters(report, block, table)
    errors = [
        *_granularity_errors(table, granularity),
        *_metric_errors(table, granularity, report.get("metrics") or ()),
        *_filter_errors(table, report.get("filters") or {}),
        *missing_filters(table, filters),
    ]
    if errors:
        raise ConfigError(errors)
    return Selection(
        table=table,
        granularity=granularity,
        metrics=_metrics(report.get("metrics"), table, granularity),
        filters=filters,
        limit=report.get("limit"),
        retention_days=report.get("retention_days"),
    )


def _metrics(wanted: Iterable[str] | None, table: Table, granularity: str) -> tuple[str, ...]:
    """Return the metrics to ask for; without any in the settings, all of the granularity."""
    known = table.metrics_at(granularity)
    keys = [name for name in table.keys if name in known]
    every = [name for name, metric in known.items() if table.rest or not metric.rest]
    return tuple(dict.fromkeys([*keys, *(wanted or every)]))


def missing_by_settings(report: Json, block: Json) -> list[str]:
    """Return what a report of a documented table lacks, without knowing what describe says."""
    table = documented().get(str(report.get("table")))
    return list(missing_filters(table, _filters(report, block, table))) if table else []


def missing_filters(table: Table, filters: Json) -> Iterator[str]:
    """Yield a sentence for each group of filters of which the table needs one and none has values."""
    for group in table.needs:
        if group and not any(name in filters for name in group):
            settings = [f"similarweb.{name}" for name in group if name in DEFAULT_FILTERS]
            own = [f"the report's filters.{name}" for name in group]
            yield f'table "{table.name}" needs {" or ".join(group)}: set {" or ".join([*settings, *own])}'


def _filters(report: Json, block: Json, table: Table) -> dict[str, Any]:
    """Return the block's defaults that the table takes, the report's own over them, without empty ones."""
    defaults = {"countries": DEFAULT_COUNTRIES, **block}
    taken = {name: defaults.get(name) for name in DEFAULT_FILTERS if name in table.filters}
    values = {**taken, **(report.get("filters") or {})}
    normal = {name: _normal(name, value) for name, value in values.items()}
    return {name: value for name, value in normal.items() if value not in (None, [])}


def _normal(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    texts = [str(item).strip() for item in as_list(value)]
    if name in DOMAIN_FILTERS:
        texts = [_domain(text) for text in texts]
    elif name == "countries":
        texts = [text.upper() for text in texts]
    return [text for text in dict.fromkeys(texts) if text]


def as_list(value: Any) -> Sequence[Any]:
    """Return a filter's values: a single one may stand without a list, null is none."""
    return value if isinstance(value, list | tuple) else [] if value is None else [value]


def _domain(text: str) -> str:
    """Return a domain as Similarweb wants it: lower case, no scheme, `www.`, port or path."""
    host = _AFTER_HOST.split(_SCHEME.sub("", text.lower()), maxsplit=1)[0]
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def _granularity_errors(table: Table, granularity: str) -> Iterator[str]:
    if granularity not in table.granularities:
        there = ", ".join(table.granularities) or "none"
        yield f'table "{table.name}" has no granularity "{granularity}"; it has {there}'


def _metric_errors(table: Table, granularity: str, metrics: Iterable[str]) -> Iterator[str]:
    fits = granularity in table.granularities
    elsewhere = {metric.name: metric.granularities for metric in table.metrics}
    known = table.metrics_at(granularity) if fits else elsewhere
    is_open = granularity in table.open_metrics if fits else bool(table.open_metrics)
    for name in metrics:
        if name in known or is_open:
            continue
        if name in elsewhere:
            yield f'metric "{name}" of table "{table.name}" exists {", ".join(elsewhere[name])} only'
        else:
            yield f'table "{table.name}" has no metric "{name}".{_nearest(name, known)}'
    if fits and not metrics and (is_open or not known):
        place = f'the {granularity} metrics of table "{table.name}"'
        yield f"{place} are not all known: list them in the report's metrics"


def _filter_errors(table: Table, filters: Json) -> Iterator[str]:
    for name, value in filters.items():
        if name not in table.filters:
            if not table.open_filters:
                yield f'table "{table.name}" has no filter "{name}".{_nearest(name, table.filters)}'
        elif value is not None and table.filters[name] != isinstance(value, bool):
            wanted = "true or false" if table.filters[name] else "a list of texts"
            yield f'filter "{name}" of table "{table.name}" takes {wanted}'


def _undocumented(name: str, report: Json) -> Table | None:
    """Return a table that is neither described nor documented, if the report itself says what to request."""
    if not report.get("metrics") or not report.get("filters"):
        return None
    return Table(name=name, granularities=GRANULARITIES, open_metrics=GRANULARITIES, open_filters=True)


def _no_table(name: str, tables: Mapping[str, Table]) -> str:
    source = "documented" if tables is documented() else "described by the account or documented"
    near = nearest(name, {**tables, **documented()}, SIMILARITY)
    return (
        f'the table "{name}" is not {source}: correct its name, or list the report\'s metrics, filters and '
        f"primary_keys, so that Similarweb's free validation can try it.{near}"
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return the nearest name as a question, else the known names if they are few."""
    names = list(known)
    few = f" There are {', '.join(names)}." if 0 < len(names) <= MAX_NAMES_SHOWN else ""
    return nearest(name, names, SIMILARITY) or few
