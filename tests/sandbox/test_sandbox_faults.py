from __future__ import annotations

import email.utils
import gzip
import zipfile
import zlib
from io import BytesIO

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


@pytest.mark.parametrize(("action", "jobs"), [("reset", 0), ("lost_answer", 1)])
def test_a_broken_connection_has_or_has_not_made_the_job(client, action, jobs):
    client.sandbox.faults.add(action, kind="submit")
    with pytest.raises(requests.ConnectionError):
        client.similarweb()
    counts = client.sandbox.submissions("similarweb")
    assert (counts.calls, counts.accepted, counts.jobs) == (1, jobs, jobs)
    assert client.sandbox.calls[0].status == 0
    assert client.similarweb().status_code == 200


def test_a_hanging_call_is_answered_at_last(client):
    client.sandbox.faults.add("hang", kind="list", seconds=0.03)
    with pytest.raises(requests.Timeout):
        client.http.get(
            f"{client.sandbox.url}/Agencies/{client.accounts.impact_sid}/Reports",
            auth=client.basic,
            timeout=0.005,
        )
    assert client.impact("Reports").status_code == 200


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


@pytest.mark.parametrize(("asked", "status"), [("bytes=5-9", 206), ("bytes=999999-", 416), ("lines=1", 200)])
def test_ranges(client, asked, status):
    url = link(client)
    whole = client.http.get(url).content
    answer = client.http.get(url, headers={"Range": asked})
    assert answer.status_code == status
    assert answer.content == {206: whole[5:10], 416: b"", 200: whole}[status]


def test_a_head_call_gives_the_length_and_no_body(client):
    url = link(client)
    answer = client.http.head(url)
    assert answer.content == b""
    assert int(answer.headers["Content-Length"]) == len(client.http.get(url).content)


def test_a_changed_file_is_not_resumed(client):
    answer = client.http.get(link(client), headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert answer.status_code == 200


def test_corrupt_gzip_is_seen_by_any_reader(client):
    client.sandbox.faults.add("corrupt_gzip", kind="download")
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(client.http.get(link(client)).content)


@pytest.mark.parametrize(
    ("action", "kind", "content"),
    [
        ("html", "download", b"<!DOCTYPE html>"),
        ("garbage", "poll", b'{"status": "comp'),
        ("empty_file", "download", b""),
        ("wrong_content", "download", b'{"Status":"ERROR"'),
    ],
)
def test_what_comes_instead_comes_with_200(client, action, kind, content):
    report = client.similarweb().json()["report_id"]
    url = client.similarweb_status(report)["download_url"]
    client.sandbox.faults.add(action, kind=kind)
    status = f"{client.sandbox.url}/v3/batch/request-status/{report}"
    answer = client.http.get(url if kind == "download" else status, headers=client.key)
    assert answer.status_code == 200
    assert answer.content[: len(content)] == content
    assert bool(answer.content) is bool(content)


def test_a_header_can_stand_alone(client):
    client.sandbox.faults.add("header_only", kind="download")
    assert (
        client.http.get(link(client)).text == "domain,country,yearmonth,desktop_visits,category,global_rank\n"
    )


def test_a_script_steps_through_unknown_words(client):
    client.sandbox.faults.add(
        "statuses", vendor="similarweb", kind="submit", words=["pending", "???", "completed"]
    )
    report = client.similarweb().json()["report_id"]
    answers = [client.similarweb_status(report) for _ in range(3)]
    assert [answer["status"] for answer in answers] == ["pending", "???", "completed"]
    assert "download_url" in answers[2]


def test_a_script_is_given_to_a_job_once(client):
    client.sandbox.faults.add("statuses", kind="poll", times=0, words=["retry"])
    for _ in range(2):
        report = client.similarweb().json()["report_id"]
        assert [client.similarweb_status(report)["status"] for _ in range(2)] == ["retry", "completed"]


def test_a_script_ends_a_job_before_its_time(start):
    client = start(delay=1000)
    client.sandbox.faults.add("statuses", kind="poll", words=["COMPLETED"])
    export = client.export()
    assert client.impact_file(export).status_code == 202
    assert client.impact(export["QueuedUri"].split("/", 3)[3]).json()["Status"] == "COMPLETED"
    assert client.impact_file(export).status_code == 200


def test_a_finished_job_may_lack_its_link(client):
    client.sandbox.faults.add("no_link", kind="poll")
    report = client.similarweb().json()["report_id"]
    assert "download_url" not in client.similarweb_status(report)
    assert "download_url" in client.similarweb_status(report)


def test_a_link_may_expire_between_poll_and_download(client):
    url = link(client)
    client.sandbox.faults.add("expired_link", kind="download")
    assert client.http.get(url).status_code == 403
    assert client.http.get(url).status_code == 200


def test_a_slow_body_is_whole(client):
    url = link(client)
    whole = client.http.get(url).content
    client.sandbox.faults.add("slow", kind="download", seconds=0.01)
    assert client.http.get(url).content == whole


def test_files_can_be_packed(start):
    plain = start()
    content = plain.http.get(link(plain)).content
    packed = start(switches=frozenset({Switch.GZIP}))
    assert gzip.decompress(packed.http.get(link(packed)).content) == content
    zipped = start(switches=frozenset({Switch.ZIP}))
    with zipfile.ZipFile(BytesIO(zipped.http.get(link(zipped)).content)) as package:
        assert package.read(package.namelist()[0]) == content


def test_without_ranges_the_whole_file_comes(start):
    client = start(switches=frozenset({Switch.NO_RANGE}))
    assert client.http.get(link(client), headers={"Range": "bytes=5-"}).status_code == 200


def test_an_unknown_fault_is_refused(client):
    for bad in ({"action": "melt"}, {"action": "status", "colour": "red"}, {"vendor": "impact"}, 7):
        with pytest.raises(ValueError, match="fault"):
            client.sandbox.faults.add_json(bad)
