"""Similarweb and impact.com at the edges: two vendors at once, odd answers, logs at debug level, limits."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from acceptance_wire import Answer, as_json, as_text
from fake_impact import BY_DAY, LISTING, SID, TOKEN, FakeImpact
from fake_similarweb import TABLE, FakeSimilarweb

MONTHLY = "similarweb_traffic_and_engagement_monthly"
QUICK = {
    "poll_interval_seconds": 0.05,
    "poll_max_interval_seconds": 0.05,
    "retry_backoff_seconds": 0.05,
    "start_date": "2024-08-01",
    "end_date": "2024-09-30",
}
REPORT = {"table": TABLE, "metrics": ["all_traffic_visits"]}


@pytest.fixture
def similarweb():
    fake = FakeSimilarweb()
    yield fake
    fake.close()


@pytest.fixture
def impact():
    fake = FakeImpact()
    yield fake
    fake.close()


def of_similarweb(fake, top=None, **block):
    return {**QUICK, **(top or {}), "similarweb": fake.settings(**{"reports": [REPORT], **block})}


def of_impact(fake, *reports, top=None, **block):
    listed = [{"id": one} if isinstance(one, str) else one for one in reports]
    return {
        **QUICK,
        "end_date": "2024-08-03",
        **(top or {}),
        "impact": fake.settings(reports=listed, **block),
    }


def test_a_vendor_that_refuses_does_not_stop_the_other(tap, similarweb, impact):
    settings = {**of_similarweb(similarweb), **of_impact(impact, BY_DAY)}
    settings["similarweb"]["api_key"] = "another-key"
    ran = tap.run(settings)
    assert ran.status == 1
    assert ran.bookmark(f"impact_{BY_DAY}") == "2024-08-03"
    assert "similarweb" in ran.last_words
    assert "invalid API key" in ran.last_words


@pytest.mark.parametrize("name", ["similarweb", "impact"])
def test_no_secret_and_no_signed_link_at_debug_level(tap, request, name):
    fake = request.getfixturevalue(name)
    settings = of_similarweb(fake) if name == "similarweb" else of_impact(fake, BY_DAY)
    if name == "similarweb":
        fake.downloads = [as_text("denied", 403), as_text("denied", 403)]
    for level in ({"TAP_REPORTS_LOGLEVEL": "DEBUG"}, {"LOGLEVEL": "DEBUG"}):
        ran = tap.finish(tap.start(settings, env=level))
        shown = ran.stdout + ran.stderr
        for secret in ("sw-secret-key", TOKEN, "signed-", "X-Goog-Signature"):
            assert secret not in shown, secret


def test_similarwebs_key_does_not_follow_a_redirect(tap, similarweb):
    similarweb.statuses = [Answer(302, b"", {"Location": f"{similarweb.bucket.url}/files/x.csv"})]
    similarweb.downloads = [as_json({"status": "pending"})] * 20
    ran = tap.run(of_similarweb(similarweb, {"job_deadline_seconds": 0.4, "max_request_retries": 1}))
    assert ran.status == 1
    assert all("api-key" not in one.headers for one in similarweb.bucket.calls)


def test_a_submission_that_similarweb_rejects_says_why(tap, similarweb):
    text = "Request failed due to invalid start/end date. Historical data is available as of 2020-07"
    similarweb.submissions = [as_json({"errors": [text]}, 400)]
    ran = tap.run(of_similarweb(similarweb))
    assert ran.status == 1
    assert text in ran.last_words
    assert len(similarweb.submitted) == 1
    assert ran.bookmark(MONTHLY) is None


def test_no_more_jobs_are_in_flight_than_allowed(tap, similarweb):
    running, most = set(), 0
    status, submit = similarweb.status, similarweb.submit

    def counted_submit(call):
        nonlocal most
        said = submit(call)
        running.add(json.loads(said.body)["report_id"])
        most = max(most, len(running))
        return said

    def counted_status(report_id):
        said = status(report_id)
        if b"completed" in said.body:
            running.discard(report_id)
        return said

    similarweb.submit, similarweb.status = counted_submit, counted_status
    ran = tap.run(
        of_similarweb(similarweb, {"start_date": "2024-02-01"}, slice_days=62, max_jobs_in_flight=2)
    )
    assert ran.status == 0, ran.stderr
    assert len(similarweb.submitted) >= 4
    assert most == 2
    assert [one["date"] for one in ran.records(MONTHLY)] == sorted(
        one["date"] for one in ran.records(MONTHLY)
    )


def test_a_table_that_nobody_documents_runs_once_its_keys_are_named(tap, similarweb):
    similarweb.describe_paths = []
    report = {
        "table": "ticker_special",
        "metrics": ["price"],
        "filters": {"domains": ["a.com"], "countries": ["US"]},
        "columns": {"price": "number"},
        "primary_keys": ["domain", "country", "date"],
    }
    similarweb.make_file = lambda _: "domain,country,yearmonth,price\na.com,US,2024-08,1.250\n"
    ran = tap.run(of_similarweb(similarweb, reports=[report]))
    assert ran.status == 0, ran.stderr
    stream = "similarweb_ticker_special_monthly"
    assert ran.schemas(stream)[-1]["key_properties"] == ["domain", "country", "date"]
    assert str(ran.records(stream)[0]["price"]) == "1.250"


def test_the_run_after_a_lost_answer_warns_of_the_first_attempt(tap, similarweb):
    similarweb.submissions = [Answer(lost=True)]
    assert tap.run(of_similarweb(similarweb)).status == 1
    ran = tap.run(of_similarweb(similarweb))
    assert ran.status == 0, ran.stderr
    (warning,) = [line for line in ran.stderr.splitlines() if "WARNING" in line and "2024-08-01" in line]
    today = dt.datetime.now(dt.UTC).date().isoformat()
    assert today in warning.split("WARNING")[1]
    assert "again" in warning


def test_an_http_url_of_another_host_is_a_configuration_error(tap, similarweb):
    settings = of_similarweb(similarweb)
    settings["similarweb"]["api_url"] = "http://api.similarweb.com"
    ran = tap.run(settings)
    assert ran.status == 78
    assert "api_url" in ran.stderr


def test_start_date_is_required_before_any_request(tap, similarweb):
    ran = tap.run(of_similarweb(similarweb, {"start_date": None}))
    assert ran.status == 78
    assert "start_date" in ran.stderr
    assert similarweb.api.calls == []


# --- impact.com -------------------------------------------------------------------------------------------


def test_impact_from_the_environment_alone(tap, impact):
    variables = {
        "TAP_REPORTS_IMPACT_ACCOUNT_SID": SID,
        "TAP_REPORTS_IMPACT_AUTH_TOKEN": TOKEN,
        "TAP_REPORTS_IMPACT_ACCOUNT_TYPE": "partner",
        "TAP_REPORTS_IMPACT_API_URL": impact.api.url,
    }
    ran = tap.run(None, "--config=ENV", "--discover", env=variables)
    assert ran.status == 0, ran.stderr
    assert len(ran.json["streams"]) == 3


def test_a_429_with_a_long_reset_is_a_spent_quota_and_not_slept_through(tap, impact):
    limited = as_json(
        {"Status": "ERROR", "Message": "Limit exceeded"},
        429,
        X_RateLimit_Remaining="0",
        X_RateLimit_Reset="40000",
    )
    impact.submissions = [limited] * 10
    ran = tap.run(of_impact(impact, BY_DAY))
    assert ran.status == 1
    assert len(impact.submitted) <= 1
    assert f"impact_{BY_DAY}" in ran.last_words


def test_the_catalog_is_read_page_by_page_and_metadata_from_its_own_uri(tap, impact):
    route = impact.route

    def paged(call, parts):
        if parts == ["Reports"]:
            page = call.one("Page") or "1"
            handle = {"1": BY_DAY, "2": LISTING}[page]
            following = f"{impact.prefix}/Reports?Page=2" if page == "1" else ""
            entry = {
                "Id": handle,
                "Name": handle,
                "ApiAccessible": "true",
                "MetaDataUri": f"{impact.prefix}/ReportsMetadata/{handle}",
            }
            return as_json({"Reports": [entry], "@page": page, "@numpages": "2", "@nextpageuri": following})
        if parts[0] == "ReportsMetadata":
            return route(call, ["Reports", parts[1], "MetaData"])
        return as_json({}, 404) if parts[-1] == "MetaData" else route(call, parts)

    impact.route = paged
    ran = tap.run({**QUICK, "impact": impact.settings()}, "--discover")
    assert ran.status == 0, ran.stderr
    found = {one["tap_stream_id"]: one["schema"]["properties"] for one in ran.json["streams"]}
    assert set(found) == {f"impact_{BY_DAY}", f"impact_{LISTING}"}
    assert "payout" in found[f"impact_{LISTING}"]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("America/Chicago", "2024-08-01T10:00:00-05:00"), ("(GMT +05:30) Mumbai", "2024-08-01T10:00:00+05:30")],
)
def test_times_are_of_the_zone_that_the_setting_names(tap, impact, zone, expected):
    impact.make_file = lambda _: "Action_Id,Action_Date,Status,Payout\n1,2024-08-01T10:00:00,PENDING,1\n"
    ran = tap.run(of_impact(impact, LISTING, timezone=zone))
    assert ran.status == 0, ran.stderr
    moment = ran.records(f"impact_{LISTING}")[0]["action_date"]
    assert dt.datetime.fromisoformat(moment) == dt.datetime.fromisoformat(expected)


def test_a_failed_job_that_a_replay_heals_delivers(tap, impact):
    impact.statuses = ["FAILED"]
    ran = tap.run(of_impact(impact, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert (len(impact.submitted), len(impact.replays)) == (1, 1)
    assert len(ran.records(f"impact_{BY_DAY}")) == 3


def test_download_says_202_until_the_file_is_there(tap, impact):
    download, early = impact.download, [as_json({"Status": "RUNNING"}, 202)] * 2
    impact.download = lambda call, job_id: early.pop() if early else download(call, job_id)
    ran = tap.run(of_impact(impact, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert len(ran.records(f"impact_{BY_DAY}")) == 3
    assert len(impact.submitted) == 1


def test_flattening_and_maps_do_not_disturb_the_bookmark(tap, impact):
    top = {"flattening_enabled": True, "flattening_max_depth": 1}
    ran = tap.run(of_impact(impact, BY_DAY, top=top))
    assert ran.status == 0, ran.stderr
    assert ran.records(f"impact_{BY_DAY}")[0]["date_display"] == "2024-08-01"
    assert ran.bookmark(f"impact_{BY_DAY}") == "2024-08-03"


def test_state_stands_after_the_submission_and_after_the_records_of_each_slice(tap, impact):
    ran = tap.run(of_impact(impact, BY_DAY, top={"start_date": "2024-06-20"}))
    assert ran.status == 0, ran.stderr
    stream, marks, since = f"impact_{BY_DAY}", [], 0
    for one in ran.messages:
        since += one["type"] == "RECORD"
        if one["type"] == "STATE":
            marks.append((one["value"]["bookmarks"].get(stream, {}).get("replication_key_value"), since))
    ends = [mark for mark, _ in marks if mark]
    assert list(dict.fromkeys(ends)) == ["2024-06-30", "2024-07-31", "2024-08-03"]
    records_before = {mark: count for mark, count in reversed(marks) if mark}
    assert records_before == {"2024-06-30": 11, "2024-07-31": 42, "2024-08-03": 45}
    assert any(one.get("bookmarks", {}).get(stream, {}).get("pending_jobs") for one in ran.states)
