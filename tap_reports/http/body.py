"""The body of an answer: read as it comes, or whole, within bounds."""

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
"""Of an API's answer, unpacked. The largest that the vendors are known to send is some 100 KiB."""
MAX_ERROR_BYTES = 1 << 16
"""As much of an answer that is an error is read, to be shown."""
PIECE_BYTES = 1 << 16
CALL_ERRORS = (OSError, ValueError, HTTPError, http.client.HTTPException)
"""What a call may raise; requests' own errors are OSErrors."""


def pieces(response: requests.Response, size: int = PIECE_BYTES, *, decode: bool = True) -> Iterator[bytes]:
    """Yield the body of an answer as it comes, each piece within the session's timeout.

    Args:
        response: From `HttpSession.open`.
        size: Most bytes of a piece.
        decode: Undo the Content-Encoding.

    Raises:
        OSError, urllib3.exceptions.HTTPError: The connection broke.
        Stopped: The run ends.
    """
    watch: Watch | None = getattr(response, "watch", None)
    copy: FileCopy | None = getattr(response, "copy", None)
    is_whole = False
    try:
        # read1 hands out what is here; read would lose up to a piece of it when the connection breaks.
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
    """Read the body into the answer, where requests looks for it."""
    is_error = response.status_code >= 300
    most = MAX_ERROR_BYTES if is_error else MAX_ANSWER_BYTES
    body, size = [], 0
    try:
        for piece in pieces(response):
            body.append(piece)
            size += len(piece)
            if size > most:
                break
    except CALL_ERRORS:
        if not is_error:
            raise
    watch.raise_if_ended()
    if size > most and not is_error:
        raise _TooLarge(what, f"more than {most >> 20} MiB came", status=response.status_code)
    response._content = b"".join(body)[:most]  # noqa: SLF001  (requests has no other way in)
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001


class _TooLarge(BadAnswer):
    """The answer is larger than any that the API documents."""
