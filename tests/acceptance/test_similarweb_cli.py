"""Similarweb as users see it: settings in, calls out, messages and exit status."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
import requests
from cli_under_test import free_port
from fake_http import as_json, as_text
from fake_similarweb import TABLE, FakeSimilarweb, json_file

STREAM = "similarweb_traffic_and_engagement_monthly"
DAILY = "similarweb_traffic_and_engagement_daily"
WEEKLY = "similarweb_traffic_and_engagement_weekly"
QUICK = {
    "poll_interval_seconds": 0.05,
    "poll_max_interval_seconds": 0.05,
    "retry_backoff_seconds": 0.05,
    "start_date": "2024-08-01",
    "end_date": "2024-09-30",
}


@pytest.fixture
def vendor():
    fake = FakeSimilarweb()
    yield fake
    fake.close()


def monthly(**more):
    return {"table": TABLE, "granularity": "monthly", "metrics": ["all_traffic_visits"], **more}


def config(vendor, *reports, top=None, **block):
    settings = vendor.settings(**block)
    if reports:
        settings["reports"] = list(reports)
    return {**QUICK, **(top or {}), "similarweb": settings}


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v5", "v4"])
def test_v5_and_v4_put_the_table_into_the_body(tap, vendor, version):
    ran = tap.run(
        config(
            vendor,
            monthly(metrics=["all_traffic_visits", "desktop_visits"]),
            top={"start_date": "2024-07-15"},
            **({} if version == "v5" else {"api_version": version}),
            domains=["a.com", "b.org"],
            countries=["US", "DE"],
            include_subdomains=True,
        )
    )
    assert ran.status == 0, ran.stderr
    assert [one.path for one in vendor.validated] == [f"/batch/{version}/request-validate"]
    assert [one.path for one in vendor.submitted] == [f"/batch/{version}/request-report"]
    body = vendor.submitted[0].json
    assert body["report_query"]["tables"] == [
        {
            "vtable": TABLE,
            "granularity": "monthly",
            "filters": {"domains": ["a.com", "b.org"], "countries": ["US", "DE"], "include_subdomains": True},
            "metrics": ["all_traffic_visits", "desktop_visits"],
            "start_date": "2024-07",
            "end_date": "2024-09",
        }
    ]
    assert body["delivery_information"] == {"response_format": "csv", "delivery_method": "download_link"}
    assert set(body) <= {"report_name", "delivery_information", "report_query"}
    assert vendor.validated[0].json["report_query"] == body["report_query"]
    headers = vendor.submitted[0].headers
    assert headers["api-key"] == "sw-secret-key"
    assert headers["content-type"].startswith("application/json")
    assert headers["user-agent"].startswith("tap-reports/")
    order = [one.path.split("/")[-1] for one in vendor.api.calls if one.method == "POST"]
    assert order == ["request-validate", "request-report"]
    assert len(ran.records(STREAM)) == 2 * 2 * 3


def test_v3_has_the_table_in_the_path_a_flat_body_and_full_dates(tap, vendor):
    ran = tap.run(config(vendor, monthly(), api_version="v3"))
    assert ran.status == 0, ran.stderr
    assert [one.path for one in vendor.validated] == [f"/v3/batch/{TABLE}/request-validate"]
    assert [one.path for one in vendor.submitted] == [f"/v3/batch/{TABLE}/request-report"]
    assert vendor.submitted[0].json == {
        "metrics": ["all_traffic_visits"],
        "filters": {"domains": ["a.com"], "countries": ["WW"]},
        "granularity": "monthly",
        "start_date": "2024-08-01",
        "end_date": "2024-09-30",
        "response_format": "csv",
        "delivery_method": "download_link",
    }


def test_without_reports_there_is_one_of_all_metrics_monthly(tap, vendor):
    ran = tap.run(config(vendor))
    assert ran.status == 0, ran.stderr
    (query,) = vendor.queries
    assert (query["vtable"], query["granularity"]) == (TABLE, "monthly")
    assert query["metrics"] == ["all_traffic_visits", "desktop_visits", "global_rank", "category"]
    assert query["filters"] == {"domains": ["a.com"], "countries": ["WW"]}
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
    assert tap.left_behind() == []


def test_report_filters_stand_over_the_default_ones(tap, vendor):
    reports = [
        monthly(name="Site Visits", filters={"domains": ["z.net"], "countries": ["FR"]}),
        {"table": "apps", "metrics": ["apps_downloads"]},
    ]
    ran = tap.run(config(vendor, *reports, apps=["com.app"], countries=["US"], include_subdomains=False))
    assert ran.status == 0, ran.stderr
    sites, apps = sorted(vendor.queries, key=lambda one: one["vtable"] == "apps")
    assert sites["filters"]["domains"] == ["z.net"]
    assert sites["filters"]["countries"] == ["FR"]
    assert apps["filters"] == {"apps": ["com.app"], "countries": ["US"]}
    assert apps["granularity"] == "monthly"
    assert ran.schemas("similarweb_apps_monthly")[0]["key_properties"] == ["app", "country", "date"]
    assert len(ran.records("similarweb_site_visits")) == 2


# --- days -------------------------------------------------------------------------------------------------


def test_daily_reports_come_in_slices_of_30_days(tap, vendor):
    daily = {"table": TABLE, "granularity": "daily", "metrics": ["desktop_visits"]}
    ran = tap.run(config(vendor, daily, top={"start_date": "2024-08-01", "end_date": "2024-10-31"}))
    assert ran.status == 0, ran.stderr
    spans = sorted((one["start_date"], one["end_date"]) for one in vendor.queries)
    assert spans == [("2024-08-01", "2024-08-30"), ("2024-08-31", "2024-09-29"), ("2024-09-30", "2024-10-10")]
    assert [one["date"] for one in ran.records(DAILY)][:2] == ["2024-08-01", "2024-08-02"]
    assert len(ran.records(DAILY)) == 71
    assert ran.bookmark(DAILY) == "2024-10-10", "what describe says is the last final day"
    rows = [one["_report_row"] for one in ran.records(DAILY)]
    assert rows == [*range(1, 31), *range(1, 31), *range(1, 12)]


def test_weeks_are_whole_and_include_the_week_of_start_date(tap, vendor):
    weekly = {"table": TABLE, "granularity": "weekly", "metrics": ["desktop_visits"]}
    ran = tap.run(config(vendor, weekly, top={"start_date": "2024-09-04", "end_date": "2024-10-03"}))
    assert ran.status == 0, ran.stderr
    (query,) = vendor.queries
    assert query["start_date"] == "2024-09-02"
    assert [one["date"] for one in ran.records(WEEKLY)] == [
        "2024-09-02",
        "2024-09-09",
        "2024-09-16",
        "2024-09-23",
    ]
    assert ran.bookmark(WEEKLY) == "2024-09-29"


def test_a_month_is_asked_for_only_when_it_ends_by_end_date(tap, vendor):
    ran = tap.run(config(vendor, monthly(), top={"start_date": "2024-07-20", "end_date": "2024-09-29"}))
    assert ran.status == 0, ran.stderr
    assert [one["date"] for one in ran.records(STREAM)] == ["2024-07-01", "2024-08-01"]
    assert ran.bookmark(STREAM) == "2024-08-31"


def test_the_next_run_begins_after_the_bookmark(tap, vendor):
    state = {"bookmarks": {STREAM: {"replication_key": "date", "replication_key_value": "2024-08-31"}}}
    ran = tap.run(config(vendor, monthly(), top={"start_date": "2024-01-01"}), state=state)
    assert ran.status == 0, ran.stderr
    assert [(one["start_date"], one["end_date"]) for one in vendor.queries] == [("2024-09", "2024-09")]
    again = tap.run(config(vendor, monthly(), top={"start_date": "2024-01-01"}), state=ran.state)
    assert again.status == 0
    assert again.records(STREAM) == []
    assert len(vendor.submitted) == 1
    assert again.bookmark(STREAM) == "2024-09-30"


def test_lookback_days_extracts_months_again(tap, vendor):
    state = {"bookmarks": {STREAM: {"replication_key": "date", "replication_key_value": "2024-08-31"}}}
    ran = tap.run(config(vendor, monthly(lookback_days=20), top={"start_date": "2024-01-01"}), state=state)
    assert ran.status == 0, ran.stderr
    assert [one["start_date"] for one in vendor.queries] == ["2024-08"]


# --- credits ----------------------------------------------------------------------------------------------


def test_a_report_above_its_credit_limit_is_not_submitted(tap, vendor):
    vendor.estimates = [8, 208]
    ran = tap.run(
        config(
            vendor, monthly(), top={"start_date": "2023-10-01"}, max_credits_per_report=100, slice_days=186
        )
    )
    assert ran.status == 1
    assert len(vendor.submitted) == 1
    assert "208" in ran.last_words
    assert "max_credits_per_report" in ran.last_words
    assert STREAM in ran.last_words
    assert ran.bookmark(STREAM) == "2024-03-31"
    assert len(ran.records(STREAM)) == 6


def test_a_run_stops_at_its_credit_limit_with_finished_slices_bookmarked(tap, vendor):
    vendor.estimates = [60, 60]
    ran = tap.run(
        config(vendor, monthly(), top={"start_date": "2023-10-01"}, max_credits_per_run=100, slice_days=186)
    )
    assert ran.status == 1
    assert len(vendor.submitted) == 1
    assert "max_credits_per_run" in ran.last_words
    assert ran.bookmark(STREAM) == "2024-03-31"


def test_credits_go_to_the_first_slices_however_slow_their_validation(tap, vendor):
    vendor.estimates = [60] * 4
    vendor.validation_delay = lambda query: 0.4 if query["start_date"] == "2023-10" else 0.0
    ran = tap.run(
        config(vendor, monthly(), top={"start_date": "2023-10-01"}, max_credits_per_run=100, slice_days=92)
    )
    assert ran.status == 1
    assert [one["start_date"] for one in vendor.queries] == ["2023-10"]
    assert ran.bookmark(STREAM) == "2023-12-31"


@pytest.mark.parametrize("status", [200, 400])
def test_a_request_that_validation_refuses_is_never_submitted(tap, vendor, status):
    text = "granularity should be one of the following - daily, weekly, monthly."
    vendor.validations = [as_json({"errors": [text], "is_valid": False, "warnings": []}, status)]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    assert vendor.submitted == []
    assert text in ran.last_words
    assert "Similarweb" in ran.last_words or "similarweb" in ran.last_words


def test_an_error_page_of_validate_is_no_permission_to_submit(tap, vendor):
    vendor.validations = [as_text("<html>oops</html>", 200, "text/html")]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    assert vendor.submitted == []


# --- files ------------------------------------------------------------------------------------------------


def test_json_lines_keep_every_digit(tap, vendor):
    vendor.make_file = json_file
    ran = tap.run(config(vendor, monthly(), response_format="json"))
    assert ran.status == 0, ran.stderr
    assert vendor.submitted[0].json["delivery_information"]["response_format"] == "json"
    assert [one["date"] for one in ran.records(STREAM)] == ["2024-08-01", "2024-09-01"]
    assert ran.records(STREAM)[0]["all_traffic_visits"] == Decimal("6.2235221489978456e-06")


@pytest.mark.parametrize(
    "file",
    ["No data returned\n", '"No data returned"\r\n', "", "domain,country,yearmonth,all_traffic_visits\n"],
    ids=["words", "quoted words", "no bytes", "header only"],
)
def test_no_data_is_a_finished_slice_without_records(tap, vendor, file):
    vendor.make_file = lambda _: file
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert ran.records(STREAM) == []
    assert ran.bookmark(STREAM) == "2024-09-30"


# --- jobs -------------------------------------------------------------------------------------------------


# --- money ------------------------------------------------------------------------------------------------


def kill_after_submission(tap, vendor, settings) -> list[str]:
    """Start a run, kill it once the report is submitted and STATE is out; what it had printed."""
    running = tap.start(settings)
    running.wait_until(lambda: vendor.submitted and any("pending_jobs" in line for line in running.lines))
    running.process.kill()
    running.finish()
    return [line for line in running.lines if "pending_jobs" in line]


@pytest.mark.parametrize("memory", ["ledger", "state"])
def test_a_killed_run_is_resumed_with_one_submission_in_total(tap, vendor, memory):
    vendor.statuses = ["pending"]
    settings = config(vendor, monthly(), top={"job_ledger": "off"} if memory == "state" else None)
    printed = kill_after_submission(tap, vendor, settings)
    report_id = next(iter(vendor.reports))
    vendor.reports[report_id]["script"] = ["completed"]
    import json

    state = json.loads(printed[-1])["value"] if memory == "state" else None
    ran = tap.run(settings, state=state)
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 1
    assert [one["_report_job_id"] for one in ran.records(STREAM)] == [report_id] * 2
    assert ran.bookmark(STREAM) == "2024-09-30"
    assert tap.left_behind() == [], "what the killed run left is gone too"


def test_an_unknown_report_id_in_state_is_told_and_submitted_anew(tap, vendor):
    vendor.statuses = ["pending"]
    settings = config(vendor, monthly(), top={"job_ledger": "off"})
    import json

    printed = kill_after_submission(tap, vendor, settings)
    old = next(iter(vendor.reports))
    vendor.reports.clear()
    vendor.statuses = ["completed"]
    ran = tap.run(settings, state=json.loads(printed[-1])["value"])
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 2
    assert old in ran.stderr


# --- other commands ---------------------------------------------------------------------------------------


def test_plan_submits_nothing_and_has_the_keys_of_the_contract(tap, vendor):
    vendor.estimates = [208]
    ran = tap.run(config(vendor, monthly()), "--plan", "--format", "json")
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


def test_plan_after_a_run_reuses_and_jobs_lists_it(tap, vendor):
    assert tap.run(config(vendor, monthly())).status == 0
    plan = tap.run(config(vendor, monthly()), "--plan", "--format", "json").json
    report_id = next(iter(vendor.reports))
    (found,) = plan["streams"][0]["slices"]
    assert (found["action"], found["job_id"]) == ("reuse", report_id)
    assert plan["totals"]["reuse"] == 1
    (job,) = tap.run(config(vendor, monthly()), "--jobs", "--format", "json").json
    assert set(job) == {
        "stream", "vendor", "slice_start", "slice_end", "job_id", "status",
        "submitted_at", "finished_at", "downloaded_at", "rows", "bytes", "credits",
    }  # fmt: skip
    assert (job["stream"], job["vendor"], job["job_id"]) == (STREAM, "similarweb", report_id)
    assert (job["slice_start"], job["slice_end"]) == ("2024-08-01", "2024-09-30")
    assert (job["rows"], job["credits"]) == (2, 7)
    assert job["bytes"] > 0
    assert all(job[one] for one in ("submitted_at", "finished_at", "downloaded_at", "status"))
    assert len(vendor.submitted) == 1


def test_discovery_submits_nothing(tap, vendor):
    ran = tap.run(config(vendor), "--discover")
    assert ran.status == 0, ran.stderr
    assert [one for one in vendor.api.calls if one.method == "POST"] == []
    (entry,) = ran.json["streams"]
    assert entry["tap_stream_id"] == STREAM
    assert entry["key_properties"] == ["domain", "country", "date"]
    assert entry["replication_key"] == "date"
    assert entry["replication_method"] == "INCREMENTAL"
    assert set(entry["schema"]["properties"]) >= {"all_traffic_visits", "global_rank", "category", "date"}


# --- columns and messages ---------------------------------------------------------------------------------


NEW = "domain,country,yearmonth,all_traffic_visits,Brand New (x)\na.com,WW,2024-08,5,seven\n"


def test_new_columns_are_added_with_a_schema_message_of_their_own(tap, vendor):
    vendor.make_file = lambda _: NEW
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert ran.records(STREAM)[0]["brand_new_x"] == "seven"
    schema = ran.schemas(STREAM)[-1]["schema"]["properties"]
    assert schema["brand_new_x"]["title"] == "Brand New (x)"
    assert "null" in schema["brand_new_x"]["type"]
    kinds = [one["type"] for one in ran.messages if one.get("stream") == STREAM]
    assert kinds.index("RECORD") > len(kinds) - 1 - kinds[::-1].index("SCHEMA")


def test_a_user_names_keys_and_types_by_header_or_property(tap, vendor):
    vendor.make_file = lambda _: (
        'Domain Name,country,yearmonth,all_traffic_visits,Odd Rate\na.com,WW,2024-08,"1,234.50",44%\n'
    )
    report = monthly(
        primary_keys=["Domain Name", "date"],
        replication_key="date",
        columns={"Odd Rate": "number", "all_traffic_visits": "number", "Domain Name": "string"},
    )
    ran = tap.run(config(vendor, report))
    assert ran.status == 0, ran.stderr
    schema = ran.schemas(STREAM)[-1]
    assert schema["key_properties"] == ["domain_name", "date"]
    record = ran.records(STREAM)[0]
    assert (record["odd_rate"], record["all_traffic_visits"]) == (44, Decimal("1234.50"))


# --- webhooks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v5", "v3"])
def test_a_webhook_ends_the_wait(tap, vendor, version):
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    top = {
        "poll_interval_seconds": 30,
        "poll_max_interval_seconds": 30,
        "postbacks": {"listen": f"127.0.0.1:{port}", "public_url": public, "secret": "hush-hush"},
    }
    vendor.statuses = ["pending"]
    running = tap.start(config(vendor, monthly(), top=top, api_version=version))
    while not vendor.submitted:
        time.sleep(0.01)
    body = vendor.submitted[0].json
    hook = body["webhook_url"] if version == "v3" else body["delivery_information"]["webhook_url"]
    assert hook.startswith(f"{public}/hush-hush/")
    time.sleep(0.2)
    report_id = next(iter(vendor.reports))
    vendor.reports[report_id]["script"] = ["completed"]
    began = time.monotonic()
    answered = requests.post(hook, json={"report_id": report_id}, timeout=5)
    assert answered.status_code < 300
    ran = running.finish()
    assert ran.status == 0, ran.stderr
    assert time.monotonic() - began < 10
    assert len(ran.records(STREAM)) == 2
    assert "hush-hush" not in ran.stdout + ran.stderr
