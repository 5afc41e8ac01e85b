"""Against a real server: everything here is about HTTP."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import gzip
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tap_reports.downloads.fetch_file import fetch
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRejected,
    FileError,
    LinkExpired,
    NotSent,
    Stopped,
)
from tap_reports.http.api import ApiSession
from tap_reports.http.links import DownloadSession
from tap_reports.http.retries import RetryPolicy
from tap_reports.models import Download

BODY = bytes(range(256)) * 4096 * 3  # 3 MiB
HALF = len(BODY) // 2
ETAG = '"v1"'
DEADLINE = 3600.0
LINK_QUERY = "?X-Signature=do-not-show"


class Clock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Server(ThreadingHTTPServer):
    """Answers each request by the next function of `script`; the last one answers all further ones."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = []
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is part of some tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(self)
        script = self.server.script
        answer = script.pop(0) if len(script) > 1 else script[0]
        answer(self)
        self.close_connection = True

    def log_message(self, *_arguments) -> None:
        """Quiet."""

    def hang_up(self) -> None:
        """Reset the connection."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def whole(body=BODY, **headers):
    return lambda handler: send(handler, 200, body, headers)


def send(handler, status, body=b"", headers=None, length=None):
    handler.send_response(status)
    named = {"Connection": "close", "Content-Length": len(body) if length is None else length}
    named |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    for name, value in named.items():
        if value is not None:
            handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def status(code, body=b"", **headers):
    return lambda handler: send(handler, code, body, headers)


def cut(upto=HALF, *, body=BODY, **headers):
    """The first half, then the connection ends in order."""
    return lambda handler: send(handler, 200, body[:upto], headers, length=len(body))


def reset(**headers):
    """The first half, then the connection is reset."""

    def answer(handler):
        send(handler, 200, BODY[:HALF], headers, length=len(BODY))
        handler.hang_up()

    return answer


def ranged(body=BODY, etag=ETAG, **changes):
    """A server that goes on where it is asked to, if the file is still the same."""

    def answer(handler):
        asked = handler.headers.get("Range")
        if not asked or handler.headers.get("If-Range") != etag:
            send(handler, 200, body, {"ETag": etag})
            return
        first = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
        send(handler, 206, body[first:], headers | changes)

    return answer


@contextlib.contextmanager
def running():
    server = Server()
    # A short poll: how long a server takes to end is waited for in every test.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def elsewhere():
    """A server of another origin (another port)."""
    with running() as found:
        yield found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def get(server, clock, tmp_path):
    """Fetch a path of the server, as a link or, authenticated, from the API."""
    policy = RetryPolicy(max_retries=2, backoff_seconds=1, deadline=DEADLINE)
    api = ApiSession(server.url, policy=policy, timeout=5, user_agent="test", clock=clock)
    api.headers["Authorization"] = "Bearer sesame"
    files = DownloadSession(timeout=5, user_agent="test", loopback=True)

    def run(path="/file", *, authenticated=False, stopping=lambda: False) -> bytes:
        url = path if "://" in path else f"{server.url}{path}"
        found, size = fetch(
            Download(url=url, authenticated=authenticated),
            api=api,
            files=files,
            folder=tmp_path,
            policy=policy,
            clock=clock,
            stopping=stopping,
            name="job-0",
        )
        assert found == tmp_path / "job-0"
        body = found.read_bytes()
        assert size == len(body)
        return body

    yield run
    api.close()
    files.close()


@pytest.fixture
def left(tmp_path):
    """Tells what lies in the folder."""
    return lambda: list(tmp_path.iterdir())


# --- whole files --------------------------------------------------------------------------------------


def chunked(handler):
    send(handler, 200, b"", {"Transfer-Encoding": "chunked", "Content-Length": None})
    handler.wfile.write(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")


PACKED = gzip.compress(BODY)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (whole(), BODY),
        pytest.param(whole(b""), b"", id="an empty file is a file"),
        pytest.param(chunked, b"hello!", id="of unknown length"),
        pytest.param(whole(PACKED, Content_Encoding="gzip"), PACKED, id="as it came, whatever its encoding"),
    ],
)
def test_a_file_comes_whole(server, get, answer, body):
    server.script = [answer]
    assert get() == body
    assert "Range" not in server.requests[0].headers
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


# --- broken transfers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [cut(ETag=ETAG), reset(ETag=ETAG)], ids=["cut", "reset"])
def test_a_broken_transfer_goes_on_where_it_stopped(broken, server, get, clock):
    server.script = [broken, ranged()]
    assert get() == BODY
    again = server.requests[1].headers
    assert 0 < int(again["Range"].removeprefix("bytes=").removesuffix("-")) <= HALF
    assert again["If-Range"] == ETAG
    assert len(clock.slept) == 1


DATE = "Sun, 01 Mar 2026 00:00:00 GMT"
CHANGED = b"new" * HALF


@pytest.mark.parametrize(
    ("broken", "then", "body", "asked"),
    [
        pytest.param(cut(ETag='W/"v1"', Last_Modified=DATE), ranged(etag=DATE), BODY, DATE, id="by its date"),
        pytest.param(cut(), whole(), BODY, None, id="all where no version is proved"),
        pytest.param(
            cut(ETag=ETAG, Accept_Ranges="none"), whole(), BODY, None, id="all where no part is sent"
        ),
        pytest.param(cut(ETag='W/"v1"'), whole(), BODY, None, id="all where the etag is weak"),
        pytest.param(cut(ETag=ETAG), whole(), BODY, ETAG, id="all from a server without ranges"),
        pytest.param(
            cut(ETag=ETAG), ranged(CHANGED, etag='"v2"'), CHANGED, ETAG, id="anew if it has changed"
        ),
    ],
)
def test_a_broken_file_is_asked_for_again(server, get, broken, then, body, asked):
    server.script = [broken, then]
    assert get() == body
    assert server.requests[1].headers["If-Range"] == asked
    assert ("Range" in server.requests[1].headers) == bool(asked)


@pytest.mark.parametrize(
    "misfit",
    [
        ranged(Content_Range=f"bytes 7-{len(BODY) - 1}/{len(BODY)}"),
        ranged(Content_Range=f"bytes {HALF}-{len(BODY)}/{len(BODY) + 1}"),
        ranged(Content_Range="pages 1-2/3"),
        ranged(Content_Encoding="gzip"),
        ranged(ETag='"v2"'),
        status(416, Content_Range="bytes */17"),
    ],
    ids=["elsewhere", "longer", "no bytes", "encoded", "of another version", "shorter"],
)
def test_a_part_that_does_not_fit_is_not_appended(misfit, server, get):
    server.script = [cut(ETag=ETAG), misfit, whole()]
    assert get() == BODY
    assert "Range" not in server.requests[2].headers


def test_a_file_that_broke_after_its_last_byte_is_complete(server, get):
    def endless(handler):
        send(handler, 200, b"", {"Transfer-Encoding": "chunked", "Content-Length": None, "ETag": ETAG})
        handler.wfile.write(b"5\r\nhello\r\n")

    server.script = [endless, status(416, Content_Range="bytes */5")]
    assert get() == b"hello"


def test_a_part_that_is_not_the_rest_is_asked_on_from(server, get):
    def some(handler):
        first, last = HALF, HALF + 99
        headers = {"ETag": ETAG, "Content-Range": f"bytes {first}-{last}/{len(BODY)}"}
        send(handler, 206, BODY[first : last + 1], headers)

    server.script = [cut(ETag=ETAG), some, ranged()]
    assert get() == BODY
    assert server.requests[2].headers["Range"] == f"bytes={HALF + 100}-"


def test_a_transfer_that_never_comes_to_its_end_fails_and_leaves_nothing(server, get, clock, left):
    server.script = [cut()]
    with pytest.raises(CallBroken, match=f"broke at {HALF} of {len(BODY)} bytes"):
        get("/file" + LINK_QUERY)
    assert len(server.requests) == 3
    assert len(clock.slept) == 2
    assert left() == []


def test_a_transfer_that_gets_on_may_break_more_often(server, get):
    """Pieces of 3/5 MiB each: two retries would not do, but each MiB renews them."""

    def piece(handler):
        first = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": ETAG, "Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}
        part = BODY[first : first + (1 << 20) * 3 // 5]
        send(handler, 206 if first else 200, part, headers, length=len(BODY) - first)

    server.script = [piece]
    assert get() == BODY
    assert len(server.requests) == 6


# --- refusals -----------------------------------------------------------------------------------------


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


# --- redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("authenticated", [True, False])
def test_credentials_go_along_within_the_api_s_origin_and_not_to_another(
    authenticated, server, elsewhere, get
):
    server.script = [
        status(307, Location="/other"),
        status(302, Location=f"{elsewhere.url}/signed{LINK_QUERY}"),
    ]
    elsewhere.script = [whole()]
    assert get(authenticated=authenticated) == BODY
    sent = "Bearer sesame" if authenticated else None
    assert [(one.path, one.headers["Authorization"]) for one in server.requests] == [
        ("/file", sent),
        ("/other", sent),
    ]
    assert "Authorization" not in elsewhere.requests[0].headers
    assert "Cookie" not in elsewhere.requests[0].headers


def test_a_broken_transfer_behind_a_redirect_goes_on_with_a_new_link(server, elsewhere, get):
    server.script = [
        status(302, Location=f"{elsewhere.url}/signed?n=1"),
        status(302, Location=f"{elsewhere.url}/signed?n=2"),
    ]
    elsewhere.script = [cut(ETag=ETAG), ranged()]
    assert get(authenticated=True) == BODY
    assert elsewhere.requests[1].path == "/signed?n=2"
    assert "Range" in elsewhere.requests[1].headers


def test_an_expired_link_behind_a_redirect_is_renewed_by_the_api(server, elsewhere, get):
    server.script = [status(302, Location=f"{elsewhere.url}/signed")]
    elsewhere.script = [status(403), whole()]
    assert get(authenticated=True) == BODY
    assert len(server.requests) == 2


@pytest.mark.parametrize("authenticated", [True, False])
def test_at_most_five_redirects_are_followed(authenticated, server, get, left):
    server.script = [status(302, Location="/again")]
    with pytest.raises(BadAnswer, match="redirects"):
        get(authenticated=authenticated)
    assert len(server.requests) == 6
    assert left() == []


def test_redirects_of_the_api_and_of_the_link_count_together(server, elsewhere, get):
    server.script = [status(302, Location=f"{elsewhere.url}/signed")]
    elsewhere.script = [status(302, Location="/again")]
    with pytest.raises(BadAnswer, match="redirects"):
        get(authenticated=True)
    assert len(elsewhere.requests) == 5


@pytest.mark.parametrize("target", ["http://files.example.com/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
@pytest.mark.parametrize("authenticated", [True, False])
def test_only_https_or_loopback_is_followed(target, authenticated, server, get, left):
    server.script = [status(302, Location=target)]
    with pytest.raises(BadAnswer, match="neither https nor a loopback address"):
        get(authenticated=authenticated)
    assert left() == []


@pytest.mark.parametrize(
    "target", ["http://[::1", "https://a:b/", "https://a..b/x", f"https://{'a' * 64}.com/x"]
)
@pytest.mark.parametrize("authenticated", [True, False])
def test_an_address_that_can_lead_nowhere_is_not_tried_again(target, authenticated, server, get, clock):
    server.script = [status(302, Location=target)]
    with pytest.raises((BadAnswer, NotSent)):
        get(authenticated=authenticated)
    assert (len(server.requests), clock.slept) == (1, [])
    with pytest.raises((BadAnswer, NotSent)):
        get(target)
    assert clock.slept == []


def test_an_authenticated_download_from_another_origin_is_refused(get, elsewhere):
    elsewhere.script = [whole()]
    with pytest.raises(BadAnswer, match="another origin"):
        get(f"{elsewhere.url}/file", authenticated=True)
    assert elsewhere.requests == []


# --- disk and stop ------------------------------------------------------------------------------------


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
