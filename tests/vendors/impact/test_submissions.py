"""impact.com: submissions, their refusals, and no secret in any of them."""

from __future__ import annotations

import pytest
from impact_account import BASE, EXPORT, NOW, QUEUED, SID, client_of, request_of

from tap_reports.exceptions import (
    CallRefused,
    QuotaSpent,
)
from tap_reports.models import JobStatus


@pytest.mark.parametrize(
    "answer",
    [
        QUEUED,
        {"Status": "QUEUED", "QueuedUri": f"{BASE}/Mediapartners/{SID}/Jobs/j-1"},
        {"Status": "QUEUED", "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1/?x=1"},
        {"Status": "RUNNING", "ResultUri": f"/Mediapartners/{SID}/Jobs/j-1/Download"},
        {"Status": "COMPLETED", "QueuedUri": "/elsewhere/j-1"},
        {"Status": "ERROR", "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1"},
        {"Id": "j-1", "Status": "QUEUED"},
    ],
)
def test_a_submission_s_job_is_found_in_its_links_and_is_to_be_polled(
    requests_mock, client, request_, answer
):
    requests_mock.get(EXPORT, json=answer)
    job = client.submit(request_, refresh=True)
    assert (job.id, job.status, job.submitted_at) == ("j-1", JobStatus.PENDING, NOW)
    assert (job.word, job.handle, requests_mock.call_count) == (answer["Status"], {}, 1)


@pytest.mark.parametrize(
    ("account_type", "prefix"),
    [("brand", "Advertisers"), ("partner", "Mediapartners"), ("agency", "Agencies")],
)
def test_each_account_type_submits_to_its_own_path(requests_mock, account_type, prefix):
    requests_mock.get(f"{BASE}/{prefix}/{SID}/ReportExport/x", json=QUEUED)
    client = client_of([{"id": "x"}], account_type=account_type)
    assert client.submit(request_of(client)).id == "j-1"


UNTIL = "spent until 2026-03-02 14:30 UTC"
SPENT, LEFT = {"X-RateLimit-Remaining": "0"}, {"X-RateLimit-Remaining": "812"}


@pytest.mark.parametrize(
    ("headers", "answer", "said"),
    [
        ({**SPENT, "X-RateLimit-Reset": "36000"}, "", UNTIL),
        ({**SPENT, "X-RateLimit-Reset": str(int(NOW.timestamp()) + 36000)}, "", UNTIL),
        ({"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "36000"}, "", UNTIL),
        ({"Retry-After": "36000"}, "", UNTIL),
        ({**LEFT, "X-RateLimit-Reset": "900"}, "Rate limit exceeded", "is spent"),
        ({"X-RateLimit-Remaining-hour": "812", "Retry-After": "600"}, "Rate limit exceeded", "is spent"),
        ({}, "Daily limit of 100 requests exceeded", "is spent"),
        ({}, "", None),
        ({"Retry-After": "30"}, "", None),
        ({"X-RateLimit-Reset": "900"}, "", None),
        ({**SPENT, "X-RateLimit-Reset": "3500"}, "", None),
        ({"X-RateLimit-Remaining-hour": "0", "RateLimit-Reset": "3500", "Retry-After": "3500"}, "", None),
    ],
)
def test_a_refusal_is_the_day_s_quota_if_it_is_long_or_the_hour_has_calls_left_and_else_waited_for(
    requests_mock, client, request_, headers, answer, said
):
    requests_mock.get(EXPORT, status_code=429, headers=headers, json={"Message": answer})
    with pytest.raises(QuotaSpent if said else CallRefused, match=said) as caught:
        client.submit(request_)
    assert ('"reports_per_day"' if said else '"calls_per_hour"') in caught.value.remedy
