from __future__ import annotations

import email.utils

import pytest
import requests

from tap_reports.sandbox import Switch


def link(client):
    return client.similarweb_status(client.similarweb().json()["report_id"])["download_url"]


def read_into(got, answer):
    for piece in answer.iter_content(64):
        got.extend(piece)


def test_a_status_hits_the_nth_and_as_many_after_it(client):
    client.sandbox.faults.add(
        "status", vendor="impact", kind="list", nth=2, times=2, status=503, retry_after=7
    )
    answers = [client.impact("Reports") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"


def test_a_fault_hits_only_its_vendor_and_kind(client):
    client.sandbox.faults.add("status", vendor="impact", kind="submit", times=0)
    assert client.similarweb().status_code == 200
    assert client.impact("Reports").status_code == 200
    assert [client.impact("ReportExport/4222").status_code for _ in range(3)] == [500, 500, 500]
    assert client.sandbox.submissions("impact").accepted == 0


def test_retry_after_can_be_a_date(client):
    client.sandbox.faults.add("status", status=429, retry_after="date", body="slow down")
    answer = client.impact("Reports")
    assert email.utils.parsedate_to_datetime(answer.headers["Retry-After"]).year == 2026
    assert answer.text == "slow down"


def test_a_truncated_file_is_shorter_than_its_length_and_resumes(client):
    url = link(client)
    whole = client.http.get(url).content
    client.sandbox.faults.add("truncated", kind="download", keep=0.5)
    got = bytearray()
    with client.http.get(url, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) == len(whole)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            read_into(got, answer)
    assert 0 < len(got) < len(whole)
    rest = client.http.get(url, headers={"Range": f"bytes={len(got)}-", "If-Range": answer.headers["ETag"]})
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {len(got)}-{len(whole) - 1}/{len(whole)}"
    assert bytes(got) + rest.content == whole


def test_a_script_ends_a_job_before_its_time(start):
    client = start(delay=1000)
    client.sandbox.faults.add("statuses", kind="poll", words=["COMPLETED"])
    export = client.export()
    assert client.impact_file(export).status_code == 202
    assert client.impact(export["QueuedUri"].split("/", 3)[3]).json()["Status"] == "COMPLETED"
    assert client.impact_file(export).status_code == 200


def test_without_ranges_the_whole_file_comes(start):
    client = start(switches=frozenset({Switch.NO_RANGE}))
    assert client.http.get(link(client), headers={"Range": "bytes=5-"}).status_code == 200


def test_an_unknown_fault_is_refused(client):
    for bad in ({"action": "melt"}, {"action": "status", "colour": "red"}, {"vendor": "impact"}, 7):
        with pytest.raises(ValueError, match="fault"):
            client.sandbox.faults.add_json(bad)
