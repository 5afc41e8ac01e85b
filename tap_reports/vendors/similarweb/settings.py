"""The settings of the Similarweb block and of its reports, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import Granularity, Json
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.similarweb.calls import PATHS
from tap_reports.vendors.similarweb.days import GRANULARITIES
from tap_reports.vendors.similarweb.payloads import VERSIONS
from tap_reports.vendors.similarweb.reports import DEFAULT_REPORTS
from tap_reports.vendors.similarweb.selection import DEFAULT_COUNTRIES, missing_by_settings

_TEXTS = th.ArrayType(th.StringType)
RETENTION_DAYS = (1, 30, 60, 180, 365)
_CREDITS = th.NumberType(minimum=0)


def _path(setting: str, what: str) -> th.Property[Any]:
    return th.Property(
        setting,
        th.StringType,
        title=f"{what} path",
        default=PATHS[setting][0],
        description=f"Path of the {what.lower()} call. "
        f"Where it answers 404 or 410 the other documented ones are tried: {', '.join(PATHS[setting][1:])}.",
    )


SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Batch API key, from Settings > Account > Batch API. It must be switched on there.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        default=VERSIONS[0],
        allowed_values=list(VERSIONS),
        title="API version",
        description="Version of the submit and validate calls.",
    ),
    _path("status_path", "Status"),
    _path("retry_path", "Retry"),
    _path("credits_path", "Credits"),
    _path("describe_path", "Describe"),
    th.Property(
        "domains",
        _TEXTS,
        title="Domains",
        description="Default filter: websites, such as `example.com`. Scheme, `www.` and path are cut off.",
    ),
    th.Property(
        "countries",
        _TEXTS,
        default=list(DEFAULT_COUNTRIES),
        title="Countries",
        description="Default filter: ISO 3166 two-letter codes; `WW` is the whole world.",
    ),
    th.Property("apps", _TEXTS, title="Apps", description="Default filter: app ids."),
    th.Property("keywords", _TEXTS, title="Keywords", description="Default filter: search keywords."),
    th.Property(
        "include_subdomains",
        th.BooleanType,
        title="Include subdomains",
        description="Default filter: count a website's subdomains too. Default: not sent.",
    ),
    th.Property(
        "max_credits_per_report",
        _CREDITS,
        title="Credits per report",
        description="Most credits that one report may cost by Similarweb's own estimate; a dearer one fails.",
    ),
    th.Property(
        "max_credits_per_run",
        _CREDITS,
        title="Credits per run",
        description="Most credits that all reports of one run may cost together, by Similarweb's estimates.",
    ),
    th.Property(
        "response_format",
        th.StringType,
        default="csv",
        allowed_values=["csv", "json"],
        title="Response format",
        description="Format of the files that are downloaded.",
    ),
)

REPORT_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "table",
        th.StringType,
        required=True,
        title="Table",
        description="Table (vtable), such as `traffic_and_engagement`.",
    ),
    th.Property(
        "granularity",
        th.StringType,
        default=Granularity.MONTHLY.value,
        allowed_values=list(GRANULARITIES),
        title="Granularity",
        description="Period that a row stands for. `7days` and `on-demand`, for the tables that have them, "
        "load the newest result as a snapshot.",
    ),
    th.Property(
        "metrics",
        _TEXTS,
        title="Metrics",
        description="Metrics to ask for; each costs credits. Default: all the table has at the granularity. "
        "Key columns that Similarweb takes as metrics are added.",
    ),
    th.Property(
        "filters",
        th.ObjectType(additional_properties=True),
        title="Filters",
        description="The table's filters by name: lists of texts or booleans. Each replaces its default.",
    ),
    th.Property(
        "limit",
        th.IntegerType(minimum=1),
        title="Limit",
        description="Most results of one report. Default: Similarweb's own, which is 100 for `referrals`. "
        "A file with exactly that many rows is warned of.",
    ),
    th.Property(
        "retention_days",
        th.IntegerType(allowed_values=list(RETENTION_DAYS)),
        title="Retention days",
        description="How long Similarweb keeps the result, so that it is not paid for again. Default: 30.",
    ),
)


def errors(block: Json) -> Iterator[str]:
    """Yield what is wrong with a block that fits the schema."""
    for setting in ("status_path", "retry_path"):
        if setting in block and "{report_id}" not in block[setting]:
            yield f"{setting}: must contain {{report_id}}."
    for index, report in enumerate(block.get("reports") or DEFAULT_REPORTS):
        yield from (f"reports[{index}]: {text}." for text in missing_by_settings(report, block))


def max_credits(config: VendorConfig) -> tuple[Decimal | None, Decimal | None]:
    """Return the most credits per report and per run; None for no limit."""
    values = config.values
    report, run = values.get("max_credits_per_report"), values.get("max_credits_per_run")
    return (
        None if report is None else Decimal(str(report)),
        None if run is None else Decimal(str(run)),
    )
