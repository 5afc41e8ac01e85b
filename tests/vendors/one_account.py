"""What the tests of all vendors' clients share: a clock that moves by sleeping, a block, its sessions."""

import datetime as dt

from tap_reports.http.api import ApiSession
from tap_reports.http.links import DownloadSession
from tap_reports.http.retries import RetryPolicy
from tap_reports.vendor import ClientContext, ReportConfig, VendorConfig


class FakeClock:
    """A clock that only moves when told to, or by sleeping."""

    def __init__(self, now):
        self.began = self.time = now
        self.slept = []

    def now(self):
        return self.time

    def monotonic(self):
        return (self.time - self.began).total_seconds()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.pass_(seconds=seconds)

    def pass_(self, **duration):
        self.time += dt.timedelta(**duration)


def block(vendor, values, *reports, **more):
    """Return a vendor's block and reports as the configuration hands them over, defaults filled in."""
    common = {
        "max_jobs_in_flight": vendor.max_jobs_in_flight,
        "lookback_days": None,
        "slice_days": None,
        "poll_interval_seconds": 5,
        "poll_max_interval_seconds": 60,
        "job_deadline_seconds": 3600,
        "reuse_job_hours": 6,
        "reuse_finished_jobs": True,
        "api_url": vendor.api_url,
        "reports": tuple(report_config(vendor, report) for report in reports),
    }
    filled = {**_defaults(vendor.settings), **values}
    return VendorConfig(name=vendor.name, values=filled, **{**common, **more})


def report_config(vendor, values):
    names = ("name", "lookback_days", "slice_days", "primary_keys")
    filled = {**_defaults(vendor.report_settings), **values}
    return ReportConfig(values=filled, **{name: values[name] for name in names if name in values})


def _defaults(settings):
    return {setting.name: setting.default for setting in settings if setting.default is not None}


def context_of(api_url, clock, retries=2):
    """Return real sessions on that clock."""
    policy = RetryPolicy(max_retries=retries, backoff_seconds=1)
    api = ApiSession(api_url, policy=policy, timeout=5, user_agent="tests", clock=clock)
    return ClientContext(
        api=api, files=DownloadSession(timeout=5, user_agent="tests", loopback=True), clock=clock
    )
