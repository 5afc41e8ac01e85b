"""Against a real server: what is refused, a full disk, and a stop."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest
from download_server import BODY, DEADLINE, LINK_QUERY, Handler, status, whole

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRejected,
    FileError,
    LinkExpired,
    Stopped,
)


def test_a_busy_server_is_asked_again_when_it_says(server, get, clock):
    server.script = [status(503, Retry_After="1800"), status(429), whole()]
    assert get() == BODY
    assert clock.slept[0] == 1800
    assert clock.slept[1] <= 2.5


@pytest.mark.parametrize("waits", [["86400"], ["1800", "1801"]])
def test_no_download_waits_longer_than_its_job_may(waits, server, get, clock):
    server.script = [*(status(503, Retry_After=seconds) for seconds in waits), whole()]
    with pytest.raises(CallBroken, match=f"asks to wait {waits[-1]} s"):
        get()
    assert sum(clock.slept) <= DEADLINE


def test_a_server_that_stays_busy_ends_the_download_with_what_it_said(server, get, left):
    server.script = [status(500, b"the disk is on fire")]
    with pytest.raises(CallBroken, match="the disk is on fire") as caught:
        get("/file" + LINK_QUERY)
    assert caught.value.status == 500
    assert "do-not-show" not in str(caught.value)
    assert left() == []


@pytest.mark.parametrize("length", [str(len(BODY)), None], ids=["by its length", "as it comes"])
def test_a_file_larger_than_max_file_gib_is_refused(length, server, get, left):
    server.script = [whole(Content_Length=length)]
    with pytest.raises(FileError, match="the report file is larger than"):
        get(largest=len(BODY) - 1)
    assert left() == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        *((status(code), LinkExpired) for code in (401, 403, 404, 410)),
        pytest.param(status(400, b"<Code>ExpiredToken</Code>"), LinkExpired, id="as Google says it"),
        (status(400, b"<Code>Else</Code>"), CallRejected),
    ],
)
def test_a_link_that_has_gone_has_expired(answer, error, server, get, left):
    server.script = [answer]
    with pytest.raises(error):
        get()
    assert len(server.requests) == 1
    assert left() == []


@pytest.mark.parametrize(
    ("code", "error"), [(401, AccessDenied), (403, AccessDenied), (404, CallRejected), (204, BadAnswer)]
)
def test_what_the_api_refuses_is_not_asked_again(code, error, server, get, left):
    server.script = [status(code)]
    with pytest.raises(error, match=r"GET /reports/7/download: "):
        get("/reports/7/download?key=do-not-show", authenticated=True)
    assert len(server.requests) == 1
    assert left() == []


def test_a_file_that_is_not_ready_is_asked_for_again(server, get):
    server.script = [status(202, Retry_After="7"), whole()]
    assert get(authenticated=True) == BODY


def test_a_server_that_does_not_answer_is_asked_as_often_as_the_policy_says(get, clock, left):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
    with pytest.raises(CallBroken):
        get(url)
    assert len(clock.slept) == 2
    assert left() == []


def test_an_api_that_hangs_up_is_asked_as_often_as_the_policy_says(server, get):
    """Its session repeats calls itself: no retries upon retries."""
    server.script = [Handler.hang_up]
    with pytest.raises(CallBroken):
        get(authenticated=True)
    assert len(server.requests) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_names_the_folder_and_what_to_do(server, get, tmp_path, left):
    (tmp_path / "job-0").symlink_to("/dev/full")
    server.script = [whole()]
    with pytest.raises(FileError, match="there is no room") as caught:
        get()
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)
    assert "TMPDIR" in caught.value.remedy
    assert len(server.requests) == 1
    assert left() == []


def test_a_folder_that_has_gone_is_said(server, get, tmp_path):
    tmp_path.rmdir()
    server.script = [whole()]
    with pytest.raises(FileError, match="can't be written"):
        get()
    tmp_path.mkdir()


@pytest.mark.parametrize(
    ("answer", "looks"),
    [
        pytest.param(whole(), [False, False], id="a transfer between two chunks"),
        pytest.param(status(503), [False], id="the waiting for another attempt"),
    ],
)
def test_a_stop_ends_and_leaves_nothing_of(answer, looks, server, get, clock, left):
    server.script, answers = [answer], iter(looks)
    with pytest.raises(Stopped):
        get(stopping=lambda: next(answers, True))
    assert len(server.requests) == 1
    assert clock.slept == []
    assert left() == []
