"""Similarweb: requests, filters, restored streams, final days."""

import datetime as dt

import pytest
from similarweb_account import DESCRIBE, DESCRIBED, KEY, clock_at, connect

from tap_reports.models import FileFormat, Granularity, Slice
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.similarweb import days
from tap_reports.vendors.similarweb.choice import choose
from tap_reports.vendors.similarweb.documented import DOCUMENTED

TRAFFIC = {"table": "traffic_and_engagement"}
MONTH = Slice(dt.date(2023, 8, 1), dt.date(2023, 8, 31))


@pytest.mark.usefixtures("described")
def test_a_request_holds_all_that_changes_the_result():
    client = connect(
        {**TRAFFIC, "metrics": ["global_rank", "desktop_visits", "global_rank"]}, include_subdomains=True
    )
    [report] = client.report_types()
    [request] = client.requests(report, MONTH)

    assert request.vendor == "similarweb"
    assert request.api_url == "https://api.similarweb.com"
    assert request.report == "traffic_and_engagement"
    assert request.slice == MONTH
    assert request.settled_on == dt.date(2023, 9, 1)
    assert request.parameters == {
        "table": "traffic_and_engagement",
        "granularity": "monthly",
        "metrics": ["global_rank", "desktop_visits"],
        "filters": {"domains": ["a.com"], "countries": ["WW"], "include_subdomains": True},
        "response_format": "csv",
    }


@pytest.mark.usefixtures("described")
def test_versions_and_webhooks_do_not_make_another_job():
    keys = set()
    for more in (
        {},
        {"api_version": "v3"},
        {"api_version": "v4", "callback_url": "https://me.example/s3cr3t"},
    ):
        client = connect(**more)
        [report] = client.report_types()
        keys.add(client.requests(report, MONTH)[0].key)
    assert len(keys) == 1


@pytest.mark.usefixtures("described")
def test_other_filters_or_formats_make_another_job():
    keys = set()
    for more in ({}, {"countries": ["US"]}, {"response_format": "json"}, {"include_subdomains": False}):
        client = connect(**more)
        [report] = client.report_types()
        keys.add(client.requests(report, MONTH)[0].key)
    assert len(keys) == 4


@pytest.mark.usefixtures("described")
def test_the_reports_filters_replace_the_defaults_and_empty_ones_are_left_out():
    client = connect(
        {**TRAFFIC, "filters": {"domains": ["b.com"], "include_subdomains": None, "countries": "us"}},
        include_subdomains=True,
    )
    [report] = client.report_types()
    [request] = client.requests(report, MONTH)
    assert request.parameters["filters"] == {"domains": ["b.com"], "countries": ["US"]}


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("https://www.example.com/path?x=1", "example.com"),
        ("http://shop.example.com:8080", "shop.example.com"),
        ("//example.com", "example.com"),
        ("www.example.com#top", "example.com"),
        ("medium.com/@somebody", "medium.com"),
        ("  example.com  ", "example.com"),
        ("auth.poker*", "auth.poker*"),
        ("www.com", "www.com"),
        ("wwwords.com", "wwwords.com"),
    ],
)
def test_domains_are_written_as_similarweb_wants_them(text, domain):
    chosen = choose(TRAFFIC, {"domains": [text, domain]}, DOCUMENTED)
    assert chosen.filters["domains"] == [domain], "and each once"


def test_keywords_keep_their_spelling():
    chosen = choose({"table": "keywords"}, {"keywords": ["www.Shoes/ Red"]}, DOCUMENTED)
    assert chosen.filters == {"keywords": ["www.Shoes/ Red"], "countries": ["WW"]}


def test_the_account_is_a_hash_of_the_key_and_known_without_a_call():
    one, other = connect(), connect(api_key="another-key")
    assert one.account.startswith("key-")
    assert len(one.account) == len("key-") + 12
    assert one.account != other.account
    assert KEY not in one.account


def test_a_catalogs_stream_is_restored_without_a_call(requests_mock):
    client = connect(TRAFFIC, {**TRAFFIC, "granularity": "daily", "name": "By Day"}, response_format="json")
    report = client.restore(CatalogStream(name="by_day", title="traffic_and_engagement"))
    assert report.name == "by_day"
    assert report.granularity is Granularity.DAILY
    assert report.date_column == "date"
    assert report.layout.format is FileFormat.JSON
    assert client.restore(CatalogStream(name="traffic_and_engagement_weekly", title="")) is None
    assert requests_mock.call_count == 0


@pytest.mark.usefixtures("described")
def test_a_restored_report_asks_for_the_same_job():
    client = connect()
    [report] = client.report_types()
    restored = client.restore(CatalogStream(name=report.name, title=""))
    assert client.requests(restored, MONTH)[0].key == client.requests(report, MONTH)[0].key


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("granularity", "day"),
    [("daily", "2023-09-10"), ("weekly", "2023-09-10"), ("monthly", "2023-08-31")],
)
def test_describe_names_the_final_day(granularity, day):
    client = connect({**TRAFFIC, "granularity": granularity}, clock=clock_at("2024-05-05T00:00:00+00:00"))
    [report] = client.report_types()
    assert client.final_day(report) == dt.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("granularity", "text", "day"),
    [
        ("monthly", "2024-02", "2024-02-29"),
        ("monthly", "2023-12-01", "2023-12-31"),
        ("monthly", "2023-12-31", "2023-12-31"),
        ("weekly", "2024-09-30", "2024-10-06"),
        ("weekly", "2024-10-06", "2024-10-06"),
        ("weekly", "2024-09", "2024-09-29"),
        ("daily", "2024-09-30T00:00:00", "2024-09-30"),
        ("daily", "2024-02", "2024-02-29"),
    ],
)
def test_an_end_date_means_the_whole_of_its_period(granularity, text, day):
    assert days.last_day(text, granularity) == dt.date.fromisoformat(day)


def test_an_end_date_that_is_none_is_warned_about_and_the_rule_is_used(requests_mock, caplog):
    spans = {"monthly": {"end_date": "soon"}}
    requests_mock.get(DESCRIBE, json=[{**DESCRIBED[0], "table_granularity": spans}])
    client = connect()
    [report] = client.report_types()
    assert client.final_day(report) == dt.date(2023, 8, 31)
    assert "'soon'" in caplog.text


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
    client = connect({**TRAFFIC, "granularity": granularity}, clock=clock_at(now))
    [report] = client.report_types()
    assert client.final_day(report) == dt.date.fromisoformat(day)
