"""An impact.com account for tests: a client on a real API session, a clock that only tests move."""

from __future__ import annotations

import datetime as dt

from one_account import FakeClock, block, tools

from tap_reports.models import ReportRequest, Slice
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.impact import VENDOR
from tap_reports.vendors.impact.client import ImpactClient

SID, TOKEN = "IRsid123", "t0ken-very-secret"
BASE = "https://api.impact.com"
PREFIX = f"{BASE}/Mediapartners/{SID}"
NOW = dt.datetime(2026, 3, 2, 4, 30, tzinfo=dt.UTC)
JANUARY = Slice(dt.date(2026, 1, 1), dt.date(2026, 1, 30))


def clock_at(now=NOW):
    return FakeClock(now)


def config_of(reports=None, *, api_url=BASE, **values):
    account = {"account_sid": SID, "auth_token": TOKEN, "account_type": "partner", **values}
    listed = {"reports": None} if reports is None else {}
    return block(VENDOR, account, *(reports or ()), api_url=api_url, **listed)


def client_of(reports=None, *, clock=None, **values) -> ImpactClient:
    config = config_of(reports, **values)
    return VENDOR.connect(config, tools(config.api_url, clock or clock_at()))


def request_of(client, days=JANUARY) -> ReportRequest:
    """Return the first request of the client's only report."""
    return client.requests(only_type(client), days)[0]


def only_type(client):
    (report,) = client.config.reports
    name = VENDOR.report_name(report.values)
    return client.restore(CatalogStream(name=name, title=str(report.values["id"])))


def entry(handle, *, accessible=True, prefix=f"/Mediapartners/{SID}", **more):
    return {
        "Name": handle,
        "Id": handle,
        "ApiAccessible": accessible,
        "MetaDataUri": f"{prefix}/Reports/{handle}/MetaData",
        **more,
    }


def attributes(**kinds):
    return {"Attributes": [{"Name": name, "DataType": kind} for name, kind in kinds.items()]}
