"""Digital Turbine's client against a mocked API, on a clock of its own."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from one_account import FakeClock, block, tools

from tap_reports import redaction
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRefused,
    CallRejected,
    JobUnknown,
    NotSent,
    SubmissionLost,
)
from tap_reports.models import Column, JobStatus, Kind, Quota, Slice
from tap_reports.vendor import CatalogStream, ReportConfig
from tap_reports.vendors.digital_turbine import VENDOR, DigitalTurbine

API = "https://reporting.digitalturbine.com"
TOKEN_URL, REPORT_URL = f"{API}/auth/v1/token", f"{API}/api/v1/report"
SECRET = "s3cret-of-the-client"
TOKEN = "eyJ0b2tlbi1vbmUifQ"
LINK_PATH = "https://bucket.s3.amazonaws.com/group%3D7/abc/0c1d.csv"
LINK = f"{LINK_PATH}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=f00dfeed"
NOON = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
DAYS = Slice(dt.date(2026, 1, 1), dt.date(2026, 1, 9))
REPORT = {
    "name": "Country spend",
    "splits": ["Date", "Country"],
    "metrics": ["Spend", "Installs", "Post Install Events"],
    "filters": [{"dimension": "Country", "values": ["US", "CA"]}],
}


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def client(clock):
    redaction.add_secrets([SECRET])  # as reading the configuration does
    return connect(clock)


@pytest.fixture
def api(requests_mock):
    """The API as it works: one token after another, and a link."""
    requests_mock.post(
        TOKEN_URL,
        [{"json": {"accessToken": name, "tokenType": "bearer", "expiresIn": 3600}} for name in tokens()],
    )
    requests_mock.post(REPORT_URL, json={"signed_url": LINK})
    return requests_mock


def tokens():
    return [TOKEN, "eyJ0b2tlbi10d28ifQ", "eyJ0b2tlbi10aHJlZSJ9"]


def config(*reports, **values):
    account = {
        "client_id": "c1ient",
        "client_secret": SECRET,
        "reports_per_minute": 5,
        "reports_per_day": 100,
    }
    return block(
        VENDOR.name,
        {**account, **values},
        api_url=API,
        reports=tuple(ReportConfig(values=report, name=report["name"]) for report in reports or (REPORT,)),
        max_jobs_in_flight=20,
    )


def connect(clock, settings=None):
    return DigitalTurbine(settings or config(), tools(API, clock))


def request_for(client, days=DAYS):
    [report] = client.report_types()
    [request] = client.requests(report, days)
    return request


def submitted(client):
    return client.submit(request_for(client))


def sent(mock, path):
    return [call for call in mock.request_history if urlsplit(call.url).path == path]


# --- data --------------------------------------------------------------------------------------------


def test_quotas_are_a_minute_and_a_day_by_the_settings():
    assert VENDOR.quotas(config(reports_per_minute=3, reports_per_day=50)) == (
        Quota(name="reports_per_minute", limit=3, seconds=60),
        Quota(name="reports_per_day", limit=50, seconds=86400),
    )


def test_default_report_is_campaign_daily(clock):
    client = connect(clock, config(*VENDOR.default_reports))
    [report] = client.report_types()
    assert report.name == "campaign_daily"
    assert [(column.header, column.kind) for column in report.columns] == [
        ("Date", Kind.DATE),
        ("Campaign ID", Kind.STRING),
        ("Campaign Name", Kind.STRING),
        ("Country", Kind.STRING),
        ("Impressions", Kind.INTEGER),
        ("Clicks", Kind.INTEGER),
        ("Installs", Kind.INTEGER),
        ("Spend", Kind.NUMBER),
    ]
    assert report.primary_keys == ("Date", "Campaign ID", "Country"), "a campaign may be renamed"
    assert "Money is in US dollars" in report.description


def test_a_campaign_s_name_is_a_key_where_its_id_is_not_asked_for(clock):
    own = {"name": "x", "splits": ["Date", "Campaign Name"], "metrics": ["Spend"]}
    [report] = connect(clock, config(own)).report_types()
    assert report.primary_keys == ("Date", "Campaign Name")


def test_columns_are_splits_then_metrics_with_the_headers_as_asked_for(client):
    [report] = client.report_types()
    assert report.name == "country_spend"
    assert report.columns == (
        Column("Date", "date", Kind.DATE),
        Column("Country", "country", Kind.STRING),
        Column("Spend", "spend", Kind.NUMBER),
        Column("Installs", "installs", Kind.INTEGER),
        Column("Post Install Events", "post_install_events", Kind.STRING),
    )
    assert report.date_column == "Date"
    assert report.dated


@pytest.mark.parametrize("splits", [["Country"], ["date", "Country"]])
def test_only_the_exact_date_split_is_a_date_column(clock, splits):
    [report] = connect(clock, config({**REPORT, "splits": splits})).report_types()
    assert report.date_column is None
    assert report.columns[0].kind is Kind.STRING


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "reports[0].name: required"),
        ({"metrics": []}, "reports[0].metrics: must name at least one"),
        ({"splits": []}, "reports[0].splits: must name at least one"),
        ({"metrics": ["Spend", "Spend"]}, '"Spend" stands 2 times'),
        ({"metrics": ["Date"]}, '"Date" stands 2 times'),
    ],
)
def test_check_names_what_is_wrong_with_a_report(change, said):
    report = {name: value for name, value in {**REPORT, **change}.items() if value is not None}
    [error] = VENDOR.check({"reports": [report]})
    assert said in error


def test_check_has_nothing_to_say_about_a_good_block():
    assert list(VENDOR.check({"reports": [REPORT]})) == []
    assert list(VENDOR.check({})) == []


def test_restore_finds_the_report_by_its_name_without_a_call(client, requests_mock):
    assert client.restore(CatalogStream(name="country_spend", title="")) == next(iter(client.report_types()))
    assert client.restore(CatalogStream(name="gone", title="gone")) is None
    assert requests_mock.call_count == 0


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-01-10T11:59:59", "2026-01-08"),
        ("2026-01-10T12:00:00", "2026-01-09"),
        ("2026-01-11T00:00:00", "2026-01-09"),
        ("2026-01-11T12:00:00", "2026-01-10"),
    ],
)
def test_a_day_is_final_from_noon_utc_of_the_next(client, clock, now, last):
    clock.time = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    [report] = client.report_types()
    assert client.final_day(report).isoformat() == last


# --- requests ----------------------------------------------------------------------------------------


def test_equal_queries_of_two_reports_are_one_job_and_their_order_of_splits_is_not(clock):
    settings = config(REPORT, {**REPORT, "name": "other"}, {**REPORT, "splits": ["Country", "Date"]})
    client = connect(clock, settings)
    first, same, different = (client.requests(report, DAYS)[0].key for report in client.report_types())
    assert first == same != different


def test_request_names_the_account_and_not_the_secret(client):
    request = request_for(client)
    assert (request.vendor, request.account, request.api_url) == ("digital_turbine", "c1ient", API)
    assert SECRET not in repr(request)


def test_submission_is_the_documented_body_with_the_token(client, api):
    job = submitted(client)
    [call] = sent(api, "/api/v1/report")
    assert call.json() == {
        "product": "dtgrowth",
        "query": {
            "dateRange": {"start": "2026-01-01", "end": "2026-01-09"},
            "metrics": ["Spend", "Installs", "Post Install Events"],
            "splits": ["Date", "Country"],
            "filters": [{"dimension": "Country", "values": ["US", "CA"]}],
            "reportFormat": "csv",
        },
    }
    assert call.headers["Authorization"] == f"Bearer {TOKEN}"
    assert job.id == "0c1d.csv"
    assert job.handle == {"link": LINK}
    assert job.submitted_at == NOON
    assert job.status is JobStatus.PENDING


def test_a_report_without_filters_sends_an_empty_list(clock, api):
    client = connect(clock, config({name: value for name, value in REPORT.items() if name != "filters"}))
    submitted(client)
    assert sent(api, "/api/v1/report")[0].json()["query"]["filters"] == []


@pytest.mark.parametrize("answer", [{"id": "u-1", "url": LINK}, {"signed_url": LINK, "url": "https://x.y/z"}])
def test_link_is_signed_url_else_url_and_its_last_path_part_is_the_id(client, api, answer):
    api.post(REPORT_URL, json=answer)
    job = submitted(client)
    assert (job.id, job.handle) == ("0c1d.csv", {"link": LINK})


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-01-09", "2026-01-08", "not a range of days"),
        ("2026-01-09", "2026-01-11", "up to today (2026-01-10 UTC)"),
        ("2025-10-01", "2025-12-30", "longer than 90 days"),
    ],
)
def test_dates_that_the_vendor_would_answer_with_an_empty_report_are_not_sent(client, api, start, end, said):
    days = Slice(dt.date.fromisoformat(start), dt.date.fromisoformat(end))
    with pytest.raises(CallRejected, match="not sent") as caught:
        client.submit(request_for(client, days))
    assert said in str(caught.value)
    assert api.call_count == 0


def test_a_request_without_dates_is_not_sent(client, api):
    with pytest.raises(CallRejected, match="date range"):
        client.submit(request_for(client, None))
    assert api.call_count == 0


def test_ninety_days_up_to_today_are_sent(client, api):
    today = NOON.date()
    client.submit(request_for(client, Slice(today - dt.timedelta(days=89), today)))
    assert len(sent(api, "/api/v1/report")) == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"json": {"status": "ok", "link": LINK}}, BadAnswer, "status, link"),
        ({"json": [LINK]}, BadAnswer, "no JSON object came"),
        ({"json": {"signed_url": 5}}, BadAnswer, "no signed_url"),
        ({"json": {"signed_url": "http://[::1/f"}}, BadAnswer, "not an address"),
        ({"text": "<html>Gateway</html>"}, BadAnswer, "Gateway"),
        ({"json": {"error": "bad metric", "message": LINK}}, CallRejected, "bad metric"),
        ({"json": {"error": f"see {LINK}"}, "status_code": 400}, CallRejected, "see https"),
        ({"json": {"error": SECRET}, "status_code": 403}, AccessDenied, "HTTP 403"),
        ({"status_code": 429}, CallRefused, "HTTP 429"),
        ({"status_code": 504}, SubmissionLost, "HTTP 504"),
        ({"exc": requests.ReadTimeout}, SubmissionLost, "no answer"),
    ],
)
def test_a_submission_without_a_link_is_an_error_that_hides_links_and_secrets(
    client, api, answer, error, said
):
    api.post(REPORT_URL, **answer)
    with pytest.raises(error) as caught:
        submitted(client)
    assert said in str(caught.value)
    assert len(sent(api, "/api/v1/report")) == 1
    for secret in ("f00dfeed", SECRET, TOKEN):
        assert secret not in str(caught.value)


# --- token -------------------------------------------------------------------------------------------


def test_token_is_asked_for_once_with_a_json_body(client, api):
    submitted(client)
    submitted(client)
    [call] = sent(api, "/auth/v1/token")
    assert call.json() == {
        "grant_type": "client_credentials",
        "client_id": "c1ient",
        "client_secret": SECRET,
    }


def test_token_is_renewed_a_minute_before_its_end(client, api, clock):
    submitted(client)
    clock.pass_(seconds=3539)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 1
    clock.pass_(seconds=1)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 2
    assert sent(api, "/api/v1/report")[-1].headers["Authorization"] == f"Bearer {tokens()[1]}"


def test_a_short_lived_token_is_still_used(client, api, clock):
    api.post(TOKEN_URL, json={"accessToken": TOKEN, "expiresIn": 20})
    submitted(client)
    clock.pass_(seconds=9)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 1


@pytest.mark.parametrize(
    "life", ['"3600"', "NaN", "Infinity", "null", "-1", "0", '"soon"', "true", "[]", "1e300"]
)
def test_a_life_that_makes_no_sense_is_the_documented_hour(client, api, clock, life):
    api.post(TOKEN_URL, text=f'{{"accessToken": "{TOKEN}", "expiresIn": {life}}}')
    submitted(client)
    clock.pass_(seconds=3600 - 61 if life != "true" else 0)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 1
    clock.pass_(seconds=3600)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 2


def test_a_refused_token_is_renewed_once_and_the_report_asked_for_again(client, api):
    api.post(REPORT_URL, [{"status_code": 401}, {"json": {"signed_url": LINK}}])
    assert submitted(client).handle == {"link": LINK}
    assert [call.headers["Authorization"] for call in sent(api, "/api/v1/report")] == [
        f"Bearer {name}" for name in tokens()[:2]
    ]


def test_a_token_refused_twice_ends_it(client, api):
    api.post(REPORT_URL, status_code=401)
    with pytest.raises(AccessDenied):
        submitted(client)
    assert len(sent(api, "/api/v1/report")) == 2
    assert len(sent(api, "/auth/v1/token")) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_name_their_settings(client, api, status):
    api.post(TOKEN_URL, json={"error": "invalid_client", "sent": SECRET}, status_code=status)
    with pytest.raises(AccessDenied, match=r"client_id and client_secret.*invalid_client") as caught:
        submitted(client)
    assert caught.value.status == status
    assert SECRET not in str(caught.value)
    assert not sent(api, "/api/v1/report")


def test_another_refusal_of_the_token_call_is_not_the_credentials_fault(client, api):
    api.post(TOKEN_URL, status_code=405)
    with pytest.raises(CallRejected, match="HTTP 405") as caught:
        submitted(client)
    assert not isinstance(caught.value, AccessDenied)


def test_a_broken_token_call_is_repeated(client, api, clock):
    api.post(TOKEN_URL, [{"status_code": 503}, {"json": {"accessToken": TOKEN, "expiresIn": 3600}}])
    submitted(client)
    assert len(clock.slept) == 1


def test_a_token_call_that_stays_without_a_connection_is_repeated_once_and_not_for_each_submission(
    client, api, clock
):
    api.post(TOKEN_URL, exc=requests.ConnectTimeout)
    with pytest.raises(NotSent) as caught:
        submitted(client)
    assert len(clock.slept) == 2
    assert not caught.value.is_worth_repeating


def test_a_token_answer_that_is_too_large_is_no_lost_submission(client, api):
    api.post(TOKEN_URL, content=bytes(9 << 20))
    with pytest.raises(NotSent, match="more than 8 MiB came"):
        submitted(client)
    assert not sent(api, "/api/v1/report")


@pytest.mark.parametrize(
    "answer", [{"text": f'{{"accessToken":"{TOKEN}",'}, {"json": {"token": TOKEN}}, {"json": [TOKEN]}]
)
def test_an_answer_without_a_token_is_not_shown(client, api, answer):
    api.post(TOKEN_URL, **answer)
    with pytest.raises(NotSent, match="no accessToken") as caught:
        submitted(client)
    assert sent(api, "/api/v1/report") == [], "and nothing that could be lost was sent"
    assert TOKEN not in str(caught.value)


def test_the_token_is_hidden_once_it_is_there(client, api):
    token = "eyJvbmx5LWhlcmUifQ"
    api.post(TOKEN_URL, json={"accessToken": token})
    submitted(client)
    assert redaction.redact(f"Bearer {token}") == f"Bearer {redaction.REDACTED}"


def test_many_threads_share_one_token_call(client, api):
    barrier = threading.Barrier(4)

    def work():
        barrier.wait(5)
        submitted(client)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(sent(api, "/api/v1/report")) == 4
    assert len(sent(api, "/auth/v1/token")) == 1


def test_threads_whose_token_was_refused_renew_it_once(client, api):
    first = client._token.get()
    second = client._token.get(refused=first)
    assert client._token.get(refused=first) == second
    assert len(sent(api, "/auth/v1/token")) == 2


# --- polling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"text": ""}, {"text": " \r\n "}, {"status_code": 404}])
def test_an_empty_link_is_running(client, api, clock, answer):
    job = submitted(client)
    api.get(LINK_PATH, **answer)
    clock.pass_(minutes=59)
    polled = client.poll(job)
    assert polled.status is JobStatus.RUNNING
    assert polled.finished_at is None


@pytest.mark.parametrize("text", ["Date,Country,Spend\n2026-01-01,US,0.1\n", "Date,Country,Spend\n"])
def test_a_filled_link_has_succeeded_even_with_a_header_alone(client, api, clock, text):
    job = submitted(client)
    api.get(LINK_PATH, text=text)
    clock.pass_(hours=2)
    polled = client.poll(job)
    assert polled.status is JobStatus.SUCCEEDED
    assert polled.finished_at == clock.now()


def test_the_token_is_never_sent_to_the_link(client, api):
    job = submitted(client)
    api.get(LINK_PATH, text="")
    client.poll(job)
    assert "Authorization" not in api.last_request.headers
    assert [download.authenticated for download in client.downloads(job)] == [False]


def test_a_link_empty_for_an_hour_has_expired(client, api, clock):
    job = submitted(client)
    api.get(LINK_PATH, text="")
    clock.pass_(minutes=59, seconds=58)
    assert client.poll(job).status is JobStatus.RUNNING
    clock.pass_(seconds=2)
    polled = client.poll(job)
    assert polled.status is JobStatus.EXPIRED
    assert "one hour" in polled.message


@pytest.mark.parametrize("status", [403, 410])
def test_a_refused_link_has_expired(client, api, status):
    job = submitted(client)
    api.get(LINK_PATH, text=f"<Error>{LINK}</Error>", status_code=status)
    polled = client.poll(job)
    assert polled.status is JobStatus.EXPIRED
    assert "f00dfeed" not in polled.message


def test_a_link_older_than_three_hours_has_expired_without_a_call(client, api, clock):
    job = submitted(client)
    calls = api.call_count
    clock.pass_(hours=3)
    assert client.poll(job).status is JobStatus.EXPIRED
    assert api.call_count == calls


def test_a_broken_poll_is_repeated(client, api, clock):
    job = submitted(client)
    api.get(LINK_PATH, [{"status_code": 503, "headers": {"Retry-After": "7"}}, {"text": "Date\n"}])
    assert client.poll(job).status is JobStatus.SUCCEEDED
    assert clock.slept == [7]


def test_a_poll_that_stays_broken_is_no_failed_job(client, api):
    job = submitted(client)
    api.get(LINK_PATH, status_code=500)
    with pytest.raises(CallBroken):
        client.poll(job)
    assert len([call for call in api.request_history if call.url == LINK]) == 3


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("use", ["poll", "downloads"])
def test_a_job_without_its_link_is_unknown(client, use):
    job = replace(submitted(client), handle={})
    with pytest.raises(JobUnknown, match=r"0c1d\.csv.*job ledger"):
        getattr(client, use)(job)


@pytest.mark.usefixtures("api")
def test_download_is_the_link_and_shows_it_nowhere(client):
    job = submitted(client)
    [download] = client.downloads(job)
    assert download.url == LINK
    for shown in (repr(job), repr(download), redaction.redact(LINK)):
        assert "f00dfeed" not in shown


@pytest.mark.usefixtures("api")
def test_a_link_from_the_ledger_is_hidden_as_well(client):
    query = "X-Amz-Signature=fromtheledger"
    job = replace(submitted(client), handle={"link": f"{LINK_PATH}?{query}"})
    client.downloads(job)
    assert query not in redaction.redact(f"GET with {query}")


# --- check -------------------------------------------------------------------------------------------


def test_check_asks_for_a_token_and_submits_nothing(client, api):
    [check] = client.check()
    assert check.ok
    assert [urlsplit(call.url).path for call in api.request_history] == ["/auth/v1/token"]


def test_check_says_what_to_do_about_wrong_credentials(client, api):
    api.post(TOKEN_URL, json={"error": "invalid_client"}, status_code=400)
    [check] = client.check()
    assert not check.ok
    assert "client_secret" in check.detail
    assert AccessDenied.remedy in check.detail
