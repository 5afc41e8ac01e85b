"""Similarweb: requests, restored streams, first and final days."""

import datetime as dt

import pytest
from similarweb_account import API, DESCRIBE, DESCRIBED, MONTH, TRAFFIC, asked, clock_at, connect

from tap_reports.models import FileFormat, Granularity
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.similarweb import VENDOR, days


@pytest.mark.usefixtures("described")
def test_a_request_holds_all_that_changes_the_result():
    report = {**TRAFFIC, "metrics": ["global_rank", "desktop_visits", "global_rank"]}
    [request] = asked(report, include_subdomains=True)
    assert (request.vendor, request.api_url, request.report) == ("similarweb", API, TRAFFIC["table"])
    assert request.slice == MONTH
    assert request.parameters == {
        "table": "traffic_and_engagement",
        "granularity": "monthly",
        "metrics": ["global_rank", "desktop_visits"],
        "filters": {"domains": ["a.com"], "countries": ["WW"], "include_subdomains": True},
        "response_format": "csv",
    }


@pytest.mark.usefixtures("undescribed")
def test_key_columns_that_are_metrics_are_asked_for_by_themselves_and_each_once():
    report = {"table": "site_conversion", "metrics": ["site_visits", "site_sector"]}
    [request] = asked({**report, "filters": {"segment_ids": ["s"]}})
    assert request.parameters["metrics"] == ["site_sector", "stickiness_sector", "site_visits"]


@pytest.mark.usefixtures("undescribed")
@pytest.mark.parametrize(
    ("metrics", "count"), [([], 1), (["desktop_referral_visits"], 1), (["mobile_outgoing_referral_share"], 2)]
)
def test_a_metric_of_the_rest_api_is_asked_for_by_name_only_and_for_a_hundred_domains(metrics, count):
    domains = [f"site{number}.com" for number in range(150)]
    requests = asked({"table": "referrals", "metrics": metrics}, domains=domains)
    assert len(requests) == count
    rest = "mobile_outgoing_referral_share" in requests[0].parameters["metrics"]
    assert rest == (count == 2)


@pytest.mark.usefixtures("undescribed")
def test_a_limit_makes_another_job_and_how_long_it_is_kept_does_not():
    reports = [{"table": "referrals", **more} for more in ({}, {"retention_days": 60}, {"limit": 5})]
    plain, kept, limited = (asked(report)[0] for report in reports)
    assert plain.key == kept.key != limited.key
    assert (plain.row_limit, limited.row_limit, asked(TRAFFIC)[0].row_limit) == (100, 5, None)
    assert (limited.parameters["limit"], kept.options) == (5, {"retention_days": 60})


HOOK = {"api_version": "v4", "callback_url": "https://me.example/s3cr3t"}


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ([{}, {"api_version": "v3"}, HOOK], 1),
        ([{}, {"countries": ["US"]}, {"response_format": "json"}, {"include_subdomains": False}], 4),
    ],
)
def test_other_filters_or_formats_make_another_job_and_versions_or_webhooks_do_not(changes, jobs):
    assert len({asked(**more)[0].key for more in changes}) == jobs


def test_a_catalogs_stream_is_restored_without_a_call(requests_mock):
    client = connect(TRAFFIC, {**TRAFFIC, "granularity": "daily", "name": "By Day"}, response_format="json")
    report = client.restore(CatalogStream(name="by_day", title="traffic_and_engagement"))
    assert (report.name, report.granularity, report.date_column) == ("by_day", Granularity.DAILY, "date")
    assert report.layout.format is FileFormat.JSON
    assert client.restore(CatalogStream(name="traffic_and_engagement_weekly", title="")) is None
    assert requests_mock.call_count == 0
    assert VENDOR.report_name({"table": "apps", "granularity": "daily", "name": "Our Apps"}) == "our_apps"


@pytest.mark.usefixtures("described")
def test_a_restored_report_asks_for_the_same_job():
    client = connect()
    [report] = client.report_types()
    restored = client.restore(CatalogStream(name=report.name, title=""))
    assert client.requests(restored, MONTH)[0].key == client.requests(report, MONTH)[0].key


# --- days --------------------------------------------------------------------------------------------


def days_of(granularity, now):
    """Return the first and the final day of a report."""
    client = connect({**TRAFFIC, "granularity": granularity}, clock=clock_at(now))
    [report] = client.report_types()
    return str(client.first_day(report)), str(client.final_day(report))


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("granularity", "first", "final"),
    [
        ("daily", "2023-01-01", "2023-09-10"),
        ("weekly", "2022-01-03", "2023-09-10"),
        ("monthly", "2018-08-01", "2023-08-31"),
    ],
)
def test_describe_names_the_first_and_the_final_day(granularity, first, final):
    assert days_of(granularity, "2024-05-05T00:00:00+00:00") == (first, final)


@pytest.mark.usefixtures("undescribed")
@pytest.mark.parametrize(
    ("granularity", "now", "day"),
    [
        ("daily", "2023-09-14T12:00:00+00:00", "2023-09-10"),
        ("daily", "2023-09-14T04:59:59+00:00", "2023-09-09"),
        ("daily", "2023-09-14T05:00:00+00:00", "2023-09-10"),
        ("weekly", "2023-09-14T12:00:00+00:00", "2023-09-10"),
        ("weekly", "2023-09-13T12:00:00+00:00", "2023-09-03"),
        ("monthly", "2023-09-10T05:00:00+00:00", "2023-08-31"),
        ("monthly", "2023-09-10T04:59:59+00:00", "2023-07-31"),
        ("monthly", "2024-01-09T12:00:00+00:00", "2023-11-30"),
        ("monthly", "2024-01-10T12:00:00+00:00", "2023-12-31"),
    ],
)
def test_without_describe_the_documented_delays_count_on_est(granularity, now, day):
    assert days_of(granularity, now) == ("None", day)


@pytest.mark.parametrize(
    ("read", "granularity", "text", "day"),
    [
        (days.first_day, "weekly", "2022-01-01", dt.date(2022, 1, 3)),
        (days.first_day, "monthly", "2022-01-15", dt.date(2022, 1, 1)),
        (days.first_day, "daily", "soon", None),
        (days.last_day, "monthly", "2024-02", dt.date(2024, 2, 29)),
        (days.last_day, "monthly", "2023-12-01", dt.date(2023, 12, 31)),
        (days.last_day, "monthly", "2023-12-31", dt.date(2023, 12, 31)),
        (days.last_day, "weekly", "2024-09-30", dt.date(2024, 10, 6)),
        (days.last_day, "weekly", "2024-10-06", dt.date(2024, 10, 6)),
        (days.last_day, "weekly", "2024-09", dt.date(2024, 9, 29)),
        (days.last_day, "daily", "2024-09-30T00:00:00", dt.date(2024, 9, 30)),
        (days.last_day, "daily", "2024-02", dt.date(2024, 2, 29)),
    ],
)
def test_a_start_date_means_the_first_whole_period_and_an_end_date_the_whole_of_its_own(
    read, granularity, text, day
):
    assert read(text, granularity) == day


def test_an_end_date_that_is_none_is_warned_about_and_the_rule_is_used(requests_mock, caplog):
    spans = {"monthly": {"end_date": "soon"}}
    requests_mock.get(DESCRIBE, json=[{**DESCRIBED[0], "table_granularity": spans}])
    assert days_of("monthly", "2023-09-14T12:00:00+00:00")[1] == "2023-08-31"
    assert "'soon'" in caplog.text
