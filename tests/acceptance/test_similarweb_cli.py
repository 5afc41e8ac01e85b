"""Similarweb as users see it: settings in, calls out, messages and exit status."""

from __future__ import annotations

from decimal import Decimal

import pytest
from command import FAST
from fake_similarweb import TABLE, FakeSimilarweb

STREAM = "similarweb_traffic_and_engagement_monthly"
QUICK = {**FAST, "start_date": "2024-08-01", "end_date": "2024-09-30"}


@pytest.fixture
def vendor():
    with FakeSimilarweb() as running:
        yield running


def monthly(**more):
    return {"table": TABLE, "granularity": "monthly", "metrics": ["all_traffic_visits"], **more}


def config(vendor, *reports, top=None, **block):
    settings = vendor.settings(**block)
    if reports:
        settings["reports"] = list(reports)
    return {**QUICK, **(top or {}), "similarweb": settings}


def test_without_reports_there_is_one_of_all_metrics_monthly(program, vendor):
    ran = program.run(config(vendor))
    assert ran.status == 0, ran.stderr
    posts = [one for one in vendor.calls if one.method == "POST"]
    assert [one.path for one in posts] == ["/batch/v5/request-validate", "/batch/v5/request-report"]
    validated, submitted = (one.json for one in posts)
    assert validated == submitted
    assert len(submitted.pop("report_name")) == 32
    assert submitted == {
        "delivery_information": {"response_format": "csv", "delivery_method": "download_link"},
        "report_query": {
            "tables": [
                {
                    "vtable": TABLE,
                    "granularity": "monthly",
                    "filters": {"domains": ["a.com"], "countries": ["WW"]},
                    "metrics": ["all_traffic_visits", "desktop_visits", "global_rank", "category"],
                    "start_date": "2024-08",
                    "end_date": "2024-09",
                }
            ]
        },
    }
    assert posts[1].headers["api-key"] == "sw-secret-key"
    assert posts[1].headers["user-agent"].startswith("tap-reports/")
    (schema,) = ran.schemas(STREAM)
    assert schema["key_properties"] == ["domain", "country", "date"]
    assert schema["bookmark_properties"] == ["date"]
    properties = schema["schema"]["properties"]
    assert properties["date"]["format"] == "date"
    assert all("null" in one["type"] for one in properties.values())
    assert properties["global_rank"]["type"] == ["integer", "null"]
    assert properties["all_traffic_visits"]["type"] == ["number", "null"]
    assert properties["category"]["type"] == ["string", "null"]
    assert all(properties[one]["title"] == one for one in ("domain", "country", "global_rank"))
    report_id = next(iter(vendor.reports))
    assert ran.records(STREAM)[0] == {
        "domain": "a.com",
        "country": "WW",
        "date": "2024-08-01",
        "all_traffic_visits": Decimal("32316961207.750504"),
        "desktop_visits": Decimal("1.5"),
        "global_rank": 1,
        "category": "News, Media",
        "_report_job_id": report_id,
        "_report_slice_start": "2024-08-01",
        "_report_slice_end": "2024-09-30",
        "_report_row": 1,
    }
    assert '"all_traffic_visits":32316961207.750504' in ran.stdout.replace(": ", ":")
    assert '"global_rank":1,' in ran.stdout.replace(": ", ":")
    assert [one["_report_row"] for one in ran.records(STREAM)] == [1, 2]
    assert ran.bookmark(STREAM) == "2024-09-30"
    assert ran.mark(STREAM)["replication_key"] == "date"
    assert not ran.mark(STREAM).get("pending_jobs")
    assert "sw-secret-key" not in ran.stdout + ran.stderr
    assert "signed-" not in ran.stdout + ran.stderr
    assert program.left_behind() == []


# --- credits ----------------------------------------------------------------------------------------------


def test_credits_go_to_the_first_slices_however_slow_their_validation(program, vendor):
    vendor.estimates = [60] * 4
    vendor.validation_delay = lambda query: 0.4 if query["start_date"] == "2023-10" else 0.0
    ran = program.run(
        config(vendor, monthly(), top={"start_date": "2023-10-01"}, max_credits_per_run=100, slice_days=92)
    )
    assert ran.status == 1
    assert [one["start_date"] for one in vendor.queries] == ["2023-10"]
    assert ran.bookmark(STREAM) == "2023-12-31"


# --- files ------------------------------------------------------------------------------------------------


# --- other commands ---------------------------------------------------------------------------------------


def test_plan_submits_nothing_and_has_the_keys_of_the_contract(program, vendor):
    vendor.estimates = [208]
    ran = program.run(config(vendor, monthly()), "--plan", "--format", "json")
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []
    plan = ran.json
    assert set(plan) == {"streams", "quotas", "totals", "verdict"}
    assert plan["streams"] == [
        {
            "stream": STREAM,
            "replication_method": "INCREMENTAL",
            "first_day": "2024-08-01",
            "last_day": "2024-09-30",
            "slices": [
                {
                    "start": "2024-08-01",
                    "end": "2024-09-30",
                    "action": "submit",
                    "job_id": None,
                    "estimated_credits": 208,
                }
            ],
            "warnings": [],
        }
    ]
    assert plan["totals"] == {"submit": 1, "resume": 0, "reuse": 0, "replay": 0, "estimated_credits": 208}
    keys = {"vendor", "quota", "limit", "used", "remaining", "resets_at"}
    assert all(set(one) == keys for one in plan["quotas"])
    assert [one["vendor"] for one in plan["quotas"] if one["remaining"] == 25_000] == ["similarweb"]


def test_discovery_submits_nothing(program, vendor):
    ran = program.run(config(vendor), "--discover")
    assert ran.status == 0, ran.stderr
    assert [one for one in vendor.calls if one.method == "POST"] == []
    (entry,) = ran.json["streams"]
    assert entry["tap_stream_id"] == STREAM
    assert entry["key_properties"] == ["domain", "country", "date"]
    assert entry["replication_key"] == "date"
    assert entry["replication_method"] == "INCREMENTAL"
    assert set(entry["schema"]["properties"]) >= {"all_traffic_visits", "global_rank", "category", "date"}
