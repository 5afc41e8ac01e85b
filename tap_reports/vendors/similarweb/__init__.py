"""Similarweb: the Batch API, v5, v4 and v3.

- https://developers.similarweb.com/docs/set-up-your-batch-api
- https://docs.similarweb.com/api-v5

What decides the shape of this vendor: reports are charged as soon as they run and no call is idempotent, so
a submission is never sent twice; validate tells the cost beforehand, for free; what an account may ask for,
and up to which day, is described by the API itself; only the download link is needed to read a report.
"""

from __future__ import annotations

from tap_reports.client import ReportClient
from tap_reports.vendor import ClientContext, LostSubmission, Vendor, VendorConfig
from tap_reports.vendors.similarweb.reports import DEFAULT_REPORTS, is_dated, report_name
from tap_reports.vendors.similarweb.settings import REPORT_SETTINGS, SETTINGS, errors, max_credits

__all__ = ["VENDOR"]

RESULT_DAYS = 30
"""How long a download link, and as far as is known the result, can be had."""


def _connect(config: VendorConfig, tools: ClientContext) -> ReportClient:
    from tap_reports.vendors.similarweb.client import SimilarwebClient  # only where the vendor is configured

    return SimilarwebClient(config, tools)


VENDOR = Vendor(
    name="similarweb",
    title="Similarweb",
    api_url="https://api.similarweb.com",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=_connect,
    check=errors,
    default_reports=DEFAULT_REPORTS,
    report_name=report_name,
    is_dated=is_dated,
    max_credits=max_credits,
    max_jobs_in_flight=50,
    lookback_days=0,  # days that are asked for again are charged again
    slice_days=30,
    slice_days_in_words="30 for daily reports, 365 for weekly and monthly ones",
    retries=2,
    lost_submission=LostSubmission.FAIL,
    result_hours=RESULT_DAYS * 24,
    calls_back=True,
)
