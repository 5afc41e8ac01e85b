"""What the tests of all vendors' clients share: a clock that moves by sleeping, a block, its sessions."""

import datetime as dt

from tap_reports.http.api import ApiSession
from tap_reports.http.links import DownloadSession
from tap_reports.http.retries import RetryPolicy
from tap_reports.vendor import ClientContext, VendorConfig


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


def block(name, values, **more):
    """Return a vendor block as the configuration hands it over."""
    common = {
        "reports": None,
        "max_jobs_in_flight": 10,
        "lookback_days": None,
        "slice_days": None,
        "poll_interval_seconds": 5,
        "poll_max_interval_seconds": 60,
        "job_deadline_seconds": 3600,
        "reuse_job_hours": 6,
        "reuse_finished_jobs": True,
    }
    return VendorConfig(name=name, values=values, **{**common, **more})


def tools(api_url, clock, retries=2):
    """Return real sessions on that clock."""
    policy = RetryPolicy(max_retries=retries, backoff_seconds=1)
    api = ApiSession(api_url, policy=policy, timeout=5, user_agent="tests", clock=clock)
    return ClientContext(
        api=api, files=DownloadSession(timeout=5, user_agent="tests", loopback=True), clock=clock
    )
