"""impact.com: what is wrong with a block, quotas, names and time zones in text."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from impact_account import config_of

from tap_reports.models import Quota
from tap_reports.vendors.impact import VENDOR
from tap_reports.vendors.impact.zones import read_zone, zone_text

BRAND, AGENCY = {"account_type": "brand"}, {"account_type": "agency"}
PROGRAMS = {"program_ids": ["1"]}
ZULU = "%Y-%m-%dT%H:%M:%SZ"


def report(**settings):
    return {"reports": [{"id": "x", **settings}]}


def test_day_quotas_count_reports_and_clicks_apart():
    assert list(VENDOR.quotas(config_of(clicks_per_day=3))) == [
        Quota(name="reports_per_day", limit=100, seconds=86400, counts="report"),
        Quota(name="clicks_per_day", limit=3, seconds=86400, counts="click"),
    ]


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({}, []),
        ({"timezone": "America/Chicago"}, []),
        ({"timezone": "(GMT -06:00) Central Time (US & Canada)"}, []),
        *(
            ({"timezone": zone}, [f'timezone: "{zone}" is not a time zone'])
            for zone in ("Mars/Phobos", "", "America", "../etc/passwd", "(GMT -99:00) Nowhere")
        ),
        *(({"clicks": clicks}, []) for clicks in (True, {}, {"sub_ids": ["2"]})),
        ({**BRAND, "clicks": {**PROGRAMS, "media_ids": ["2"]}}, []),
        ({**BRAND, "clicks": False}, []),
        (AGENCY, []),
        *(
            ({**BRAND, "clicks": clicks}, ["clicks: a brand account must name its programs"])
            for clicks in (True, {}, {"program_ids": []})
        ),
        ({**AGENCY, "clicks": PROGRAMS}, ["clicks: an agency account has no ClickExport"]),
        ({"clicks": {**PROGRAMS, "media_ids": ["2"]}}, ["clicks.media_ids: only a brand account"]),
        ({**BRAND, "clicks": {**PROGRAMS, "sub_ids": ["2"]}}, ["clicks.sub_ids: only a partner account"]),
        ({"clicks": True, **report(name="Clicks")}, ['reports[0].name: "clicks" is the stream of the click']),
        (report(params={"SUBAID": 1, "SUPERSTATUS_MS": ["NA", "PENDING"], "X": True}), []),
        (report(date_format=ZULU, date_parameters=["a", "b"]), []),
        *(
            (report(date_parameters=names), ["reports[0].date_parameters: must be two different names"])
            for names in (["START_DATE"], ["a", "b", "c"], ["a", ""], ["a", "a"])
        ),
        *(
            (report(date_format=form), [f'reports[0].date_format: "{form}" does not write a day'])
            for form in ("yyyy-MM-dd", "", "%Y-%m", "%d", "%Y-%m-%d%", "%Q%Y-%m-%d")
        ),
        (report(params={"START_DATE": "2026-01-01"}), ["reports[0].params.START_DATE: the tap sets it"]),
        (report(params={"resultformat": "XML"}), ['reports[0].params.resultformat: use the setting "resu']),
        (report(params={"FILTER": {"a": 1}}), ["reports[0].params.FILTER: must be a text"]),
        (report(date_parameters=[]), []),
        (
            report(date_parameters=[], slice_days=7, replication_key="Day", date_format="%d.%m.%Y"),
            ["reports[0].date_format", "reports[0].slice_days", "reports[0].replication_key"],
        ),
        ({"timezone": "Mars", **report(date_parameters=["x"])}, ["timezone", "reports[0].date_parameters"]),
    ],
)
def test_what_is_wrong_with_a_block_is_named(settings, starts):
    block = {"account_sid": "IRsid", "auth_token": "t0ken", "account_type": "partner", **settings}
    texts = list(VENDOR.check(block))
    assert [text[: len(start)] for text, start in zip(texts, starts, strict=True)] == starts


@pytest.mark.parametrize(
    ("report", "name", "is_dated"),
    [
        ({"id": "mp_action_listing_fast"}, "mp_action_listing_fast", True),
        ({"id": "PerformanceByCampaigns"}, "performance_by_campaigns", True),
        ({"id": 4222, "date_parameters": []}, "4222", False),
        ({"id": "x", "name": "My Report"}, "my_report", True),
        ({}, None, True),
    ],
)
def test_a_stream_is_named_after_the_report_s_name_or_id_and_dated_unless_it_takes_none(
    report, name, is_dated
):
    assert (VENDOR.report_name(report), VENDOR.is_dated(report)) == (name, is_dated)


@pytest.mark.parametrize(
    ("text", "zone", "written"),
    [
        ("America/Chicago", ZoneInfo("America/Chicago"), "America/Chicago"),
        ("(GMT -06:00) Central Time (US & Canada)", dt.timezone(-dt.timedelta(hours=6)), "-06:00"),
        ("(GMT+05:30) Chennai", dt.timezone(dt.timedelta(hours=5, minutes=30)), "+05:30"),
        ("-03:30", dt.timezone(-dt.timedelta(hours=3, minutes=30)), "-03:30"),
        ("(UTC) Coordinated Universal Time", dt.UTC, "UTC"),
        ("(GMT) Dublin", dt.UTC, "UTC"),
    ],
)
def test_zones_are_read_in_every_form_and_written_as_they_are_read(text, zone, written):
    assert (read_zone(text), zone_text(zone)) == (zone, written)
    assert zone_text(read_zone(written)) == written
    assert read_zone("Central Time") is None
