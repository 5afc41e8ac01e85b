"""An impact.com account for tests: a client on a real API session, a clock that only tests move."""

from __future__ import annotations

import datetime as dt

from one_account import FakeClock, block, context_of

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
    return VENDOR.connect(config, context_of(config.api_url, clock or clock_at()))


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


# --- columns ------------------------------------------------------------------------------------------

ISO = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
ZONE = {"timezone": "America/Chicago"}


def kinds(type_):
    return {column.header: column.kind for column in type_.columns}


# --- jobs ---------------------------------------------------------------------------------------------

EXPORT = f"{PREFIX}/ReportExport/x"
JOB = f"{PREFIX}/Jobs/j-1"
REPLAY = f"{JOB}/Replay"
QUEUED = {
    "Status": "QUEUED",
    "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1",
    "ResultUri": f"/Mediapartners/{SID}/Jobs/j-1/Download",
}
OLD, NEW = "2026-02-01T10:00:00-06:00", "2026-03-02T04:40:00Z"


def job_object(status="COMPLETED", **more):
    return {
        "Id": "j-1",
        "Status": status,
        "StatusMessage": None,
        "CreatedDate": "2026-02-01T09:59:00-06:00",
        "CompletedDate": OLD if status == "COMPLETED" else "",
        "RecordsProcessed": "250",
        "Replayable": "true",
        **more,
    }
