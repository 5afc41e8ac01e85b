"""Signed links: read without credentials, and never shown."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice

import requests
import urllib3

from tap_reports.exceptions import BadAnswer, CallBroken, CallRejected, LinkExpired
from tap_reports.http.body import CALL_ERRORS, PIECE_BYTES, pieces
from tap_reports.http.origin import BadUrl, joined, safe_origin
from tap_reports.http.responses import body_excerpt, exception_text, may_succeed_later, retry_after
from tap_reports.http.session import REDIRECTS, HttpSession
from tap_reports.redaction import add_link

LINK = "GET download link"
MAX_FILE_BYTES = 100 << 30
MAX_LOOKED_AT_PIECES = 32
"""How many pieces of a body are checked for content. A body that sends only blanks is checked again later."""
MAX_KEPT_FILES = 256
"""The newest files of at most `PIECE_BYTES` are kept in memory: 16 MiB."""


class DownloadSession:
    """Reads signed links, without credentials.

    Args:
        timeout: Seconds, for connecting and for each read.
        user_agent: Header value.
        loopback: Whether a link may lead to this machine: only if the API is on it as well.
        largest: Maximum bytes of a file (`max_file_gib`).
    """

    def __init__(
        self, *, timeout: float, user_agent: str, loopback: bool, largest: int = MAX_FILE_BYTES
    ) -> None:
        self.largest = largest
        self.timeout = timeout
        self._loopback = loopback
        self._kept: OrderedDict[str, requests.Response] = OrderedDict()
        self._kept_lock = threading.Lock()
        self._http = HttpSession(timeout, is_signed=True)
        # The report must arrive as it is stored: its length is checked and it may be gzip itself.
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, redirects: int = 5
    ) -> requests.Response:
        """Open a link, following up to `redirects` redirects; any status is returned. The body is left to be
        read with `body.pieces`, unless it is an error's. A small file that `is_filled` has read is returned
        without a second call.

        Raises:
            CallBroken: No answer.
            BadAnswer: The link is neither https nor, if the API is on this machine, http on it.
        """
        add_link(url)
        with self._kept_lock:
            if not headers and (kept := self._kept.pop(url, None)):
                return kept
        request = requests.Request("GET", url, headers={**self._headers, **(headers or {})})
        try:
            origin = safe_origin(url, loopback=self._loopback)
            response = self._http.open(request, LINK, origin=origin)
            target = response.headers.get("Location")
            if response.status_code not in REDIRECTS or not target or not redirects:
                return response
            response.close()
            return self.get(joined(url, target), headers=headers, redirects=redirects - 1)
        except BadUrl as error:
            raise BadAnswer(LINK, f"the address {error}") from error

    def is_filled(self, url: str) -> bool:
        """Return whether a link has a body yet; 404 and an empty 200 are "not yet".

        Raises:
            LinkExpired: 403 or 410.
            CallBroken: No answer, 429 or 5xx.
            CallRejected: Any other status.
        """
        with self.get(url) as response:
            status = response.status_code
            if status == 404:
                return False
            if status in {403, 410}:
                raise LinkExpired(LINK, body_excerpt(response), status=status)
            if may_succeed_later(status):
                wait = retry_after(response.headers, dt.datetime.now(dt.UTC))
                raise CallBroken(LINK, body_excerpt(response), status=status, retry_after=wait)
            if status not in {200, 206}:
                raise CallRejected(LINK, body_excerpt(response), status=status)
            return self._has_content(url, response)

    def _has_content(self, url: str, response: requests.Response) -> bool:
        """Return whether a body contains more than blanks. A small body is kept for the download."""
        length = response.headers.get("Content-Length", "")
        is_encoded = "Content-Encoding" in response.headers
        is_small = not is_encoded and length.isdigit() and int(length) <= PIECE_BYTES
        body, is_filled = bytearray(), False
        try:
            for piece in islice(pieces(response, 4096), MAX_LOOKED_AT_PIECES):
                body += piece
                is_filled = is_filled or bool(piece.strip())
                if is_filled and not is_small:
                    break
        except CALL_ERRORS as error:
            if not is_filled:
                raise CallBroken(LINK, exception_text(error)) from error
        if is_filled and is_small and len(body) == int(length):
            self._keep(url, response, bytes(body))
        return is_filled

    def _keep(self, url: str, response: requests.Response, body: bytes) -> None:
        kept = requests.Response()
        kept.status_code, kept.headers = response.status_code, response.headers
        kept.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        with self._kept_lock:
            self._kept[url] = kept
            if len(self._kept) > MAX_KEPT_FILES:
                self._kept.popitem(last=False)

    def end_calls(self) -> None:
        """End the current calls; no further call is sent."""
        self._http.end_calls(paid=True)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
