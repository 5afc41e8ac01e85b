"""Similarweb's tables as the sandbox has them, and their rows."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_reports.sandbox.data import (
    NAMES,
    Dice,
    Field,
    Restated,
    estimate,
    fill,
    one_of,
    rank,
    ratio,
    share,
    sometimes,
)

NEWEST = ("7days", "on-demand")
"""Granularities without dates to choose: the newest result is all there is."""
GRANULARITIES = ("daily", "weekly", "monthly", *NEWEST)
CHANNELS = ("Direct", "Display Ads", "Mail", "Organic Search", "Paid Search", "Referrals", "Social")
CATEGORIES = (
    "Computers_Electronics_and_Technology/Search_Engines",
    "News_and_Media",
    "Lifestyle/Fashion, Apparel",
)
SEGMENT_FIGURES = (
    *("total_visits", "unique_visitors", "pages_per_visit", "visit_duration", "page_views"),
    *("bounce_rate", "share"),
)
LAG = dt.timedelta(days=4)
MONTH_READY = 10
NO_DATA = "nodata"
"""A domain, app or keyword that begins with this has no data."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its filters with the columns that they become, and its metrics."""

    keys: dict[str, str]  # Filter name → key column
    metrics: dict[Field, tuple[str, ...]]  # Metrics and the granularities that have them
    # Values of key columns whose filters are not mandatory, as channels
    fixed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Key columns that are in the file only if they are requested as metrics
    key_metrics: tuple[str, ...] = ()
    limit: int | None = None  # Most results of a report that names no limit
    described: bool = True  # Describe lists it

    @property
    def granularities(self) -> list[str]:
        """Granularities that any metric has."""
        return [word for word in GRANULARITIES if any(word in words for words in self.metrics.values())]

    def at(self, granularity: str) -> dict[str, Field]:
        """Return the metrics of a granularity by name."""
        return {metric.name: metric for metric, words in self.metrics.items() if granularity in words}


def _metrics(**groups: Sequence[Field]) -> dict[Field, tuple[str, ...]]:
    """Return metrics by groups named after the first letters of their granularities."""
    words = {word[0]: word for word in GRANULARITIES}
    return {
        metric: tuple(words[letter] for letter in name)
        for name, fields in groups.items()
        for metric in fields
    }


def _doubles(*names: str) -> list[Field]:
    """Return metrics with many digits: counts, or smaller figures by their names."""
    small = ("_per_", "_duration", "_cpc")
    return [
        Field(name, "double", sometimes(ratio if any(part in name for part in small) else estimate, 11))
        for name in names
    ]


SITE = {"domains": "domain", "countries": "country"}
TABLES = {
    "traffic_and_engagement": Table(
        SITE,
        _metrics(
            dwm=[
                *_doubles("all_traffic_visits", "desktop_visits", "mobile_visits", "desktop_pages_per_visit"),
                Field("all_traffic_bounce_rate", "double", share),
                *_doubles("desktop_average_visit_duration"),
            ],
            dm=_doubles("desktop_unique_visitors", "all_page_views"),
            m=[
                *_doubles("deduplicated_audience"),
                Field("global_rank", "bigint", sometimes(rank)),
                Field("category", "string", sometimes(one_of(CATEGORIES), 7)),
            ],
        ),
    ),
    "website": Table(
        {"domains": "domain"},
        _metrics(
            m=[
                Field("main_category", "string", one_of(CATEGORIES)),
                Field("online_revenue", "string", one_of(("1M - 2M", "10M - 15M", ""))),
                Field("description", "string", sometimes(one_of(NAMES))),
            ]
        ),
    ),
    "keywords": Table(
        {"keywords": "keyword", "countries": "country"},
        _metrics(
            dwm=_doubles("keyword_search_volume"),
            m=[Field("zero_clicks_share", "double", share), *_doubles("all_keyword_cpc")],
        ),
    ),
    "apps": Table(
        {"apps": "app", "countries": "country"},
        _metrics(
            d=_doubles("apps_daily_active_users_ios", "apps_daily_active_users_android"),
            dwm=_doubles("apps_downloads", "apps_unique_installs", "apps_sessions_per_user"),
            m=_doubles("apps_monthly_active_users_android"),
        ),
    ),
    "website_marketing_channels": Table(
        SITE | {"channels": "channel"},
        _metrics(
            dm=[*_doubles("desktop_visits"), Field("desktop_share", "double", share)],
            m=_doubles("mobile_visits"),
        ),
        {"channels": CHANNELS},
    ),
    "referrals": Table(
        SITE | {"referrals": "site2"},
        _metrics(m=_doubles("desktop_referral_visits", "desktop_referral_share")),
        {"referrals": tuple(f"site{number}.example" for number in range(1, 151))},
        limit=100,
    ),
    "channel_conversion": Table(
        SITE | {"segment_ids": "segment_id", "channels": "channel"},
        _metrics(
            m=[
                Field("channel_sector", "string", one_of(("Marketplaces",))),
                *_doubles("channel_visits", "channel_converted_visits"),
            ],
        ),
        {"segment_ids": ("all",), "channels": CHANNELS},
        key_metrics=("channel_sector",),
    ),
    "site_keywords": Table(
        SITE | {"keywords": "keyword"},
        _metrics(
            **{
                "7wm": [
                    *_doubles("desktop_keywords_total_visits"),
                    Field("desktop_keywords_total_share", "double", share),
                ]
            }
        ),
        {"keywords": ("shoes", "red shoes", 'shoes "42"')},
    ),
    "serp": Table(
        {"keywords": "keyword"},
        _metrics(
            o=[Field("serp_json_results", "string", lambda roll: f'{{"results": [{roll % 100}, "a, b"]}}')]
        ),
    ),
    "segments": Table(
        {"segment_ids": "segment_id", "countries": "country"},
        _metrics(dm=_doubles(*(f"segment_{what}" for what in SEGMENT_FIGURES))),
        described=False,
    ),
}
MAX_SEGMENTS = 100
"""Entities of one request of a REST table."""


def available(granularity: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and last day that a granularity has on that day."""
    if granularity in NEWEST:
        return today - LAG, today - LAG
    if granularity == "daily":
        return dt.date(today.year - 2, 1, 1), today - LAG
    if granularity == "weekly":
        last = today - LAG
        return monday(dt.date(today.year - 2, 1, 1)), last - dt.timedelta(days=last.isoweekday() % 7)
    month = today.replace(day=1) - dt.timedelta(days=1)
    if today.day < MONTH_READY:
        month = month.replace(day=1) - dt.timedelta(days=1)
    return dt.date(today.year - 5, 1, 1), month


def monday(day: dt.date) -> dt.date:
    """Return the Monday of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def periods(granularity: str, start: dt.date, end: dt.date) -> Iterator[dt.date]:
    """Yield the first day of each period that begins or lies in the range."""
    if granularity in NEWEST:
        yield end
        return
    if granularity == "monthly":
        day = start.replace(day=1)
        while day <= end:
            yield day
            day = (day + dt.timedelta(days=31)).replace(day=1)
        return
    step = 1 if granularity == "daily" else 7
    for ordinal in range((start if step == 1 else monday(start)).toordinal(), end.toordinal() + 1, step):
        yield dt.date.fromordinal(ordinal)


def entities(table: Table, filters: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the key values of a request, without those that have no data."""
    lists = [[str(value) for value in filters.get(name) or table.fixed.get(name, ())] for name in table.keys]
    return [keys for keys in itertools.product(*lists) if not keys[0].startswith(NO_DATA)]


def rows(seed: int, what: dict[str, Any], restated: Restated, date_header: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a request: keys, date (if it has a header), metrics in the requested order."""
    table, granularity = TABLES[what["table"]], what["granularity"]
    fields = tuple(table.at(granularity)[name] for name in what["metrics"])
    dice = Dice(seed, "similarweb", what["table"], granularity)
    days = periods(granularity, what["start"], what["end"])
    every = itertools.product(entities(table, what["filters"]), list(days))
    for keys, day in itertools.islice(every, what.get("limit") or table.limit):
        shown = f"{day:%Y-%m}" if date_header == "yearmonth" else day.isoformat()
        cells = fill(dice, fields, (*keys, day), restated.mark(day))
        named = dict(zip(table.keys.values(), keys, strict=True))
        named |= {name: cells.pop(name) for name in table.key_metrics if name in cells}
        yield {**named, **({date_header: shown} if date_header else {}), **cells}
