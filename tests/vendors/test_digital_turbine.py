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


@pytest.mark.parametrize(
    ("splits", "keys", "date"),
    [
        pytest.param(
            ["Date", "Campaign Name"], ("Date", "Campaign Name"), "Date", id="no id: a name is a key"
        ),
        pytest.param(["Country"], ("Country",), None, id="no date"),
        pytest.param(["date", "Country"], ("date", "Country"), None, id="only the exact split is a date"),
    ],
)
def test_splits_are_keys_and_the_exact_date_is_the_date_column(clock, splits, keys, date):
    [report] = connect(clock, config({**REPORT, "splits": splits})).report_types()
    assert (report.primary_keys, report.date_column) == (keys, date)
    assert report.columns[0].kind is (Kind.DATE if date else Kind.STRING)


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"name": None}, "reports[0].name: required"),
        ({"metrics": []}, "reports[0].metrics: must name at least one"),
        ({"splits": []}, "reports[0].splits: must name at least one"),
        ({"metrics": ["Spend", "Spend"]}, '"Spend" stands 2 times'),
        ({"metrics": ["Date"]}, '"Date" stands 2 times'),
    ],
)
def test_check_names_what_is_wrong_with_a_report(change, said):
    report = {name: value for name, value in {**REPORT, **change}.items() if value is not None}
    errors = list(VENDOR.check({"reports": [report]}))
    assert [said in error for error in errors] == ([True] if said else [])


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
    request = job.request
    assert (request.vendor, request.account, request.api_url) == ("digital_turbine", "c1ient", API)
    assert SECRET not in repr(request)


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
    ("days", "said"),
    [
        (("2026-01-09", "2026-01-08"), "not a range of days"),
        (("2026-01-09", "2026-01-11"), "up to today (2026-01-10 UTC)"),
        (("2025-10-01", "2025-12-30"), "longer than 90 days"),
        (None, "date range"),
    ],
)
def test_dates_that_the_vendor_would_answer_with_an_empty_report_are_not_sent(client, api, days, said):
    days = days and Slice(*map(dt.date.fromisoformat, days))
    with pytest.raises(CallRejected, match="not sent") as caught:
        client.submit(request_for(client, days))
    assert said in str(caught.value)
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


def test_token_is_asked_for_with_a_json_body_and_renewed_a_minute_before_its_end(client, api, clock):
    submitted(client)
    clock.pass_(seconds=3539)
    submitted(client)
    [call] = sent(api, "/auth/v1/token")
    assert call.json() == {"grant_type": "client_credentials", "client_id": "c1ient", "client_secret": SECRET}
    clock.pass_(seconds=1)
    submitted(client)
    assert len(sent(api, "/auth/v1/token")) == 2
    assert sent(api, "/api/v1/report")[-1].headers["Authorization"] == f"Bearer {tokens()[1]}"


HOUR = ['"3600"', "NaN", "Infinity", "null", "-1", "0", '"soon"', "[]", "1e300"]


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        pytest.param("20", 9, id="a short-lived token is still used"),
        *(pytest.param(life, 3600 - 61, id=f"{life} is the documented hour") for life in HOUR),
    ],
)
def test_a_token_s_life_is_what_the_answer_says_if_it_makes_sense(client, api, clock, life, seconds):
    api.post(TOKEN_URL, text=f'{{"accessToken": "{TOKEN}", "expiresIn": {life}}}')
    for passed, calls in ((0, 1), (seconds, 1), (3600, 2)):
        clock.pass_(seconds=passed)
        submitted(client)
        assert len(sent(api, "/auth/v1/token")) == calls


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


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        *(
            (status, AccessDenied, r"client_id and client_secret.*invalid_client")
            for status in (400, 401, 403)
        ),
        pytest.param(405, CallRejected, "HTTP 405", id="another refusal is not the credentials' fault"),
    ],
)
def test_refused_credentials_name_their_settings(client, api, status, error, said):
    api.post(TOKEN_URL, json={"error": "invalid_client", "sent": SECRET}, status_code=status)
    with pytest.raises(CallRejected, match=said) as caught:
        submitted(client)
    assert (type(caught.value), caught.value.status) == (error, status)
    assert SECRET not in str(caught.value)
    assert not sent(api, "/api/v1/report")


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


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": f'{{"accessToken":"{TOKEN}",'}, "no accessToken"),
        ({"json": {"token": TOKEN}}, "no accessToken"),
        ({"json": [TOKEN]}, "no accessToken"),
        pytest.param({"content": bytes(9 << 20)}, "more than 8 MiB came", id="too large"),
    ],
)
def test_an_answer_without_a_token_is_not_shown_and_no_lost_submission(client, api, answer, said):
    api.post(TOKEN_URL, **answer)
    with pytest.raises(NotSent, match=said) as caught:
        submitted(client)
    assert sent(api, "/api/v1/report") == []
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


HEADER = "Date,Country,Spend\n"


@pytest.mark.parametrize(
    ("answer", "passed", "status", "said"),
    [
        ({"text": ""}, {"minutes": 59, "seconds": 58}, JobStatus.RUNNING, ""),
        ({"text": " \r\n "}, {"minutes": 59}, JobStatus.RUNNING, ""),
        ({"status_code": 404}, {"minutes": 59}, JobStatus.RUNNING, ""),
        pytest.param({"text": HEADER}, {"hours": 2}, JobStatus.SUCCEEDED, "", id="a header alone"),
        ({"text": f"{HEADER}2026-01-01,US,0.1\n"}, {"hours": 2}, JobStatus.SUCCEEDED, ""),
        ({"text": ""}, {"hours": 1}, JobStatus.EXPIRED, "one hour"),
        ({"status_code": 403, "text": f"<Error>{LINK}</Error>"}, {}, JobStatus.EXPIRED, ""),
        ({"status_code": 410, "text": f"<Error>{LINK}</Error>"}, {}, JobStatus.EXPIRED, ""),
        pytest.param(None, {"hours": 3}, JobStatus.EXPIRED, "", id="without a call after three hours"),
    ],
)
def test_a_link_is_running_while_it_is_empty_and_expires(client, api, clock, answer, passed, status, said):
    job = submitted(client)
    calls = api.call_count
    api.get(LINK_PATH, **(answer or {}))
    clock.pass_(**passed)
    polled = client.poll(job)
    assert polled.status is status
    assert polled.finished_at == (clock.now() if status.is_terminal else None)
    assert said in polled.message
    assert "f00dfeed" not in polled.message
    assert api.call_count == calls + bool(answer)


def test_the_token_is_never_sent_to_the_link(client, api):
    job = submitted(client)
    api.get(LINK_PATH, text="")
    client.poll(job)
    assert "Authorization" not in api.last_request.headers
    assert [download.authenticated for download in client.downloads(job)] == [False]


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
def test_download_is_the_link_and_shows_it_nowhere_even_where_it_is_from_the_ledger(client):
    job = submitted(client)
    [download] = client.downloads(job)
    assert download.url == LINK
    for shown in (repr(job), repr(download), redaction.redact(LINK)):
        assert "f00dfeed" not in shown
    query = "X-Amz-Signature=fromtheledger"
    client.downloads(replace(job, handle={"link": f"{LINK_PATH}?{query}"}))
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
