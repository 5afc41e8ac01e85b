"""The vendors' calls over real HTTP: which jobs they have polled."""

from __future__ import annotations

import json

import pytest
from postback_office import IDS, OTHER, SECRET, connected, task_of

from tap_reports.jobs.task import Stage
from tap_reports.postbacks import server as listener
from tap_reports.postbacks.postbacks import MAX_EARLY
from tap_reports.postbacks.server import Count


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/{SECRET}/impact?JobId={IDS[0]}", None),
        (f"/{SECRET}/impact?a=1&whatever%20it%20is={IDS[0]}&b=2", None),
        (f"/{SECRET}/impact?JobId={IDS[0].upper()}", None),
        (f"/{SECRET}/impact/{IDS[0]}", None),
        (f"/{SECRET}/{IDS[0]}", None),
        (f"/{SECRET}?id={IDS[0]}", None),
        (f"/{SECRET}/impact?link=https%3A%2F%2Fapi.example.com%2FJobs%2F{IDS[0]}%2FDownload", None),
        (f"/{SECRET}/impact", f"JobId={IDS[0]}&Status=COMPLETED"),
        (f"/{SECRET}/impact", json.dumps({"JobId": IDS[0], "Status": "COMPLETED"})),
        (f"/{SECRET}/impact", json.dumps({"data": [{"x": 1}, {"job": {"ref": IDS[0]}}]})),
        (f"/{SECRET}/impact", json.dumps([f"job {IDS[0]} is done"])),
        (f"/{SECRET}/impact", json.dumps(IDS[0])),
        (f"/{SECRET}/impact", f"<Postback><Job id='{IDS[0]}'/></Postback>"),
        (f"/{SECRET}/impact", f'{{"JobId": "{IDS[0]}", broken'),
    ],
)
def test_a_job_id_is_found_wherever_it_stands(office, path, body):
    assert office.call(path, "POST" if body else "GET", body) == 204
    assert office.woken == [IDS[0]]
    assert office.counts == {Count.RECEIVED: 1, Count.WOKE: 1}


def test_numbers_are_ids_too_and_any_method_is_good(office):
    office.tasks.append(task_of("impact", "1234567"))
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "NOTIFY"):
        office.call(f"/{SECRET}/impact", method, json.dumps({"job": {"number": 1234567}}))
    for method in ("GET", "HEAD"):
        office.call(f"/{SECRET}/impact?JobId=1234567", method)
    assert office.woken == ["1234567"] * 8


def test_a_body_may_come_in_chunks(office):
    pieces = iter([b'{"report_id": "', IDS[2].encode(), b'"}'])
    assert office.call(f"/{SECRET}/similarweb", "POST", pieces, {"Transfer-Encoding": "chunked"}) == 204
    assert office.woken == [IDS[2]]


def test_a_body_may_wait_for_a_go_ahead(office):
    body = f"JobId={IDS[0]}".encode()
    with connected(office.port) as client:
        head = f"POST /{SECRET}/impact HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert office.woken == [IDS[0]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/{SECRET}/impact", None),
        (f"/{SECRET}/impact/", None),
        (f"/{SECRET}/impact?JobId=", None),
        (f"/{SECRET}/impact?JobId=%7BJobId%7D", None),
        (f"/{SECRET}/impact?Status=COMPLETED&CampaignId=1000&date=2026-03-20", None),
        (f"/{SECRET}/impact", json.dumps({"event_type": "done", "payload": "The report is ready!"})),
        (f"/{SECRET}/impact", json.dumps({"event": None, "parts": []})),
        (f"/{SECRET}/impact", "[" * 50_000),
        (f"/{SECRET}/impact", "1" * 50_000),
        (f"/{SECRET}/impact", b"\xff\xfe\x00\x01"),
    ],
)
def test_a_call_that_names_no_job_is_for_all_of_its_vendor(office, path, body):
    assert office.call(path, "POST" if body else "GET", body) == 204
    assert office.woken == [IDS[0], IDS[1]]


def test_a_call_that_names_no_vendor_either_is_for_all_vendors_that_call(office):
    office.call(f"/{SECRET}")
    assert office.woken == [IDS[0], IDS[1], IDS[2]]


@pytest.mark.parametrize(
    "values",
    [f"x={OTHER}", f"link=https://example.com/{OTHER}/x", "JobId=nonsense", "report_id=77", f"x={IDS[2]}"],
)
def test_a_call_for_a_job_that_is_not_known_is_only_counted(office, values):
    assert office.call(f"/{SECRET}/impact?{values}") == 204
    assert office.woken == []
    assert office.counts == {Count.RECEIVED: 1, Count.UNKNOWN_JOB: 1}


def test_a_late_call_is_only_counted(office):
    for stage in (Stage.DOWNLOADING, Stage.READY, Stage.DONE, Stage.FAILED):
        office.tasks[0].timeline.enter(stage)
        assert office.call(f"/{SECRET}/impact?JobId={IDS[0]}") == 204
    assert office.woken == []
    assert office.counts == {Count.RECEIVED: 4, Count.LATE: 4}


@pytest.mark.parametrize("stage", [Stage.SUBMITTING, pytest.param(None, id="before it is answered")])
def test_a_call_may_come_while_the_submission_is_noted(office, stage):
    early = office.tasks.pop(0)
    if stage:
        early.timeline.enter(stage)
        office.tasks.append(early)
    assert office.call(f"/{SECRET}/impact?any={IDS[0]}") == 204
    assert office.woken == []
    if stage:
        early.timeline.enter(Stage.RUNNING)
    else:
        office.tasks.append(early)
    for _ in range(2):
        office.postbacks.note_job(early)
    assert office.woken == [IDS[0]]


def test_a_job_that_nobody_called_for_is_not_woken_when_it_becomes_known(office):
    office.postbacks.note_job(office.tasks[0])
    assert office.woken == []


def test_forged_ids_do_not_pile_up(office):
    forged = json.dumps([f"{n:08x}{OTHER[8:]}" for n in range(1300)])
    assert len(forged) < listener.MAX_BODY
    office.call(f"/{SECRET}/impact", "POST", forged)
    assert len(office.postbacks._early) == MAX_EARLY
