"""Digital Turbine: a link that fills and expires, its download, and `--test`."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from digital_turbine_account import LINK, LINK_PATH, TOKEN_URL, submitted

from tap_reports import redaction
from tap_reports.exceptions import AccessDenied, CallBroken, JobUnknown
from tap_reports.models import JobStatus

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
