"""Digital Turbine: the token, its life and its refusals."""

from __future__ import annotations

import threading

import pytest
import requests
from digital_turbine_account import LINK, REPORT_URL, SECRET, TOKEN, TOKEN_URL, sent, submitted, tokens

from tap_reports import redaction
from tap_reports.exceptions import AccessDenied, CallRejected, NotSent


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


HOUR = ['"3600"', "NaN", "Infinity", "null", "true", "-1", "0", '"soon"', '""', "[]", "{}", "1e300"]


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
