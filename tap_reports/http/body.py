"""Reads the body of an answer, in pieces or whole, up to a maximum size."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from urllib3.exceptions import HTTPError

from tap_reports.exceptions import BadAnswer

if TYPE_CHECKING:
    import requests

    from tap_reports.http.record import FileCopy
    from tap_reports.http.watch import Watch

MAX_ANSWER_BYTES = 8 << 20
"""Of an API's answer, decompressed. The largest known answer of the vendors has about 100 KiB."""
MAX_ERROR_BYTES = 1 << 16
"""How much of an error's body is read, to be shown."""
PIECE_BYTES = 1 << 16
CALL_ERRORS = (OSError, ValueError, HTTPError, http.client.HTTPException)
"""What a call may raise; requests' own errors are OSErrors."""


def pieces(response: requests.Response, size: int = PIECE_BYTES, *, decode: bool = True) -> Iterator[bytes]:
    """Yield the body of an answer as it comes, each piece within the session's timeout.

    Args:
        response: From `HttpSession.open`.
        size: Maximum bytes of a piece.
        decode: Undo the Content-Encoding.

    Raises:
        OSError, urllib3.exceptions.HTTPError: The connection broke.
        Stopped: The run is stopping.
    """
    watch: Watch | None = getattr(response, "watch", None)
    copy: FileCopy | None = getattr(response, "copy", None)
    is_whole = False
    try:
        # read1 returns what has arrived; read would lose up to a piece of it when the connection breaks.
        while piece := response.raw.read1(size, decode_content=decode):
            if copy:
                copy.add(piece)
            yield cast("bytes", piece)
        is_whole = True
    except CALL_ERRORS:
        if watch:
            watch.raise_if_ended()
        raise
    finally:
        if copy:
            copy.close(whole=is_whole)
    if watch:
        watch.raise_if_ended()


def read(response: requests.Response, watch: Watch, what: str) -> None:
    """Read the body into the answer, where requests expects it."""
    is_error = response.status_code >= 300
    max_bytes = MAX_ERROR_BYTES if is_error else MAX_ANSWER_BYTES
    body, size = [], 0
    try:
        for piece in pieces(response):
            body.append(piece)
            size += len(piece)
            if size > max_bytes:
                break
    except CALL_ERRORS:
        if not is_error:
            raise
    watch.raise_if_ended()
    if size > max_bytes and not is_error:
        raise _TooLarge(what, f"more than {max_bytes >> 20} MiB came", status=response.status_code)
    response._content = b"".join(body)[:max_bytes]  # noqa: SLF001  (requests has no other way in)
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001


class _TooLarge(BadAnswer):
    """The answer is larger than any that the API documents."""
