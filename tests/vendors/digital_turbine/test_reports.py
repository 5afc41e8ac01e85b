"""Digital Turbine: report types, final days and submissions."""

from __future__ import annotations

import datetime as dt

import pytest
from digital_turbine_account import (
    API,
    DAYS,
    LINK,
    NOON,
    REPORT,
    REPORT_URL,
    SECRET,
    TOKEN,
    config,
    connect,
    request_for,
    sent,
    submitted,
)

from tap_reports.exceptions import CallRejected
from tap_reports.models import JobStatus, Kind, Quota
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.digital_turbine import VENDOR


def test_quotas_are_a_minute_and_a_day_by_the_settings():
    assert VENDOR.quotas(config(reports_per_minute=3, reports_per_day=50)) == (
        Quota(name="reports_per_minute", limit=3, seconds=60),
        Quota(name="reports_per_day", limit=50, seconds=86400),
    )


def test_columns_are_splits_then_metrics_with_the_headers_as_asked_for(clock):
    default, own = connect(clock, config(*VENDOR.default_reports, REPORT)).report_types()
    assert (default.name, own.name) == ("campaign_daily", "country_spend")
    assert {column.header: column.kind for column in default.columns} == {
        "Date": Kind.DATE,
        **dict.fromkeys(("Campaign ID", "Campaign Name", "Country"), Kind.STRING),
        **dict.fromkeys(("Impressions", "Clicks", "Installs"), Kind.INTEGER),
        "Spend": Kind.NUMBER,
    }
    assert default.primary_keys == ("Date", "Campaign ID", "Country"), "a campaign may be renamed"
    assert [column.header for column in own.columns] == [*REPORT["splits"], *REPORT["metrics"]]
    assert (own.columns[-1].property, own.columns[-1].kind) == ("post_install_events", Kind.STRING)
    assert "Money is in US dollars" in default.description


@pytest.mark.parametrize(
    ("splits", "date"),
    [
        (["Date", "Campaign Name"], "Date"),
        (["Country"], None),
        pytest.param(["date", "Country"], None, id="only the exact split is a date"),
    ],
)
def test_splits_are_keys_and_the_exact_date_is_the_date_column(clock, splits, date):
    [report] = connect(clock, config({**REPORT, "splits": splits})).report_types()
    assert (report.primary_keys, report.date_column, report.dated) == (tuple(splits), date, True)
    assert report.columns[0].kind is (Kind.DATE if date else Kind.STRING)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"name": None}, "reports[0].name: required"),
        ({"metrics": []}, "reports[0].metrics: must name at least one"),
        ({"splits": []}, "reports[0].splits: must name at least one"),
        ({"metrics": ["Spend", "Spend"]}, '"Spend" stands 2 times'),
        ({"metrics": ["Date"]}, '"Date" stands 2 times'),
    ],
)
def test_check_names_what_is_wrong_with_a_report(change, said):
    report = {name: value for name, value in {**REPORT, **change}.items() if value is not None}
    errors = list(VENDOR.check({"reports": [report]}))
    assert [said in error for error in errors] == ([True] if said else [])


def test_restore_finds_the_report_by_its_name_without_a_call(client, requests_mock):
    assert client.restore(CatalogStream(name="country_spend", title="")) == next(iter(client.report_types()))
    assert client.restore(CatalogStream(name="gone", title="gone")) is None
    assert requests_mock.call_count == 0


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-01-10T11:59:59", "2026-01-08"),
        ("2026-01-10T12:00:00", "2026-01-09"),
        ("2026-01-11T00:00:00", "2026-01-09"),
        ("2026-01-11T12:00:00", "2026-01-10"),
    ],
)
def test_a_day_is_final_from_noon_utc_of_the_next(client, clock, now, last):
    clock.time = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    [report] = client.report_types()
    assert client.final_day(report).isoformat() == last


def test_equal_queries_of_two_reports_are_one_job_and_their_order_of_splits_is_not(clock):
    settings = config(REPORT, {**REPORT, "name": "other"}, {**REPORT, "splits": ["Country", "Date"]})
    client = connect(clock, settings)
    first, same, different = (client.requests(report, DAYS)[0].key for report in client.report_types())
    assert first == same != different


@pytest.mark.parametrize(
    ("filters", "answer"),
    [
        (REPORT["filters"], {"signed_url": LINK}),
        (None, {"id": "u-1", "url": LINK}),
        (None, {"signed_url": LINK, "url": "https://x.y/z"}),
    ],
)
def test_submission_is_the_documented_body_and_its_link_is_the_job(clock, api, filters, answer):
    report = {name: value for name, value in {**REPORT, "filters": filters}.items() if value}
    api.post(REPORT_URL, json=answer)
    job = submitted(connect(clock, config(report)))
    [call] = sent(api, "/api/v1/report")
    assert call.json() == {
        "product": "dtgrowth",
        "query": {
            "dateRange": {"start": "2026-01-01", "end": "2026-01-09"},
            "metrics": ["Spend", "Installs", "Post Install Events"],
            "splits": ["Date", "Country"],
            "filters": filters or [],
            "reportFormat": "csv",
        },
    }
    assert call.headers["Authorization"] == f"Bearer {TOKEN}"
    assert (job.id, job.handle) == ("0c1d.csv", {"link": LINK})
    assert (job.submitted_at, job.status) == (NOON, JobStatus.PENDING)
    request = job.request
    assert (request.vendor, request.account, request.api_url) == ("digital_turbine", "c1ient", API)
    assert SECRET not in repr(request)


def test_a_request_without_dates_is_not_sent(client, api):
    with pytest.raises(CallRejected, match="not sent: every report needs a date range"):
        client.submit(request_for(client, None))
    assert api.call_count == 0
