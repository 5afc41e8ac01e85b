from __future__ import annotations

import datetime as dt
import json

import pytest
from scenarios import run_here

from tap_reports.sandbox.similarweb_data import TABLES

MAY, JULY = dt.date(2026, 5, 1), dt.date(2026, 7, 31)
ASKED = {
    "granularity": "monthly",
    "filters": {"domains": ["a.com", "b.com"], "countries": ["WW"]},
    "metrics": ["desktop_visits", "category", "global_rank"],
}


def test_a_wrong_key_is_refused_in_plain_text(client):
    answer = client.get("/v3/batch/credits", headers={"api-key": "wrong"})
    assert (answer.status_code, answer.text) == (401, "invalid API key")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_validate_multiplies_and_charges_nothing(client):
    before = client.get("/v3/batch/credits", headers=client.key).json()
    assert client.similarweb("request-validate").json()["estimated_credits"] == 2 * 1 * 3 * 3
    assert client.get("/v3/batch/credits", headers=client.key).json() == before
    assert client.sandbox.submissions("similarweb").calls == 0


def test_credits_go_down_by_what_a_report_used(start):
    client = start(credits=100)
    client.similarweb()
    assert client.get("/v3/batch/credits", headers=client.key).json() == {"remaining_credits": 82}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"granularity": "hourly"}, "granularity should be one of"),
        ({"metrics": ["no_such"]}, "no_such"),
        ({"vtable": "no_such"}, "table no_such"),
        ({"filters": {"countries": ["US"]}}, "domains is mandatory"),
        ({"end_date": "2026-08"}, "invalid start/end date"),
        ({"start_date": "2010-01"}, "invalid start/end date"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(client, changes, text):
    answer = client.similarweb(**changes)
    assert answer.status_code == 400
    assert text in answer.json()["errors"][0]
    assert client.similarweb("request-validate", **changes).json()["is_valid"] is False
    assert client.sandbox.submissions("similarweb").accepted == 0


def test_describe_ends_on_the_last_final_periods(client):
    tables = client.get("/v3/batch/tables/describe", headers=client.key).json()
    spans = {entry["table"]: entry["table_granularity"] for entry in tables}
    ends = {word: span["end_date"] for word, span in spans["traffic_and_engagement"].items()}
    assert ends == {"daily": "2026-08-11", "weekly": "2026-08-09", "monthly": "2026-07"}
    assert set(TABLES) - set(spans) == {"segments"}


def test_weekly_rows_carry_the_monday(client):
    asked = ASKED | {"granularity": "weekly", "metrics": ["desktop_visits"]}
    days = (dt.date(2026, 7, 29), dt.date(2026, 8, 9))
    rows = client.sandbox.expected("similarweb", "traffic_and_engagement", *days, **asked)
    assert [row["date"] for row in rows if row["domain"] == "a.com"] == ["2026-07-27", "2026-08-03"]


WEEK = {"table": "site_keywords", "granularity": "7days", "filters": {"keywords": ["a", "b"]}}
SERP = {"table": "serp", "granularity": "on-demand", "filters": {"keywords": ["red, shoes"]}}


def test_the_newest_week_and_a_result_on_demand_are_read_as_snapshots(client):
    config = client.sandbox.config("similarweb")
    block = {**config["similarweb"], "domains": ["a.com"], "countries": ["WW"], "reports": [WEEK, SERP]}
    ran = run_here({**config, "similarweb": block, "job_ledger": "off"})
    assert ran.status == 0
    week = ran.records("similarweb_site_keywords_7days")
    assert [(row["keyword"], row["date"]) for row in week] == [("a", "2026-08-11"), ("b", "2026-08-11")]
    [row] = ran.records("similarweb_serp_on_demand")
    assert (row["keyword"], "date" in row) == ("red, shoes", False)
    assert json.loads(row["serp_json_results"])["results"]
    keys = {one["stream"]: one["key_properties"] for one in ran.messages if one["type"] == "SCHEMA"}
    assert keys["similarweb_site_keywords_7days"] == ["domain", "country", "keyword", "date"]
    assert keys["similarweb_serp_on_demand"] == ["keyword"]
    assert not any(mark.get("replication_key_value") for mark in ran.state["bookmarks"].values())


def test_v3_takes_a_flat_body_with_full_days(client, table):
    body = client.table(start_date="2026-05-01", end_date="2026-07-31") | {"response_format": "csv"}
    name = body.pop("vtable")
    report = client.post(f"/v3/batch/{name}/request-report", json=body, headers=client.key).json()
    link = client.similarweb_status(report["report_id"])["download_url"]
    expected = client.sandbox.expected("similarweb", "traffic_and_engagement", MAY, JULY, **ASKED)
    assert table(client.http.get(link).content) == expected


def test_more_pending_reports_than_allowed_are_refused(start):
    client = start(delay=1000, pending_limit=2)
    assert [client.similarweb().status_code for _ in range(3)] == [200, 200, 429]
    assert client.sandbox.submissions("similarweb").accepted == 2
    assert client.sandbox.submissions("similarweb").calls == 3
