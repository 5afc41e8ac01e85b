"""impact.com: ReportExport, ClickExport and Jobs of the Brand, Partner and Agency APIs.

- Brand: https://integrations.impact.com/brand-api-reference
- Partner: https://integrations.impact.com/partner-api-reference
- Agency: https://integrations.impact.com/agency-v3

What decides the shape of this vendor: a submission with known parameters returns the existing job with
its old data and still counts against the day's quota, so a finished job is refreshed by Replay; the account
has a time zone, in which days end; links in answers are relative; values are lenient (`"true"`, `"250"`).
"""

from __future__ import annotations

from tap_reports.client import ReportClient
from tap_reports.models import Json
from tap_reports.models.columns import property_name
from tap_reports.vendor import ClientContext, LostSubmission, Vendor, VendorConfig
from tap_reports.vendors.impact.settings import (
    REPORT_SETTINGS,
    SETTINGS,
    check_block,
    has_clicks,
    is_dated,
    quotas,
)

__all__ = ["VENDOR"]

LOOKBACK_DAYS = 65
"""Actions change until they are locked, which is mostly some 27 days after the end of their month."""

RESULT_DAYS = 90
"""By the download page; the best-practice page says "cached indefinitely". The shorter one is safe."""
REUSE_JOB_HOURS = 20
"""The vendor asks not to run a report several times a day; a nightly schedule stays a little below a day."""


def _report_name(report: Json) -> str | None:
    named = report.get("name") or report.get("id")
    return property_name(str(named)) if named else None


def _connect(config: VendorConfig, context: ClientContext) -> ReportClient:
    from tap_reports.vendors.impact.client import ImpactClient  # only where the vendor is configured

    return ImpactClient(config, context)


VENDOR = Vendor(
    name="impact",
    title="impact.com",
    api_url="https://api.impact.com",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=_connect,
    check=check_block,
    is_dated=is_dated,
    dated_extras=lambda block: ("clicks",) if has_clicks(block) else (),
    report_name=_report_name,
    quotas=quotas,
    max_jobs_in_flight=10,
    lookback_days=LOOKBACK_DAYS,
    slice_days=30,
    fixed_grid=True,
    reuse_job_hours=REUSE_JOB_HOURS,
    retries=1,
    lost_submission=LostSubmission.RESEND,
    result_hours=RESULT_DAYS * 24,
    calls_back=True,
)
