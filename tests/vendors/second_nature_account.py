"""A Second Nature account for tests: a client on a clock that only tests move."""

from __future__ import annotations

import datetime as dt

from one_account import block, context_of

from tap_reports import redaction
from tap_reports.models import Slice
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.second_nature import VENDOR
from tap_reports.vendors.second_nature.client import SecondNature

API = "https://app.secondnature.ai/api"
REQUEST_URL, LIST_URL = f"{API}/reports/export/", f"{API}/reports/"
STATUS_URL = f"{API}/reports/export/t-1/"
KEY = "the-k3y-of-an-admin"
LINK = "https://files.example.com/r/report.xlsx?Signature=c0ffee&Expires=9"
NOW = dt.datetime(2026, 1, 10, 23, 59, tzinfo=dt.UTC)
DAYS = Slice(dt.date(2026, 1, 1), dt.date(2026, 1, 9))
ADMIN = {"report_name": "admin-xls-report"}
NAMES = ["admin-xls-report", "session-overview"]


def connect(clock, *reports, listed=False, **values):
    redaction.add_secrets([KEY])  # as reading the configuration does
    more = {"reports": None} if listed else {}
    return SecondNature(
        block(VENDOR, {"api_key": KEY, **values}, *(reports or (ADMIN,)), **more), context_of(API, clock)
    )


def restored(client):
    return client.restore(CatalogStream(name="admin_xls_report", title="admin-xls-report"))


def request_for(client, days=None):
    [request] = client.requests(restored(client), days)
    return request


def submitted(client, days=None, *, refresh=False):
    return client.submit(request_for(client, days), refresh=refresh)


def complete(client, api, report_url):
    api.get(STATUS_URL, json={"status": "complete", "report_url": report_url})
    return client.poll(submitted(client))
