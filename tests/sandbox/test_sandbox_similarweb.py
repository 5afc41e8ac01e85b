from __future__ import annotations

import datetime as dt
import json

import pytest

from tap_reports.sandbox import Switch

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


def test_the_file_holds_the_expected_rows_on_another_origin_without_the_key(client, table):
    report = client.similarweb().json()
    assert report["status"] == "pending"
    status = client.similarweb_status(report["report_id"])
    assert status["status"] == "completed"
    assert status["download_url"].startswith(client.sandbox.downloads_url)
    rows = table(client.http.get(status["download_url"]).content)
    assert rows == client.sandbox.expected("similarweb", "traffic_and_engagement", MAY, JULY, **ASKED)
    assert list(rows[0]) == ["domain", "country", "yearmonth", "desktop_visits", "category", "global_rank"]
    assert status["data_points_count"] == len(rows) * 3
    assert not client.sandbox.calls[-1].had_credentials


def test_a_slice_has_the_rows_that_the_whole_has(client):
    whole = client.sandbox.expected("similarweb", "traffic_and_engagement", MAY, JULY, **ASKED)
    june = client.sandbox.expected(
        "similarweb", "traffic_and_engagement", dt.date(2026, 6, 1), dt.date(2026, 6, 30), **ASKED
    )
    assert june == [row for row in whole if row["yearmonth"] == "2026-06"]


def test_the_file_of_a_report_in_the_making_comes_after_pending_and_processing(start):
    client = start(delay=1000)
    job = client.sandbox.jobs.get("similarweb", client.similarweb().json()["report_id"])
    seen = []
    for elapsed in (0, 600, 1100):
        job.started = client.sandbox._shared.time.monotonic() - elapsed
        seen.append(client.similarweb_status(job.id)["status"])
    assert seen == ["pending", "processing", "completed"]


def test_json_is_one_object_a_line_with_numbers_as_written(client):
    report = client.similarweb(delivery={"response_format": "json"}).json()
    text = client.http.get(client.similarweb_status(report["report_id"])["download_url"]).text
    lines = [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines()]
    expected = client.sandbox.expected("similarweb", "traffic_and_engagement", MAY, JULY, **ASKED)
    assert [{name: cell or "" for name, cell in line.items()} for line in lines] == expected


def test_no_data_is_said_in_words_and_costs_nothing(client):
    report = client.similarweb(filters={"domains": ["nodata.example"], "countries": ["WW"]}).json()
    status = client.similarweb_status(report["report_id"])
    assert status["used_quota"] == 0
    assert client.http.get(status["download_url"]).text == "No data returned\n"


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
    tables = {
        entry["table"]: entry for entry in client.get("/v3/batch/tables/describe", headers=client.key).json()
    }
    spans = tables["traffic_and_engagement"]["table_granularity"]
    ends = {word: span["end_date"] for word, span in spans.items()}
    assert ends == {"daily": "2026-08-11", "weekly": "2026-08-09", "monthly": "2026-07"}
    assert set(tables) == {
        "traffic_and_engagement",
        "website",
        "keywords",
        "apps",
        "website_marketing_channels",
        "referrals",
        "channel_conversion",
    }


def test_weekly_rows_carry_the_monday(client):
    rows = client.sandbox.expected(
        "similarweb",
        "traffic_and_engagement",
        dt.date(2026, 7, 29),
        dt.date(2026, 8, 9),
        **(ASKED | {"granularity": "weekly", "metrics": ["desktop_visits"]}),
    )
    assert [row["date"] for row in rows if row["domain"] == "a.com"] == ["2026-07-27", "2026-08-03"]


@pytest.mark.parametrize(
    ("switch", "status"), [(Switch.SIMILARWEB_V3_MISSING, 404), (Switch.SIMILARWEB_V3_GONE, 410)]
)
def test_other_status_paths_answer_where_v3_is_gone(start, switch, status):
    client = start(switches=frozenset({switch}))
    report = client.similarweb().json()["report_id"]
    assert client.get(f"/v3/batch/request-status/{report}", headers=client.key).status_code == status
    assert client.get(f"/batch/request-status/{report}", headers=client.key).json()["status"] == "completed"


def test_v3_takes_a_flat_body_with_full_days(client, table):
    body = client.table(start_date="2026-05-01", end_date="2026-07-31") | {"response_format": "csv"}
    name = body.pop("vtable")
    report = client.post(f"/v3/batch/{name}/request-report", json=body, headers=client.key).json()
    link = client.similarweb_status(report["report_id"])["download_url"]
    expected = client.sandbox.expected("similarweb", "traffic_and_engagement", MAY, JULY, **ASKED)
    assert table(client.http.get(link).content) == expected


def test_a_failed_report_stays_failed_until_it_is_retried(client):
    client.sandbox.faults.add("statuses", kind="poll", words=["processing", "internal_error"])
    report = client.similarweb().json()["report_id"]
    seen = [client.similarweb_status(report)["status"] for _ in range(3)]
    assert seen == ["processing", "internal_error", "internal_error"]
    assert client.post(f"/v3/batch/retry/{report}", headers=client.key).status_code == 200
    assert client.similarweb_status(report)["status"] == "completed"
    assert client.post(f"/v3/batch/retry/{report}", headers=client.key).status_code == 400


def test_more_pending_reports_than_allowed_are_refused(start):
    client = start(delay=1000, pending_limit=2)
    assert [client.similarweb().status_code for _ in range(3)] == [200, 200, 429]
    assert client.sandbox.submissions("similarweb").accepted == 2
    assert client.sandbox.submissions("similarweb").calls == 3


def test_reading_the_status_again_signs_a_new_link(start):
    client = start(link_seconds=-1)
    report = client.similarweb().json()["report_id"]
    first, second = (client.similarweb_status(report)["download_url"] for _ in range(2))
    assert first != second
    assert client.http.get(first).status_code == 403


REFERRALS = {
    "vtable": "referrals",
    "filters": {"domains": ["a.com"], "countries": ["WW"]},
    "metrics": ["desktop_referral_visits"],
    "start_date": "2026-07",
}


@pytest.mark.parametrize(("more", "count"), [({}, 100), ({"paging": {"limit": 120}}, 120)])
def test_referrals_end_at_a_hundred_results_unless_a_limit_is_given(client, table, more, count):
    status = client.similarweb_status(client.similarweb(**REFERRALS, **more).json()["report_id"])
    assert len(table(client.http.get(status["download_url"]).content)) == count
    assert status["used_quota"] == count


def test_a_key_column_that_is_a_metric_is_in_the_file_only_if_it_is_asked_for(client):
    asked = {**REFERRALS, "vtable": "channel_conversion"}
    headers = []
    for metrics in (["channel_visits"], ["channel_sector", "channel_visits"]):
        report = client.similarweb(**{**asked, "metrics": metrics}).json()["report_id"]
        text = client.http.get(client.similarweb_status(report)["download_url"]).text
        headers.append(text.splitlines()[0])
    assert headers == [
        "domain,country,segment_id,channel,yearmonth,channel_visits",
        "domain,country,segment_id,channel,channel_sector,yearmonth,channel_visits",
    ]


def test_segments_are_not_described_and_taken_a_hundred_at_a_time(client):
    tables = client.get("/v3/batch/tables/describe", headers=client.key).json()
    assert "segments" not in {table["table"] for table in tables}
    asked = {**REFERRALS, "vtable": "segments", "metrics": ["segment_total_visits"]}
    for count, valid in ((100, True), (101, False)):
        filters = {"segment_ids": [f"s{number}" for number in range(count)], "countries": ["US"]}
        answer = client.similarweb("request-validate", **{**asked, "filters": filters})
        assert answer.json()["is_valid"] is valid
