"""Second Nature: tickets, links, pace and `--test`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from second_nature_account import (
    API,
    KEY,
    LINK,
    LIST_URL,
    STATUS_URL,
    complete,
    connect,
    submitted,
)

from tap_reports import redaction
from tap_reports.exceptions import BadAnswer, LinkExpired
from tap_reports.models import JobStatus


@pytest.mark.parametrize(
    ("report_url", "files"),
    [
        (LINK, [(LINK, None)]),
        ([LINK, f"{LINK}2"], [(LINK, None), (f"{LINK}2", None)]),
        (
            [{"sheet_name": "Quiz 1", "url": LINK}, {"sheet_name": "", "url": f"{LINK}2"}],
            [(LINK, "Quiz 1"), (f"{LINK}2", "")],
        ),
        ([{"url": LINK}], [(LINK, None)]),
        (
            [{"sheet_name": "S", "url": LINK}, {"sheet_name": "S", "url": f"{LINK}2"}],
            [(LINK, "S"), (f"{LINK}2", "S_2")],
        ),
    ],
)
def test_a_complete_ticket_has_a_file_or_one_for_each_sheet(client, api, report_url, files):
    job = complete(client, api, report_url)
    assert job.status is JobStatus.SUCCEEDED
    downloads = client.downloads(job)
    assert [(download.url, download.sheet) for download in downloads] == files
    assert not any(download.authenticated for download in downloads)


@pytest.mark.parametrize("report_url", [None, "", [], [None], [{"sheet_name": "a"}], [LINK, ""], 5])
def test_complete_without_a_link_is_a_bad_answer(client, api, report_url):
    with pytest.raises(BadAnswer, match="status is complete, but report_url is missing"):
        complete(client, api, report_url)


@pytest.mark.parametrize(
    ("link", "url", "authenticated"),
    [
        ("https://app.secondnature.ai/media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
        ("http://app.secondnature.ai/r.xlsx", "http://app.secondnature.ai/r.xlsx", False),
        ("/media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
        ("media/r.xlsx", "https://app.secondnature.ai/media/r.xlsx", True),
    ],
)
def test_a_link_at_the_api_s_own_origin_is_fetched_with_the_key(client, api, link, url, authenticated):
    [download] = client.downloads(complete(client, api, link))
    assert (download.url, download.authenticated) == (url, authenticated)


def test_each_poll_brings_the_ticket_s_link_and_without_one_it_has_expired(client, api):
    job = complete(client, api, LINK)
    api.get(STATUS_URL, json={"status": "complete", "report_url": "https://files.example.com/new?s=1"})
    again = client.poll(job)
    assert [download.url for download in client.downloads(again)] == ["https://files.example.com/new?s=1"]
    with pytest.raises(LinkExpired, match="t-1"):
        client.downloads(replace(job, links={}))


def test_a_failed_ticket_says_why(client, api):
    api.get(STATUS_URL, json={"status": "failed", "error": "worker died"})
    assert client.poll(submitted(client)).message == "worker died"


def test_links_are_shown_nowhere_and_are_no_handle_which_the_ledger_keeps(client, api):
    query = "Signature=only-in-this-test"
    job = complete(client, api, f"https://files.example.com/r.csv?{query}")
    shown = [repr(job), repr(client.downloads(job)), redaction.redact(f"GET with {query}")]
    assert not [text for text in shown if "only-in-this-test" in text]
    assert job.handle == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"requests_per_minute": 3}, [0, 0, 60, 60, 60, 120]), pytest.param({}, [0] * 30, id="without a limit")],
)
def test_calls_of_all_tickets_keep_to_the_minute(clock, api, values, expected):
    client = connect(clock, **values)
    job, times = submitted(client), []
    for _ in expected:
        client.poll(job)
        times.append(clock.monotonic())
    assert times == pytest.approx(expected, abs=0.1)
    assert api.call_count == 1 + len(expected)


def test_check_lists_the_reports_and_submits_nothing(client, api):
    [check] = client.check()
    assert (check.ok, check.detail) == (True, "2 reports are available")
    assert [(call.method, call.url) for call in api.request_history] == [("GET", LIST_URL)]


@pytest.mark.parametrize(
    ("status", "ok", "said"), [(200, True, "list_path"), (401, False, "/course-status/")]
)
def test_check_falls_back_to_a_call_that_any_key_may_make(client, api, status, ok, said):
    api.get(LIST_URL, status_code=404)
    api.get(f"{API}/course-status/", json=[], status_code=status)
    [check] = client.check()
    assert check.ok is ok
    assert said in check.detail


@pytest.mark.parametrize(("status", "said"), [(401, "api_key"), (403, "not an Admin")])
def test_check_says_what_is_wrong_with_the_key(client, api, status, said):
    api.get(LIST_URL, status_code=status, text=KEY)
    [check] = client.check()
    assert not check.ok
    assert said in check.detail
    assert KEY not in check.detail
    assert api.call_count == 1
