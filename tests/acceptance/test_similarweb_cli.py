"""Similarweb as users see it: settings in, calls out, messages and exit status."""

from __future__ import annotations

import datetime as dt
import signal
import time
from decimal import Decimal

import pytest
import requests
from acceptance_wire import Answer, as_json, as_text, free_port, selected
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


def test_the_file_host_gets_no_api_key(tap, vendor):
    assert tap.run(config(vendor, monthly())).status == 0
    (call,) = vendor.bucket.calls
    assert "api-key" not in call.headers
    assert "authorization" not in call.headers


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


def test_no_slice_of_months_is_longer_than_365_days(tap, vendor):
    ran = tap.run(config(vendor, monthly(), top={"start_date": "2022-03-01"}))
    assert ran.status == 0, ran.stderr
    spans = sorted((one["_report_slice_start"], one["_report_slice_end"]) for one in ran.records(STREAM))
    spans = list(dict.fromkeys(spans))
    day = dt.date.fromisoformat
    assert all((day(last) - day(first)).days < 365 for first, last in spans)
    following = [(day(last) + dt.timedelta(1)).isoformat() for _, last in spans]
    assert following[:-1] == [first for first, _ in spans[1:]]
    assert (spans[0][0], spans[-1][1]) == ("2022-03-01", "2024-09-30")
    assert len(ran.records(STREAM)) == 31
    assert len(spans) == 3


def test_without_describe_the_days_are_those_that_must_be_final(tap, vendor):
    vendor.describe_paths = []
    now = dt.datetime.now(dt.UTC)
    reports = [
        monthly(),
        {"table": TABLE, "granularity": "daily", "metrics": ["desktop_visits"]},
        {"table": TABLE, "granularity": "weekly", "metrics": ["desktop_visits"]},
    ]
    start = (now - dt.timedelta(80)).date().isoformat()
    ran = tap.run(config(vendor, *reports, top={"start_date": start, "end_date": None}))
    assert ran.status == 0, ran.stderr
    possible = set()
    for hours in (0, 5):
        today = (now - dt.timedelta(hours=hours)).date()
        week_end = today - dt.timedelta(4)
        week_end -= dt.timedelta((week_end.weekday() + 1) % 7)
        month_end = today.replace(day=1) - dt.timedelta(1)
        if today.day < 10:
            month_end = month_end.replace(day=1) - dt.timedelta(1)
        daily = today - dt.timedelta(4)
        possible.add((daily.isoformat(), week_end.isoformat(), month_end.isoformat()))
    assert (ran.bookmark(DAILY), ran.bookmark(WEEKLY), ran.bookmark(STREAM)) in possible


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
    "text",
    [
        "6.2235221489978456e-06",
        "123456789012345678901234567890.123456789012345678",
        "0.100000000000000000000000000001",
        "-0.5",
        "1E+3",
        "9007199254740993",
    ],
)
def test_a_number_keeps_every_digit(tap, vendor, text):
    vendor.make_file = lambda _: f"domain,country,yearmonth,all_traffic_visits\na.com,WW,2024-08,{text}\n"
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert Decimal(ran.records(STREAM)[0]["all_traffic_visits"]) == Decimal(text)


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


@pytest.mark.parametrize(
    "said",
    [
        as_text("<html><body>Sorry</body></html>", kind="text/html"),
        as_json({"errors": ["internal"]}),
        Answer(200, b"domain,country,yearmonth,all_traffic_visits\na.com,WW,20", {}, declared_length=400),
    ],
    ids=["page", "envelope", "truncated"],
)
def test_what_is_no_report_is_never_no_data(tap, vendor, said):
    vendor.downloads = [said] * 12
    ran = tap.run(config(vendor, monthly(), top={"max_request_retries": 1}))
    assert ran.status == 1
    assert ran.records(STREAM) == []
    assert ran.bookmark(STREAM) is None
    assert next(iter(vendor.reports)) in ran.last_words
    assert "signed-" not in ran.stdout + ran.stderr
    assert len(vendor.submitted) == 1


def test_empty_cells_are_null_and_gzip_is_seen(tap, vendor):
    import gzip

    plain = b"domain,country,date,all_traffic_visits,global_rank,category\na.com,WW,2024-08,,1.0,\n"
    vendor.downloads = [as_text(gzip.compress(plain))]
    ran = tap.run(config(vendor))
    assert ran.status == 0, ran.stderr
    (record,) = ran.records(STREAM)
    assert (record["all_traffic_visits"], record["category"], record["global_rank"]) == (None, None, 1)
    assert record["date"] == "2024-08-01"


# --- jobs -------------------------------------------------------------------------------------------------


def test_words_for_a_running_job_are_waited_out(tap, vendor):
    vendor.statuses = ["pending", "processing", "retry", "Processing", "completed"]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert len(vendor.api.to("/request-status/")) == 5


@pytest.mark.parametrize("word", ["internal_error", "Internal Error"])
def test_an_internal_error_is_retried_by_the_vendor_twice(tap, vendor, word):
    vendor.statuses = [word]
    vendor.after_retry = [word]
    ran = tap.run(config(vendor, monthly()))
    report_id = next(iter(vendor.reports))
    assert ran.status == 1
    assert [one.path for one in vendor.api.to("/retry/", "POST")] == [f"/v3/batch/retry/{report_id}"] * 2
    assert len(vendor.submitted) == 1
    for told in ("imilarweb", STREAM, "2024-08-01", "2024-09-30", report_id):
        assert told in ran.last_words
    assert ran.bookmark(STREAM) is None


def test_a_retried_report_delivers(tap, vendor):
    vendor.statuses = ["internal error"]
    vendor.retry_paths = ["/batch/retry/"]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert [one.path.rsplit("/", 1)[0] for one in vendor.api.to("/retry/", "POST")] == [
        "/v3/batch/retry",
        "/batch/retry",
    ]
    assert len(vendor.submitted) == 1


@pytest.mark.parametrize("word", ["bad_request", "bad request", "Bad-Request"])
def test_a_bad_request_ends_the_stream_at_once(tap, vendor, word):
    vendor.statuses = [word]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    assert vendor.api.to("/retry/") == []
    assert len(vendor.submitted) == 1
    assert not ran.mark(STREAM).get("pending_jobs"), "a failed job is not to be resumed"


def test_an_unknown_status_is_waited_out_named_and_resumed(tap, vendor):
    vendor.statuses = ["daydreaming"]
    ran = tap.run(config(vendor, monthly(), top={"job_deadline_seconds": 0.4}))
    report_id = next(iter(vendor.reports))
    assert ran.status == 1
    assert "daydreaming" in ran.last_words
    (pending,) = ran.mark(STREAM)["pending_jobs"]
    assert pending["id"] == report_id
    assert set(pending) == {"key", "id", "slice_start", "slice_end", "submitted_at"}
    assert (pending["slice_start"], pending["slice_end"]) == ("2024-08-01", "2024-09-30")
    vendor.reports[report_id]["script"] = ["completed"]
    again = tap.run(config(vendor, monthly()), state=ran.state)
    assert again.status == 0, again.stderr
    assert len(vendor.submitted) == 1
    assert len(again.records(STREAM)) == 2
    assert not again.mark(STREAM).get("pending_jobs")


def test_completed_without_a_link_is_no_data_for_nobody(tap, vendor):
    vendor.statuses = [{"status": "completed", "used_quota": 3}]
    ran = tap.run(config(vendor, monthly(), top={"job_deadline_seconds": 0.5}))
    assert ran.status == 1
    assert ran.bookmark(STREAM) is None
    assert len(vendor.submitted) == 1


def test_an_expired_link_is_renewed_by_asking_for_the_status(tap, vendor):
    vendor.downloads = [as_text("<Error><Code>AccessDenied</Code></Error>", 403, "application/xml")]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert [one.one("X-Signature") for one in vendor.bucket.calls] == ["signed-1", "signed-2"]
    assert len(ran.records(STREAM)) == 2
    assert len(vendor.submitted) == 1


def test_a_link_that_stays_expired_fails_without_another_submission(tap, vendor):
    vendor.downloads = [as_text("gone", 404, "text/plain")] * 10
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    assert len(vendor.submitted) == 1
    assert ran.bookmark(STREAM) is None


@pytest.mark.parametrize("missing", [404, 410])
@pytest.mark.parametrize("path", ["/batch/request-status/", "/batch/v5/request-status/"])
def test_a_status_path_that_is_gone_is_replaced_by_the_next(tap, vendor, missing, path):
    vendor.status_paths, vendor.missing = [path], missing
    vendor.statuses = ["pending", "pending", "completed"]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    asked = [one.path.rsplit("/", 1)[0] + "/" for one in vendor.api.to("/request-status/")]
    assert asked.count("/v3/batch/request-status/") == 1, "the first path that answers is kept"
    assert asked.count(path) == 3
    assert len(vendor.submitted) == 1


def test_paths_are_settings(tap, vendor):
    vendor.status_paths, vendor.retry_paths = ["/my/status/"], ["/my/retry/"]
    vendor.describe_paths, vendor.credits_paths = ["/my/describe"], ["/my/credits"]
    vendor.statuses = ["internal_error"]
    paths = {
        "status_path": "/my/status/{report_id}",
        "retry_path": "/my/retry/{report_id}",
        "describe_path": "/my/describe",
        "credits_path": "/my/credits",
    }
    ran = tap.run(config(vendor, **paths))
    assert ran.status == 0, ran.stderr
    assert len(vendor.api.to("/my/retry/")) == 1
    assert vendor.queries[0]["metrics"][-1] == "category", "learnt from describe"


def test_describe_and_credits_have_a_second_path_and_other_shapes(tap, vendor):
    vendor.describe_paths, vendor.credits_paths = ["/batch/tables/describe"], ["/batch/credits"]
    vendor.tables, vendor.credits = {"tables": vendor.tables}, {"credits": 123}
    ran = tap.run(config(vendor), "--plan", "--format", "json")
    assert ran.status == 0, ran.stderr
    assert [one["remaining"] for one in ran.json["quotas"] if one["remaining"] == 123] == [123]


# --- money ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [429, 500, 503])
def test_a_refused_submission_is_sent_again(tap, vendor, refusal):
    vendor.submissions = [as_text("slow down", refusal, "text/plain", Retry_After="0")]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 2
    assert len(vendor.reports) == 1


def test_retry_after_is_waited_for(tap, vendor):
    vendor.submissions = [as_text("slow down", 429, "text/plain", Retry_After="1")]
    began = time.monotonic()
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 0, ran.stderr
    assert time.monotonic() - began > 1
    assert len(vendor.submitted) == 2


@pytest.mark.parametrize(
    "said", [Answer(lost=True), as_text("", 502), as_text("", 504)], ids=["lost", "502", "504"]
)
def test_a_submission_whose_fate_is_unknown_is_sent_once(tap, vendor, said):
    vendor.submissions = [said]
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    assert len(vendor.submitted) == 1
    assert STREAM in ran.last_words
    assert ran.bookmark(STREAM) is None
    again = tap.run(config(vendor, monthly()), state=ran.state)
    assert again.status == 0, again.stderr
    assert len(vendor.submitted) == 2
    assert len(again.records(STREAM)) == 2
    warnings = [line for line in again.stderr.splitlines() if "WARN" in line.upper()]
    assert any("2024-08-01" in line for line in warnings), again.stderr


def test_two_streams_that_ask_the_same_share_the_report(tap, vendor):
    ran = tap.run(config(vendor, monthly(name="one"), monthly(name="two")))
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 1
    assert len(ran.records("similarweb_one")) == len(ran.records("similarweb_two")) == 2


def kill_after_submission(tap, vendor, settings) -> list[str]:
    """Start a run, kill it once the report is submitted and STATE is out; what it had printed."""
    process = tap.start(settings)
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "pending_jobs" in line and vendor.submitted:
            break
    process.kill()
    process.communicate(timeout=30)
    return printed


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


def test_a_stopped_run_says_143_and_its_state(tap, vendor):
    vendor.statuses = ["pending"]
    process = tap.start(config(vendor, monthly()))
    while not vendor.api.to("/request-status/"):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    ran = tap.finish(process)
    assert ran.status == 143
    assert ran.mark(STREAM)["pending_jobs"][0]["id"] == next(iter(vendor.reports))


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


def test_a_finished_report_is_reused_within_reuse_job_hours(tap, vendor):
    assert tap.run(config(vendor, monthly())).status == 0
    again = tap.run(config(vendor, monthly()))
    assert again.status == 0, again.stderr
    assert len(again.records(STREAM)) == 2
    assert len(vendor.submitted) == 1


def test_reuse_can_be_switched_off(tap, vendor):
    assert tap.run(config(vendor, monthly())).status == 0
    assert tap.run(config(vendor, monthly(), top={"reuse_finished_jobs": False})).status == 0
    assert len(vendor.submitted) == 2


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


def test_test_command_checks_for_free(tap, vendor):
    ran = tap.run(config(vendor), "--test")
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []
    assert vendor.api.calls
    wrong = config(vendor)
    wrong["similarweb"]["api_key"] = "another-key"
    refused = tap.run(wrong, "--test")
    assert refused.status == 1
    assert "credentials" in refused.stdout + refused.stderr
    assert "another-key" not in refused.stdout + refused.stderr


def test_a_wrong_key_fails_the_stream_with_a_remedy(tap, vendor):
    wrong = config(vendor, monthly())
    wrong["similarweb"]["api_key"] = "another-key"
    ran = tap.run(wrong)
    assert ran.status == 1
    assert "invalid API key" in ran.stderr
    assert "credentials" in ran.last_words
    assert "another-key" not in ran.stderr + ran.stdout
    assert vendor.submitted == []


def test_a_catalog_selects_columns(tap, vendor):
    catalog = tap.run(config(vendor), "--discover").json
    chosen = selected(catalog, STREAM, without=("category", "_report_job_id"))
    ran = tap.run(config(vendor), catalog=chosen)
    assert ran.status == 0, ran.stderr
    (record, _) = ran.records(STREAM)
    assert "category" not in record
    assert "_report_job_id" not in record
    assert record["global_rank"] == 1
    assert "category" not in ran.schemas(STREAM)[0]["schema"]["properties"]


# --- columns and messages ---------------------------------------------------------------------------------


def test_stream_maps_work(tap, vendor):
    maps = {STREAM: {"visits": "int(all_traffic_visits)", "category": None, "__alias__": "visits"}}
    ran = tap.run(config(vendor, monthly(), top={"stream_maps": maps}))
    assert ran.status == 0, ran.stderr
    first = ran.records("visits")[0]
    assert first["visits"] == 32316961207
    assert ran.bookmark(STREAM) == "2024-09-30"


def test_column_names_verbatim(tap, vendor):
    vendor.make_file = lambda _: "domain,country,yearmonth,All Visits (USD)\na.com,WW,2024-08,5\n"
    ran = tap.run(config(vendor, monthly(), top={"column_names": "verbatim"}))
    assert ran.status == 0, ran.stderr
    assert ran.records(STREAM)[0]["All Visits (USD)"] in {5, "5"}
    assert ran.records(STREAM)[0]["date"] == "2024-08-01"


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


def test_new_columns_are_ignored_or_fail_when_told(tap, vendor):
    vendor.make_file = lambda _: NEW
    ran = tap.run(config(vendor, monthly(), top={"new_columns": "ignore"}))
    assert ran.status == 0, ran.stderr
    assert "brand_new_x" not in ran.records(STREAM)[0]
    assert "Brand New (x)" in ran.stderr
    failed = tap.run(config(vendor, monthly(), top={"new_columns": "fail"}))
    assert failed.status == 1
    assert "Brand New (x)" in failed.last_words
    assert failed.records(STREAM) == []


def test_a_cell_that_does_not_fit_fails_or_is_null(tap, vendor):
    vendor.make_file = lambda _: (
        "domain,country,yearmonth,all_traffic_visits\na.com,WW,2024-08,5\na.com,WW,2024-09,many\n"
    )
    ran = tap.run(config(vendor, monthly()))
    assert ran.status == 1
    for told in ("all_traffic_visits", "many"):
        assert told in ran.last_words
    assert ran.bookmark(STREAM) is None
    nulled = tap.run(config(vendor, monthly(), top={"invalid_values": "null"}))
    assert nulled.status == 0, nulled.stderr
    assert [one["all_traffic_visits"] for one in nulled.records(STREAM)] == [5, None]
    assert len(vendor.submitted) == 1


def test_lineage_columns_can_be_left_out(tap, vendor):
    ran = tap.run(config(vendor, monthly(), top={"lineage_columns": False}))
    assert ran.status == 0, ran.stderr
    assert set(ran.records(STREAM)[0]) == {"domain", "country", "date", "all_traffic_visits"}
    assert not [one for one in ran.schemas(STREAM)[0]["schema"]["properties"] if one.startswith("_report")]


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


def test_several_config_files_and_the_environment_are_merged(tap, vendor):
    settings = config(vendor, monthly())
    block = settings.pop("similarweb")
    key = block.pop("api_key")
    more = tap.write("more.json", {"similarweb": block})
    ran = tap.run(settings, "--config", more, "--config=ENV", env={"TAP_REPORTS_SIMILARWEB_API_KEY": key})
    assert ran.status == 0, ran.stderr
    assert len(ran.records(STREAM)) == 2


def test_configuration_errors_are_told_all_at_once_before_any_request(tap, vendor):
    reports = monthly(name="Twice"), monthly(name="twice", metric=["visits"])
    settings = config(vendor, *reports, domians=["a.com"], api_version="v9")
    settings["start_date"] = "yesterday"
    ran = tap.run(settings)
    assert ran.status == 78
    assert vendor.api.calls == []
    for told in ("domians", "domains", "metrics", "api_version", "yesterday", "twice"):
        assert told in ran.stderr, told


def test_one_failing_stream_does_not_stop_the_other(tap, vendor):
    vendor.validations = [as_json({"errors": ["no such metric"], "is_valid": False, "warnings": []})]
    ran = tap.run(config(vendor, monthly(name="bad"), monthly(name="good", filters={"domains": ["b.com"]})))
    assert ran.status == 1
    streams = {one["stream"] for one in ran.messages if one["type"] == "RECORD"}
    assert len(streams) == 1


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
    process = tap.start(config(vendor, monthly(), top=top, api_version=version))
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
    ran = tap.finish(process)
    assert ran.status == 0, ran.stderr
    assert time.monotonic() - began < 10
    assert len(ran.records(STREAM)) == 2
    assert "hush-hush" not in ran.stdout + ran.stderr
