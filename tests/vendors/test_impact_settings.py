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
        {"account_type": "brand", "clicks": {"program_ids": ["1"], "media_ids": ["2"]}},
        {"clicks": {"sub_ids": ["2"]}},
        {"account_type": "brand", "clicks": False},
        {"account_type": "agency"},
        {"reports": [{"id": 4222, "params": {"SUBAID": 1, "SUPERSTATUS_MS": ["NA", "PENDING"], "X": True}}]},
        {"reports": [{"id": "x", "date_format": "%Y-%m-%dT%H:%M:%SZ", "date_parameters": ["a", "b"]}]},
    ],
)
def test_good_blocks_have_no_errors(settings):
    assert errors(**settings) == []


PROGRAMS = {"program_ids": ["1"]}


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        *(
            ({"account_type": "brand", "clicks": clicks}, "clicks: a brand account must name its programs")
            for clicks in (True, {}, {"program_ids": []})
        ),
        ({"account_type": "agency", "clicks": PROGRAMS}, "clicks: an agency account has no ClickExport"),
        ({"clicks": {**PROGRAMS, "media_ids": ["2"]}}, "clicks.media_ids: only a brand account"),
        (
            {"account_type": "brand", "clicks": {**PROGRAMS, "sub_ids": ["2"]}},
            "clicks.sub_ids: only a partner account",
        ),
        (
            {"clicks": True, "reports": [{"id": "x", "name": "Clicks"}]},
            'reports[0].name: "clicks" is the stream of the click export',
        ),
        *(
            ({"timezone": zone}, f'timezone: "{zone}" is not a time zone')
            for zone in ("Mars/Phobos", "", "America", "../etc/passwd", "(GMT -99:00) Nowhere")
        ),
    ],
)
def test_what_is_wrong_with_a_block_is_named(settings, start):
    (text,) = errors(**settings)
    assert text.startswith(start)


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        *(
            ({"date_parameters": names}, "date_parameters: must be two different names")
            for names in (["START_DATE"], ["a", "b", "c"], ["a", ""], ["a", "a"])
        ),
        *(
            ({"date_format": form}, f'date_format: "{form}" does not write a day')
            for form in ("yyyy-MM-dd", "", "%Y-%m", "%d", "%Y-%m-%d%", "%Q%Y-%m-%d")
        ),
        ({"params": {"START_DATE": "2026-01-01"}}, "params.START_DATE: the tap sets it"),
        ({"params": {"resultformat": "XML"}}, 'params.resultformat: use the setting "result_format"'),
        ({"params": {"FILTER": {"a": 1}}}, "params.FILTER: must be a text"),
    ],
)
def test_what_is_wrong_with_a_report_is_named(settings, start):
    (text,) = report_errors(**settings)
    assert text.startswith(f"reports[0].{start}")


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


def test_every_error_is_listed_at_once():
    found = errors(timezone="Mars", reports=[{"id": "a", "date_parameters": ["x"]}])
    assert [text.partition(":")[0] for text in found] == ["timezone", "reports[0].date_parameters"]


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
