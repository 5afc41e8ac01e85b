"""Links that carry their own permission: read without credentials, and never shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from urllib.parse import urljoin

import requests

from tap_reports.exceptions import BadAnswer, CallBroken, CallRejected, LinkExpired
from tap_reports.http.responses import body_excerpt, is_safe, retry_after, shown_exception
from tap_reports.http.transport import REDIRECTS, plain_session


class DownloadSession:
    """Reads links that carry their own permission. Sends no credentials, only https or loopback http."""

    def __init__(self, *, timeout: float, user_agent: str) -> None:
        self._timeout = timeout
        self._session = plain_session()
        self._session.headers["User-Agent"] = user_agent
        # The report must arrive as it lies there: its length is checked and it may be gzip itself.
        self._session.headers["Accept-Encoding"] = "identity"

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, redirects: int = 5
    ) -> requests.Response:
        """Open a link, following that many redirects; the body is left unread. Any status is returned.

        Raises:
            CallBroken: No answer.
            BadAnswer: The link is neither https nor loopback http.
        """
        if not is_safe(url):
            raise BadAnswer("download link", "is neither https nor a loopback address")
        try:
            response = self._session.get(
                url, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            raise CallBroken("GET download link", shown_exception(error)) from error
        target = response.headers.get("Location")
        if response.status_code not in REDIRECTS or not target or not redirects:
            return response
        response.close()
        return self.get(urljoin(url, target), headers=headers, redirects=redirects - 1)

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
                raise LinkExpired("GET download link", body_excerpt(response), status=status)
            if status == 429 or status >= 500:
                raise CallBroken(
                    "GET download link",
                    body_excerpt(response),
                    status=status,
                    retry_after=retry_after(response.headers, dt.datetime.now(dt.UTC)),
                )
            if status not in {200, 206}:
                raise CallRejected("GET download link", body_excerpt(response), status=status)
            try:
                return any(chunk.strip() for chunk in response.iter_content(1024))
            except requests.RequestException as error:
                raise CallBroken("GET download link", shown_exception(error)) from error
