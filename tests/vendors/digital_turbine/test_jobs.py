"""Digital Turbine: the token, the link that fills and expires, its download, and `--test`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from digital_turbine_account import (
    LINK,
    LINK_PATH,
    NOON,
    REPORT_URL,
    SECRET,
    TOKEN,
    TOKEN_URL,
    sent,
    submitted,
    tokens,
)

from tap_reports import redaction
from tap_reports.exceptions import AccessDenied, CallBroken, CallRejected, JobUnknown, NotSent
from tap_reports.models import JobStatus

HEADER = "Date,Country,Spend\n"
HOUR = ['"3600"', "NaN", "Infinity", "null", "true", "-1", "0", '"soon"', '""', "[]", "{}", "1e300"]


# --- the token ----------------------------------------------------------------------------------------


def bearers(api):
    return [call.headers["Authorization"] for call in sent(api, "/api/v1/report")]


def test_token_is_asked_for_with_a_json_body_and_renewed_a_minute_before_its_end(client, api, clock):
    submitted(client)
    clock.pass_(seconds=3539)
    submitted(client)
    [call] = sent(api, "/auth/v1/token")
    assert call.json() == {"grant_type": "client_credentials", "client_id": "c1ient", "client_secret": SECRET}
    clock.pass_(seconds=1)
    submitted(client)
    assert bearers(api) == [f"Bearer {tokens()[at]}" for at in (0, 0, 1)]
    assert redaction.redact(bearers(api)[-1]) == f"Bearer {redaction.REDACTED}"


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
    api.post(REPORT_URL, [{"status_code": 401}, {"json": {"signed_url": LINK}}, {"status_code": 401}])
    assert submitted(client).handle == {"link": LINK}
    assert bearers(api) == [f"Bearer {name}" for name in tokens()[:2]]
    with pytest.raises(AccessDenied):
        submitted(client)
    assert bearers(api)[2:] == [f"Bearer {name}" for name in tokens()[1:]]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, AccessDenied, "client_id and client_secret.*invalid_client"),
        (401, AccessDenied, "client_id and client_secret.*invalid_client"),
        (403, AccessDenied, "client_id and client_secret.*invalid_client"),
        pytest.param(405, CallRejected, "HTTP 405", id="another refusal is not the credentials' fault"),
    ],
)
def test_refused_credentials_name_their_settings(client, api, status, error, said):
    api.post(TOKEN_URL, json={"error": "invalid_client", "sent": SECRET}, status_code=status)
    with pytest.raises(CallRejected, match=said) as caught:
        submitted(client)
    assert (type(caught.value), caught.value.status) == (error, status)
    assert not sent(api, "/api/v1/report")
    [check] = client.check()
    assert (check.ok, caught.value.remedy in check.detail) == (False, True)
    assert SECRET not in f"{caught.value} {check.detail}"


def test_a_token_call_without_a_connection_is_repeated_and_then_not_for_each_submission(client, api, clock):
    api.post(TOKEN_URL, exc=requests.ConnectTimeout)
    with pytest.raises(NotSent) as caught:
        submitted(client)
    assert len(clock.slept) == 2
    assert not caught.value.is_worth_repeating


def test_the_hour_of_a_report_begins_when_it_is_requested_not_when_its_token_is(client, api, clock):
    late = {"status_code": 503, "headers": {"Retry-After": "300"}}
    api.post(TOKEN_URL, [late, {"json": {"accessToken": TOKEN}}])
    assert submitted(client).submitted_at == clock.now() > NOON


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


def test_many_threads_share_one_token_call_and_one_renewal(client, api):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submitted, [client] * 8))
    assert (len(bearers(api)), len(sent(api, "/auth/v1/token"))) == (8, 1)
    first = client._access_token()
    assert client._access_token(refused=first) == client._access_token(refused=first)
    assert len(sent(api, "/auth/v1/token")) == 2


# --- the link -----------------------------------------------------------------------------------------


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
    assert said in polled.message
    assert "f00dfeed" not in polled.message
    assert api.call_count == calls + bool(answer)
    assert not answer or "Authorization" not in api.last_request.headers


def test_a_broken_poll_is_repeated_and_one_that_stays_broken_is_no_failed_job(client, api, clock):
    job = submitted(client)
    api.get(LINK_PATH, [{"status_code": 503, "headers": {"Retry-After": "7"}}, {"text": "Date\n"}])
    assert client.poll(job).status is JobStatus.SUCCEEDED
    assert clock.slept == [7]
    broken = api.get(LINK_PATH, status_code=500)
    with pytest.raises(CallBroken):
        client.poll(job)
    assert broken.call_count == 3


@pytest.mark.usefixtures("api")
def test_download_is_the_link_shown_nowhere_even_where_it_is_from_the_ledger(client):
    job = submitted(client)
    [download] = client.downloads(job)
    assert (download.url, download.authenticated) == (LINK, False)
    for shown in (repr(job), repr(download), redaction.redact(LINK)):
        assert "f00dfeed" not in shown
    query = "X-Amz-Signature=fromtheledger"
    client.downloads(replace(job, handle={"link": f"{LINK_PATH}?{query}"}))
    assert query not in redaction.redact(f"GET with {query}")
    for use in (client.poll, client.downloads):
        with pytest.raises(JobUnknown, match=r"0c1d\.csv.*job ledger"):
            use(replace(job, handle={}))


def test_check_asks_for_a_token_and_submits_nothing(client, api):
    [check] = client.check()
    assert (check.ok, check.detail) == (True, "client_id c1ient gets an access token")
    assert [urlsplit(call.url).path for call in api.request_history] == ["/auth/v1/token"]
