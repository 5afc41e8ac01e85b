"""The command against a Digital Turbine written from its guide."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from fake_digital_turbine import CLIENT_ID, CLIENT_SECRET, FakeDigitalTurbine
from fake_http import Answer

STREAM = "digital_turbine_campaign_daily"
THREE_DAYS = {"start_date": "2026-01-01", "end_date": "2026-01-03"}


@pytest.fixture
def vendor():
    with FakeDigitalTurbine() as running:
        yield running


@pytest.fixture
def config(program, vendor):
    """A function: settings of the block, then of the top level."""

    def make(block=None, **top):
        known = {"api_url": vendor.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return program.config(**{**THREE_DAYS, **top}, digital_turbine={**known, **(block or {})})

    return make


def latest_final_day():
    """12:00 UTC of the next day closes a day."""
    now = dt.datetime.now(dt.UTC)
    return (now - dt.timedelta(days=1 if now.hour >= 12 else 2)).date()


def test_the_default_report_is_asked_for_as_the_guide_shows_and_comes_out_whole(program, vendor, config):
    result = program.run(config(user_agent="mine/1"))
    assert result.status == 0, result.stderr
    assert {call.headers["user-agent"] for call in vendor.calls} == {"mine/1"}
    (call,) = vendor.submits
    assert call.method == "POST"
    assert call.headers["authorization"].startswith("Bearer ")
    assert call.headers["content-type"].split(";")[0] == "application/json"
    assert call.json == {
        "product": "dtgrowth",
        "query": {
            "dateRange": {"start": "2026-01-01", "end": "2026-01-03"},
            "metrics": ["Impressions", "Clicks", "Installs", "Spend"],
            "splits": ["Date", "Campaign ID", "Campaign Name", "Country"],
            "filters": [],
            "reportFormat": "csv",
        },
    }
    schema = result.schemas(STREAM)[0]
    properties = schema["schema"]["properties"]
    assert schema["key_properties"] == ["date", "campaign_id", "country"]
    assert schema["bookmark_properties"] == ["date"]
    assert {name: set(kind["type"]) for name, kind in properties.items() if not name.startswith("_")} == {
        "date": {"string", "null"},
        "campaign_id": {"string", "null"},
        "campaign_name": {"string", "null"},
        "country": {"string", "null"},
        "impressions": {"integer", "null"},
        "clicks": {"integer", "null"},
        "installs": {"integer", "null"},
        "spend": {"number", "null"},
    }
    assert properties["date"]["format"] == "date"
    assert properties["campaign_id"]["title"] == "Campaign ID"
    (name,) = vendor.reports
    assert result.records(STREAM)[0] == {
        "date": "2026-01-01",
        "campaign_id": "001",
        "campaign_name": "C, 1",
        "country": "US",
        "impressions": 1000,
        "clicks": 10,
        "installs": 3,
        "spend": Decimal("0.036300000000000006"),
        "_report_job_id": name,
        "_report_slice_start": "2026-01-01",
        "_report_slice_end": "2026-01-03",
        "_report_row": 1,
    }
    assert [one["_report_row"] for one in result.records(STREAM)] == [1, 2, 3, 4, 5, 6]
    assert result.bookmark(STREAM) == "2026-01-03"
    assert result.state["bookmarks"][STREAM]["replication_key"] == "date"
    assert result.pending(STREAM) == []
    assert program.left_behind() == []


def test_an_end_date_past_the_final_day_is_cut(program, vendor, config):
    last = latest_final_day()
    far = (last + dt.timedelta(days=30)).isoformat()
    result = program.run(config(start_date=last.isoformat(), end_date=far))
    assert vendor.ranges() == [(last.isoformat(), last.isoformat())]
    assert result.bookmark(STREAM) == last.isoformat()


def test_two_streams_of_the_vendor_fail_each_for_themselves(program, vendor, config):
    def one_is_bad(report, _call):
        return Answer(200, b"<html>") if report.body["query"]["metrics"] == ["Clicks"] else None

    vendor.on_file = one_is_bad
    reports = [
        {"name": "bad", "metrics": ["Clicks"], "splits": ["Date"]},
        {"name": "good", "metrics": ["Spend"], "splits": ["Date"]},
    ]
    result = program.run(config({"reports": reports}, max_request_retries=0))
    assert (result.status, "digital_turbine_bad" in result.last_words) == (1, True)
    assert result.bookmark("digital_turbine_good") == "2026-01-03"
    assert result.bookmark("digital_turbine_bad") is None
