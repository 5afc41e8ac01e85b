"""Similarweb: the Batch API, v5, v4 and v3.

- https://developers.similarweb.com/docs/set-up-your-batch-api
- https://docs.similarweb.com/api-v5

What decides the shape of this vendor: reports are charged as soon as they run and no call is idempotent, so
a submission is never sent twice; validate tells the cost beforehand, for free; what an account may ask for,
and up to which day, is described by the API itself; only the download link is needed to read a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from singer_sdk import typing as th

from tap_reports.client import ACCOUNT, ReportClient
from tap_reports.models import Granularity, Json
from tap_reports.setting import FLAG, POSITIVE, TEXT, TEXTS, setting
from tap_reports.vendor import ClientContext, LostSubmission, Vendor, VendorConfig
from tap_reports.vendors.similarweb.calls import PATHS
from tap_reports.vendors.similarweb.days import GRANULARITIES
from tap_reports.vendors.similarweb.reports import DEFAULT_REPORTS, VERSIONS, is_dated, report_name
from tap_reports.vendors.similarweb.selection import DEFAULT_COUNTRIES, as_list, missing_by_settings

RESULT_DAYS = 30
"""How long a download link, and as far as is known the result, can be had."""
RETENTION_DAYS = (1, 30, 60, 180, 365)
_CREDITS = th.NumberType(minimum=0)


def _path(name: str) -> th.Property[Any]:
    """Return the setting of a path that the sources disagree on."""
    first, *others = PATHS[name]
    call = name.removesuffix("_path")
    return setting(
        name,
        TEXT,
        f"Path of the {call} call. Where it answers 404 or 410 the other documented ones are tried: "
        f"{', '.join(others)}.",
        default=first,
    )


SETTINGS = (
    setting(
        "api_key",
        TEXT,
        "Batch API key, from Settings > Account > Batch API. It must be switched on there.",
        required=True,
        secret=True,
    ),
    ACCOUNT,
    setting(
        "api_version", TEXT, "Version of the submit and validate calls.", default=VERSIONS[0], words=VERSIONS
    ),
    *map(_path, PATHS),
    setting(
        "domains",
        TEXTS,
        "Default filter: websites, such as `example.com`. Scheme, `www.` and path are cut off.",
    ),
    setting(
        "countries",
        TEXTS,
        "Default filter: ISO 3166 two-letter codes; `WW` is the whole world.",
        default=list(DEFAULT_COUNTRIES),
    ),
    setting("apps", TEXTS, "Default filter: app ids."),
    setting("keywords", TEXTS, "Default filter: search keywords."),
    setting(
        "include_subdomains", FLAG, "Default filter: count a website's subdomains too. Default: not sent."
    ),
    setting(
        "max_credits_per_report",
        _CREDITS,
        "Maximum credits of one report by Similarweb's own estimate; a more expensive one fails.",
    ),
    setting(
        "max_credits_per_run",
        _CREDITS,
        "Maximum credits of all reports of one run together, by Similarweb's estimates.",
    ),
    setting(
        "response_format",
        TEXT,
        "Format of the files that are downloaded.",
        default="csv",
        words=["csv", "json"],
    ),
)

REPORT_SETTINGS = (
    setting("table", TEXT, "Table (vtable), such as `traffic_and_engagement`.", required=True),
    setting(
        "granularity",
        TEXT,
        "Period that a row stands for. `7days` and `on-demand`, for the tables that have them, load the "
        "newest result as a snapshot.",
        default=Granularity.MONTHLY.value,
        words=GRANULARITIES,
    ),
    setting(
        "metrics",
        TEXTS,
        "Metrics to ask for; each costs credits. Default: all the table has at the granularity. Key columns "
        "that Similarweb takes as metrics are added.",
    ),
    setting(
        "filters",
        th.ObjectType(additional_properties=True),
        "The table's filters by name: lists of texts or booleans. Each replaces its default.",
    ),
    setting(
        "limit",
        POSITIVE,
        "Most results of one report. Default: Similarweb's own, which is 100 for `referrals`. A file with "
        "exactly that many rows logs a warning.",
    ),
    setting(
        "retention_days",
        th.IntegerType(allowed_values=list(RETENTION_DAYS)),
        "How long Similarweb keeps the result, so that it is not paid for again. Default: 30.",
    ),
)


def check_block(block: Json) -> Iterator[str]:
    """Yield what is wrong with a block that fits the schema."""
    for name in ("status_path", "retry_path"):
        if name in block and "{report_id}" not in block[name]:
            yield f"{name}: must contain {{report_id}}."
    for index, report in enumerate(block.get("reports") or DEFAULT_REPORTS):
        yield from (f"reports[{index}]: {text}." for text in missing_by_settings(report, block))
        for name, value in (report.get("filters") or {}).items():
            if not _fits_a_filter(value):
                yield f"reports[{index}].filters.{name}: must be a text, a list of texts, true or false."


def _fits_a_filter(value: Any) -> bool:
    """Return whether it is true, false or null, or a text or a list of texts, for which numbers may stand."""
    return isinstance(value, bool) or all(
        isinstance(item, str | int | float) and not isinstance(item, bool) for item in as_list(value)
    )


def max_credits(config: VendorConfig) -> tuple[Decimal | None, Decimal | None]:
    """Return the most credits per report and per run; None for no limit."""
    values = config.values
    report, run = values.get("max_credits_per_report"), values.get("max_credits_per_run")
    return (
        None if report is None else Decimal(str(report)),
        None if run is None else Decimal(str(run)),
    )


def _connect(config: VendorConfig, context: ClientContext) -> ReportClient:
    from tap_reports.vendors.similarweb.client import SimilarwebClient  # only where the vendor is configured

    return SimilarwebClient(config, context)


VENDOR = Vendor(
    name="similarweb",
    title="Similarweb",
    api_url="https://api.similarweb.com",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=_connect,
    check=check_block,
    default_reports=DEFAULT_REPORTS,
    report_name=report_name,
    is_dated=is_dated,
    max_credits=max_credits,
    max_jobs_in_flight=50,
    lookback_days=0,  # days that are requested again are charged again
    slice_days=30,
    slice_days_in_words="30 for daily reports, 365 for weekly and monthly ones",
    retries=2,
    lost_submission=LostSubmission.FAIL,
    result_hours=RESULT_DAYS * 24,
    calls_back=True,
)
