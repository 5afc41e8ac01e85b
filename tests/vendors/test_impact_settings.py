from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from impact_account import config_of

from tap_reports.models import Quota
from tap_reports.vendors.impact import VENDOR
from tap_reports.vendors.impact.zones import read_zone, zone_text

BLOCK = {"account_sid": "IRsid", "auth_token": "t0ken", "account_type": "partner"}


def errors(**settings):
    return list(VENDOR.check({**BLOCK, **settings}))


def report_errors(**settings):
    return errors(reports=[{"id": "x", **settings}])


def test_day_quotas_count_reports_and_clicks_apart():
    assert list(VENDOR.quotas(config_of(clicks_per_day=3))) == [
        Quota(name="reports_per_day", limit=100, seconds=86400, counts="report"),
        Quota(name="clicks_per_day", limit=3, seconds=86400, counts="click"),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"timezone": "America/Chicago"},
        {"timezone": "(GMT -06:00) Central Time (US & Canada)"},
        {"clicks": True},
        {"clicks": {}},
        {"account_type": "brand", "clicks": {"program_ids": ["1"]}},
        {"account_type": "brand", "clicks": False},
        {"account_type": "agency"},
        {"reports": [{"id": 4222, "params": {"SUBAID": 1, "SUPERSTATUS_MS": ["NA", "PENDING"], "X": True}}]},
        {"reports": [{"id": "x", "date_format": "%Y-%m-%dT%H:%M:%SZ", "date_parameters": ["a", "b"]}]},
    ],
)
def test_good_blocks_have_no_errors(settings):
    assert errors(**settings) == []


@pytest.mark.parametrize("clicks", [True, {}, {"program_ids": []}])
def test_a_brand_must_name_the_programs_of_its_clicks(clicks):
    (text,) = errors(account_type="brand", clicks=clicks)
    assert text.startswith("clicks: a brand account must name its programs")


def test_an_agency_has_no_clicks():
    (text,) = errors(account_type="agency", clicks={"program_ids": ["1"]})
    assert text.startswith("clicks: an agency account has no ClickExport")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "America", "../etc/passwd", "(GMT -99:00) Nowhere"])
def test_a_bad_timezone_is_named(zone):
    (text,) = errors(timezone=zone)
    assert text.startswith(f'timezone: "{zone}" is not a time zone')


@pytest.mark.parametrize("names", [["START_DATE"], ["a", "b", "c"], ["a", ""], ["a", "a"]])
def test_two_different_date_parameters_are_needed(names):
    (text,) = report_errors(date_parameters=names)
    assert text.startswith("reports[0].date_parameters: must be two different names")


@pytest.mark.parametrize("date_format", ["yyyy-MM-dd", "", "%Y-%m", "%d", "%Y-%m-%d%", "%Q%Y-%m-%d"])
def test_a_date_format_that_does_not_write_days_is_named(date_format):
    (text,) = report_errors(date_format=date_format)
    assert text.startswith(f'reports[0].date_format: "{date_format}" does not write a day')


@pytest.mark.parametrize(
    ("params", "start"),
    [
        ({"START_DATE": "2026-01-01"}, "reports[0].params.START_DATE: the tap sets it"),
        ({"resultformat": "XML"}, 'reports[0].params.resultformat: use the setting "result_format"'),
        ({"FILTER": {"a": 1}}, "reports[0].params.FILTER: must be a text"),
    ],
)
def test_parameters_that_the_tap_sets_or_cannot_send_are_named(params, start):
    (text,) = report_errors(params=params)
    assert text.startswith(start)


def test_a_report_without_date_parameters_is_a_snapshot_and_has_no_settings_of_dates():
    assert report_errors(date_parameters=[]) == []
    assert not VENDOR.is_dated({"id": "x", "date_parameters": []})
    assert VENDOR.is_dated({"id": "x"})
    found = report_errors(date_parameters=[], slice_days=7, replication_key="Day", date_format="%d.%m.%Y")
    assert [text.partition(":")[0] for text in found] == [
        "reports[0].date_format",
        "reports[0].slice_days",
        "reports[0].replication_key",
    ]


@pytest.mark.parametrize(("name", "kind"), [("media_ids", "brand"), ("sub_ids", "partner")])
def test_a_filter_of_clicks_that_the_kind_of_account_lacks_is_named(name, kind):
    other = {"brand": "partner", "partner": "brand"}[kind]
    clicks = {"program_ids": ["1"], name: ["2"]}
    assert errors(account_type=kind, clicks=clicks) == []
    (text,) = errors(account_type=other, clicks=clicks)
    assert text.startswith(f"clicks.{name}: only a {kind} account")


def test_every_error_is_listed_at_once():
    found = errors(timezone="Mars", reports=[{"id": "a", "date_parameters": ["x"]}])
    assert [text.partition(":")[0] for text in found] == ["timezone", "reports[0].date_parameters"]


def test_no_report_may_take_the_name_of_the_click_stream():
    (text,) = errors(clicks=True, reports=[{"id": "x", "name": "Clicks"}])
    assert text.startswith('reports[0].name: "clicks" is the stream of the click export')


@pytest.mark.parametrize(
    ("report", "name"),
    [
        ({"id": "mp_action_listing_fast"}, "mp_action_listing_fast"),
        ({"id": "PerformanceByCampaigns"}, "performance_by_campaigns"),
        ({"id": 4222}, "4222"),
        ({"id": "x", "name": "My Report"}, "my_report"),
        ({}, None),
    ],
)
def test_a_stream_is_named_after_the_report_s_name_or_id(report, name):
    assert VENDOR.report_name(report) == name


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("America/Chicago", ZoneInfo("America/Chicago")),
        ("(GMT -06:00) Central Time (US & Canada)", dt.timezone(-dt.timedelta(hours=6))),
        ("(GMT+05:30) Chennai", dt.timezone(dt.timedelta(hours=5, minutes=30))),
        ("(UTC) Coordinated Universal Time", dt.UTC),
        ("(GMT) Dublin", dt.UTC),
        ("-06:00", dt.timezone(-dt.timedelta(hours=6))),
        ("Central Time", None),
    ],
)
def test_zones_are_read_in_every_form(text, zone):
    assert read_zone(text) == zone


@pytest.mark.parametrize("text", ["America/Chicago", "-06:00", "+05:30", "-03:30", "UTC"])
def test_a_zone_s_text_reads_as_the_same_zone(text):
    assert zone_text(read_zone(text)) == text
