"""A Digital Turbine account for tests: a report, a client on a clock that only tests move."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from one_account import block, context_of

from tap_reports.models import Slice
from tap_reports.vendors.digital_turbine import VENDOR
from tap_reports.vendors.digital_turbine.client import DigitalTurbine

API = "https://reporting.digitalturbine.com"
TOKEN_URL, REPORT_URL = f"{API}/auth/v1/token", f"{API}/api/v1/report"
SECRET = "s3cret-of-the-client"
TOKEN = "eyJ0b2tlbi1vbmUifQ"
LINK_PATH = "https://bucket.s3.amazonaws.com/group%3D7/abc/0c1d.csv"
LINK = f"{LINK_PATH}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=f00dfeed"
NOON = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
DAYS = Slice(dt.date(2026, 1, 1), dt.date(2026, 1, 9))
REPORT = {
    "name": "Country spend",
    "splits": ["Date", "Country"],
    "metrics": ["Spend", "Installs", "Post Install Events"],
    "filters": [{"dimension": "Country", "values": ["US", "CA"]}],
}


def tokens():
    return [TOKEN, "eyJ0b2tlbi10d28ifQ", "eyJ0b2tlbi10aHJlZSJ9"]


def config(*reports, **values):
    account = {"client_id": "c1ient", "client_secret": SECRET, **values}
    return block(VENDOR, account, *(reports or (REPORT,)))


def connect(clock, settings=None):
    return DigitalTurbine(settings or config(), context_of(API, clock))


def request_for(client, days=DAYS):
    [report] = client.report_types()
    [request] = client.requests(report, days)
    return request


def submitted(client):
    return client.submit(request_for(client))


def sent(mock, path):
    return [call for call in mock.request_history if urlsplit(call.url).path == path]
