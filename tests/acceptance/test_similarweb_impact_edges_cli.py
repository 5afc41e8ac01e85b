"""Similarweb and impact.com at the edges: two vendors at once, odd answers, logs at debug level, limits."""

from __future__ import annotations

import datetime as dt

import pytest
from fake_http import Answer, as_json, as_text
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


@pytest.mark.parametrize("name", ["similarweb", "impact"])
def test_no_secret_and_no_signed_link_at_debug_level(tap, request, name):
    fake = request.getfixturevalue(name)
    settings = of_similarweb(fake) if name == "similarweb" else of_impact(fake, BY_DAY)
    if name == "similarweb":
        fake.downloads = [as_text("denied", 403), as_text("denied", 403)]
    for level in ({"TAP_REPORTS_LOGLEVEL": "DEBUG"}, {"LOGLEVEL": "DEBUG"}):
        ran = tap.run(settings, **level)
        shown = ran.stdout + ran.stderr
        for secret in ("sw-secret-key", TOKEN, "signed-", "X-Goog-Signature"):
            assert secret not in shown, secret


def test_similarwebs_key_does_not_follow_a_redirect(tap, similarweb):
    similarweb.statuses = [Answer(302, headers={"Location": f"{similarweb.bucket.url}/files/x.csv"})]
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
    similarweb.submissions = [Answer(drop=True)]
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


# --- impact.com -------------------------------------------------------------------------------------------


def test_impact_from_the_environment_alone(tap, impact):
    variables = {
        "TAP_REPORTS_IMPACT_ACCOUNT_SID": SID,
        "TAP_REPORTS_IMPACT_AUTH_TOKEN": TOKEN,
        "TAP_REPORTS_IMPACT_ACCOUNT_TYPE": "partner",
        "TAP_REPORTS_IMPACT_API_URL": impact.api.url,
    }
    ran = tap.run(None, "--config=ENV", "--discover", **variables)
    assert ran.status == 0, ran.stderr
    assert len(ran.json["streams"]) == 3


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


def test_flattening_and_maps_do_not_disturb_the_bookmark(tap, impact):
    top = {"flattening_enabled": True, "flattening_max_depth": 1}
    ran = tap.run(of_impact(impact, BY_DAY, top=top))
    assert ran.status == 0, ran.stderr
    assert ran.records(f"impact_{BY_DAY}")[0]["date_display"] == "2024-08-01"
    assert ran.bookmark(f"impact_{BY_DAY}") == "2024-08-03"
