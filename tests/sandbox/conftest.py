from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
import requests

from tap_reports.sandbox import Sandbox

TODAY = dt.date(2026, 8, 15)


class Client:
    """Speaks to a sandbox as each vendor's client would."""

    def __init__(self, sandbox, http):
        self.sandbox, self.http = sandbox, http
        self.accounts = sandbox.accounts
        self.basic = (self.accounts.impact_sid, self.accounts.impact_word)
        self.key = {"api-key": self.accounts.similarweb_key}
        self.admin = {"Authorization": f"Token {self.accounts.second_nature_key}"}

    def get(self, path, **more):
        return self.http.get(self.sandbox.url + path, **more)

    def post(self, path, **more):
        return self.http.post(self.sandbox.url + path, **more)

    def table(self, **changes):
        table = {
            "vtable": "traffic_and_engagement",
            "granularity": "monthly",
            "filters": {"domains": ["a.com", "b.com"], "countries": ["WW"]},
            "metrics": ["desktop_visits", "category", "global_rank"],
            "start_date": "2026-05",
            "end_date": "2026-07",
        }
        return table | changes

    def similarweb(self, action="request-report", delivery=None, **changes):
        body = {"report_query": {"tables": [self.table(**changes)]}, "delivery_information": delivery or {}}
        return self.post(f"/batch/v5/{action}", json=body, headers=self.key)

    def similarweb_status(self, report_id):
        return self.get(f"/v3/batch/request-status/{report_id}", headers=self.key).json()

    def impact(self, path, prefix="Mediapartners", method="GET", **params):
        url = f"{self.sandbox.url}/{prefix}/{self.accounts.impact_sid}/{path}"
        return self.http.request(method, url, params=params, auth=self.basic, allow_redirects=False)

    def export(self, report="partner_performance_by_day", prefix="Mediapartners", **params):
        span = {"START_DATE": "2026-08-01", "END_DATE": "2026-08-03"}
        return self.impact(f"ReportExport/{report}", prefix, **(span | params)).json()

    def impact_file(self, export):
        return self.http.get(f"{self.sandbox.url}{export['ResultUri']}", auth=self.basic)

    def token(self):
        body = {
            "grant_type": "client_credentials",
            "client_id": self.accounts.digital_turbine_id,
            "client_secret": self.accounts.digital_turbine_word,
        }
        return self.post("/auth/v1/token", json=body).json()["accessToken"]

    def turbine(self, token=None, **changes):
        query = {
            "dateRange": {"start": "2026-08-01", "end": "2026-08-03"},
            "metrics": ["Spend", "Installs"],
            "splits": ["Country", "Date"],
            "filters": [],
            "reportFormat": "csv",
        }
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        return self.post(
            "/api/v1/report", json={"product": "dtgrowth", "query": query | changes}, headers=headers
        )

    def nature(self, report="admin-xls-report", **body):
        return self.post("/api/reports/export/", json={"report_name": report, **body}, headers=self.admin)

    def nature_status(self, ticket):
        return self.get(f"/api/reports/export/{ticket}/", headers=self.admin).json()


@pytest.fixture
def start():
    """Start sandboxes; all are stopped at the end."""
    open_ones = []

    def make(**options):
        sandbox = Sandbox(**({"delay": 0, "rows": 3, "today": TODAY} | options)).__enter__()
        http = requests.Session()
        open_ones.append((sandbox, http))
        return Client(sandbox, http)

    yield make
    for sandbox, http in open_ones:
        http.close()
        sandbox.__exit__(None, None, None)


@pytest.fixture
def client(start):
    return start()


@pytest.fixture
def table():
    """Read CSV bytes as rows."""
    return lambda content: list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
