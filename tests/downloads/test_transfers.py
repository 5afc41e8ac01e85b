"""Against a real server: files that come whole, or in parts."""

from __future__ import annotations

import gzip

import pytest
from download_server import BODY, ETAG, HALF, LINK_QUERY, cut, ranged, reset, send, status, whole

from tap_reports.exceptions import CallBroken


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
    ("broken", "then", "body", "if_range"),
    [
        pytest.param(cut(ETag='W/"v1"', Last_Modified=DATE), ranged(etag=DATE), BODY, DATE, id="by its date"),
        pytest.param(cut(), whole(), BODY, None, id="whole without a version"),
        pytest.param(
            cut(ETag=ETAG, Accept_Ranges="none"), whole(), BODY, None, id="whole from a server without parts"
        ),
        pytest.param(cut(ETag='W/"v1"'), whole(), BODY, None, id="whole with a weak etag"),
        pytest.param(cut(ETag=ETAG), whole(), BODY, ETAG, id="whole from a server that ignores ranges"),
        pytest.param(
            cut(ETag=ETAG), ranged(CHANGED, etag='"v2"'), CHANGED, ETAG, id="whole if it has changed"
        ),
    ],
)
def test_a_broken_file_is_asked_for_again(server, get, broken, then, body, if_range):
    server.script = [broken, then]
    assert get() == body
    assert server.requests[1].headers["If-Range"] == if_range
    assert ("Range" in server.requests[1].headers) == bool(if_range)


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
    """Pieces of 3/5 MiB each: two retries are too few, but each MiB resets their count."""

    def piece(handler):
        first = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": ETAG, "Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}
        part = BODY[first : first + (1 << 20) * 3 // 5]
        send(handler, 206 if first else 200, part, headers, length=len(BODY) - first)

    server.script = [piece]
    assert get() == BODY
    assert len(server.requests) == 6
