"""Digital Turbine: the DT Growth Reporting API.

https://docs.digitalturbine.com/dt-growth/reporting-api/using-the-reporting-api

A report is requested with one call, whose answer is a signed link. There is no status call: the link stays
empty until the report is done, then holds all of it. So the link is the job's only handle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from singer_sdk import typing as th

from tap_reports.client import ReportClient
from tap_reports.models import DAY_SECONDS, Json, Quota
from tap_reports.setting import POSITIVE, TEXT, TEXTS, setting, settings_object
from tap_reports.vendor import ClientContext, LostSubmission, Vendor, VendorConfig

DATE = "Date"
CAMPAIGN_ID, CAMPAIGN_NAME = "Campaign ID", "Campaign Name"
"""A campaign's name may change, so it is not part of the key where the id is."""
MAX_DAYS = 90

SETTINGS = (
    setting("client_id", TEXT, "From your DT representative.", required=True),
    setting("client_secret", TEXT, "From your DT representative.", required=True, secret=True),
    setting("reports_per_minute", POSITIVE, "The account's quota; waited for.", default=5),
    setting(
        "reports_per_day",
        POSITIVE,
        "The account's quota by UTC day; once it is spent, nothing more is asked for that day.",
        default=100,
    ),
)
FILTER = settings_object(
    setting("dimension", TEXT, "Such as `Country`.", required=True),
    setting("values", TEXTS, "Such as `US`, `CA`.", required=True),
)
REPORT_SETTINGS = (
    setting(
        "metrics",
        TEXTS,
        "Metrics as the vendor names them, such as `Installs`; at least one. Money is in US dollars.",
        required=True,
    ),
    setting(
        "splits",
        TEXTS,
        "Dimensions as the vendor names them, such as `Date`; at least one. They are the keys, without "
        "`Campaign Name` where `Campaign ID` is one.",
        required=True,
    ),
    setting("filters", th.ArrayType(FILTER), "Only rows whose dimension has one of these values."),
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
        for name in ("metrics", "splits"):
            if not report[name]:
                yield f"{place}.{name}: must name at least one."
        for name, count in Counter([*report["splits"], *report["metrics"]]).items():
            if count > 1:
                yield f'{place}: "{name}" stands {count} times among splits and metrics; name it once.'


def quotas(config: VendorConfig) -> Sequence[Quota]:
    """Return the account's limits on reports."""
    return (
        Quota(name="reports_per_minute", limit=config.values["reports_per_minute"], seconds=60),
        Quota(name="reports_per_day", limit=config.values["reports_per_day"], seconds=DAY_SECONDS),
    )


def _connect(config: VendorConfig, context: ClientContext) -> ReportClient:
    from tap_reports.vendors.digital_turbine.client import DigitalTurbine  # only where it is configured

    return DigitalTurbine(config, context)


VENDOR = Vendor(
    name="digital_turbine",
    title="Digital Turbine",
    api_url="https://reporting.digitalturbine.com",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=_connect,
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
