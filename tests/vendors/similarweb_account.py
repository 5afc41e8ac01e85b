"""An account at Similarweb for tests: settings, a fake clock, a client on a real session."""

import datetime as dt

from one_account import FakeClock, block, context_of

from tap_reports.models import ReportJob, ReportRequest, Slice
from tap_reports.vendors.similarweb import VENDOR

MONTH = Slice(dt.date(2023, 8, 1), dt.date(2023, 8, 31))
API = "https://api.similarweb.com"
KEY = "0123456789abcdef0123456789abcdef"
STATUS = f"{API}/v3/batch/request-status"
DESCRIBE = f"{API}/v3/batch/tables/describe"
CREDITS = f"{API}/v3/batch/credits"
RETRY = f"{API}/v3/batch/retry"
SUBMIT = f"{API}/batch/v5/request-report"
VALIDATE = f"{API}/batch/v5/request-validate"
HOOK = "https://me.example/s3cr3t-hook/similarweb"
ERRORS = {"errors": ["granularity should be one of the following - daily.", "no such country"]}
TRAFFIC = {"table": "traffic_and_engagement"}
LINK = "https://bucket.example.com/report.csv?X-Signature=5ecret5ignature"

DESCRIBED = [
    {
        "table": "traffic_and_engagement",
        "table_granularity": {
            "monthly": {"start_date": "2018-08", "end_date": "2023-08"},
            "weekly": {"start_date": "2022-01-03", "end_date": "2023-09-06"},
            "daily": {"start_date": "2023-01-01", "end_date": "2023-09-10"},
        },
        "table_metrics": [
            {"metric_name": "desktop_visits", "type": "double", "supported_granularity": None},
            {"metric_name": "pages", "type": "bigint", "supported_granularity": {"daily": {}, "monthly": {}}},
            {"metric_name": "global_rank", "type": "int", "supported_granularity": {"monthly": {}}},
            {"metric_name": "category", "type": "string", "supported_granularity": {"monthly": {}}},
            {"metric_name": "breakdown", "type": "object", "supported_granularity": {"monthly": {}}},
            {"metric_name": "new_metric", "type": "array", "supported_granularity": {"monthly": {}}},
        ],
        "table_filters": [
            {"name": "domains", "key_column": "domain", "is_mandatory": True, "type": "list"},
            {"name": "countries", "key_column": "country", "is_mandatory": True, "type": "list"},
            {"name": "include_subdomains", "key_column": None, "is_mandatory": False, "type": "bool"},
        ],
    },
    {
        "table": "custom_table",
        "table_granularity": {"daily": {"start_date": "2023-01-01", "end_date": "2023-09-09"}},
        "table_metrics": [{"metric_name": "score", "type": "double"}],
        "table_filters": [
            {"name": "industries", "key_column": "industry", "is_mandatory": True, "type": "list"}
        ],
    },
]


def kinds(report):
    return {column.header: column.kind for column in report.columns}


def clock_at(now="2023-09-14T12:00:00+00:00"):
    return FakeClock(dt.datetime.fromisoformat(now))


def config(*reports, callback_url=None, **values):
    """Return a block as the configuration hands it over."""
    given = {"api_key": KEY, "domains": ["a.com"], **values}
    own = {name: value for name, value in given.items() if value is not None}
    return block(VENDOR, own, *(reports or VENDOR.default_reports), callback_url=callback_url)


def connect(*reports, clock=None, retries=0, callback_url=None, **values):
    """Return a client of a real session."""
    settings = config(*reports, callback_url=callback_url, **values)
    return VENDOR.connect(settings, context_of(API, clock or clock_at(), retries))


def asked(*reports, days=MONTH, **values):
    """Return what a client of these reports asks for a slice, all requests in a row."""
    client = connect(*reports, **values)
    return [request for report in client.report_types() for request in client.requests(report, days)]


def request(
    granularity="monthly", start="2023-02-01", end="2023-03-31", table="traffic_and_engagement", **more
):
    """Return a request for two metrics of two countries."""
    return ReportRequest(
        vendor="similarweb",
        account="key-1",
        api_url=API,
        report=table,
        parameters={
            "table": table,
            "granularity": granularity,
            "metrics": ["desktop_visits", "global_rank"],
            "filters": {"domains": ["a.com"], "countries": ["WW", "US"], "include_subdomains": True},
            "response_format": "csv",
            **more,
        },
        slice=Slice(dt.date.fromisoformat(start), dt.date.fromisoformat(end)),
    )


def job(**more):
    return ReportJob(
        request=request(), id="r-1", submitted_at=dt.datetime(2023, 9, 14, 11, 59, tzinfo=dt.UTC), **more
    )
