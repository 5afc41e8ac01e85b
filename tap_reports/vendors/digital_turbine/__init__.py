"""Digital Turbine: the DT Growth Reporting API.

https://docs.digitalturbine.com/dt-growth/reporting-api/using-the-reporting-api

A report is asked for with one call that answers with a signed link. There is no status call: the link
stays empty until the report is done, then holds all of it. So the link is the job's only handle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import Json, Quota
from tap_reports.vendor import LostSubmission, Vendor, VendorConfig
from tap_reports.vendors.digital_turbine.client import (
    CAMPAIGN_ID,
    CAMPAIGN_NAME,
    DATE,
    MAX_DAYS,
    DigitalTurbine,
)

SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "client_id",
        th.StringType,
        required=True,
        title="Client ID",
        description="From your DT representative.",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        required=True,
        secret=True,
        title="Client secret",
        description="From your DT representative.",
    ),
    th.Property(
        "reports_per_minute",
        th.IntegerType(minimum=1),
        default=5,
        title="Reports per minute",
        description="The account's quota; waited for.",
    ),
    th.Property(
        "reports_per_day",
        th.IntegerType(minimum=1),
        default=100,
        title="Reports per day",
        description="The account's quota by UTC day; once it is spent, nothing more is asked for that day.",
    ),
)
REPORT_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "metrics",
        th.ArrayType(th.StringType),
        required=True,
        description="Metrics as the vendor names them, such as `Installs`; at least one. "
        "Money is in US dollars.",
    ),
    th.Property(
        "splits",
        th.ArrayType(th.StringType),
        required=True,
        description="Dimensions as the vendor names them, such as `Date`; at least one. They are the keys, "
        "without `Campaign Name` where `Campaign ID` is one.",
    ),
    th.Property(
        "filters",
        th.ArrayType(
            th.ObjectType(
                th.Property("dimension", th.StringType, required=True, description="Such as `Country`."),
                th.Property(
                    "values", th.ArrayType(th.StringType), required=True, description="Such as `US`, `CA`."
                ),
                additional_properties=False,
            )
        ),
        description="Only rows whose dimension has one of these values.",
    ),
)
CAMPAIGN_DAILY: Json = {
    "name": "campaign_daily",
    "splits": [DATE, CAMPAIGN_ID, CAMPAIGN_NAME, "Country"],
    "metrics": ["Impressions", "Clicks", "Installs", "Spend"],
}


def check_block(block: Json) -> Iterator[str]:
    """Yield what is wrong with the block's reports."""
    for index, report in enumerate(block.get("reports") or ()):
        place = f"reports[{index}]"
        if "name" not in report:
            yield f"{place}.name: required setting is missing; add it, it becomes the stream's name."
        for setting in ("metrics", "splits"):
            if not report[setting]:
                yield f"{place}.{setting}: must name at least one."
        for name, count in Counter([*report["splits"], *report["metrics"]]).items():
            if count > 1:
                yield f'{place}: "{name}" stands {count} times among splits and metrics; name it once.'


def quotas(config: VendorConfig) -> Sequence[Quota]:
    """Return the account's limits on reports."""
    return (
        Quota(name="reports_per_minute", limit=config.values["reports_per_minute"], seconds=60),
        Quota(name="reports_per_day", limit=config.values["reports_per_day"], seconds=86400),
    )


VENDOR = Vendor(
    name="digital_turbine",
    title="Digital Turbine",
    api_url="https://reporting.digitalturbine.com",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=DigitalTurbine,
    check=check_block,
    default_reports=(CAMPAIGN_DAILY,),
    quotas=quotas,
    max_jobs_in_flight=20,
    lookback_days=1,
    slice_days=MAX_DAYS,
    max_slice_days=MAX_DAYS,
    resubmissions=1,
    lost_submission=LostSubmission.RESEND_ONCE,
    resumes_by_id=False,
    result_hours=3,
)
