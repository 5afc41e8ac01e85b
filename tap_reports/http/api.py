"""A vendor's API: credentials, retries, and what an answer means.

Two ways to call, by what a second call would cost: `ApiSession.call` is free and retried. `ApiSession.submit`
may cost and is never retried here: its error says whether the vendor refused it or the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallRefused,
    CallRejected,
    NotSent,
    SubmissionLost,
)
from tap_reports.http.origin import origin_of, same_origin, shown_host
from tap_reports.http.responses import body_excerpt, may_succeed_later, rate_left, retry_after
from tap_reports.http.retries import CallAttempts, RetryPolicy, is_worth_repeating
from tap_reports.http.session import REDIRECTS, HttpSession
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.http.rate_limit import RateLimiter

T = TypeVar("T")

REFUSED = frozenset({429, 500, 503})
"""Statuses of a submission that was not accepted and may be sent again."""
ACCESS = frozenset({401, 403})


class ApiSession:
    """Calls of one vendor's API. Redirects are never followed: credentials stay at `base_url`.

    Args:
        base_url: Scheme, host and base path.
        policy: For broken calls.
        timeout: Seconds, for connecting and for each read; a call may take twice that in all.
        user_agent: Header value.
        clock: The time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        policy: RetryPolicy,
        timeout: float,
        user_agent: str,
        clock: Clock,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.auth: AuthBase | None = None
        """Set by a client: credentials of each call; `headers` is the simpler way."""
        self.headers: dict[str, str] = {"User-Agent": user_agent, "Accept": "application/json"}
        self.rate_limit: RateLimiter | None = None
        """Set by a client whose vendor limits calls; each call waits for its turn."""
        self.denied: Mapping[int, str] = {}
        """Set by a client: status (401, 403) -> what to do, in the words of the vendor's settings."""
        self._policy = policy
        self._clock = clock
        self._http = HttpSession(timeout)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        stream: bool = False,
    ) -> requests.Response:
        """Send a call that costs nothing; a broken one is repeated by the policy.

        Args:
            method: HTTP method.
            path: Below the base URL, or an absolute URL at the base URL's own origin.
            params, json, headers: As in requests.
            accept: Statuses besides 2xx that the caller reads itself (429 and 5xx included).
            stream: Leave the body to be read with `body.pieces`, unless the answer is an error.

        Raises:
            CallBroken: Still broken after all retries.
            AccessDenied, CallRejected: The vendor refused the call.
        """
        what = self.shown(method, path)

        def once() -> requests.Response:
            request = self._request(method, path, params, json, headers)
            return self._checked(self._send(request, what, stream=stream), what, accept)

        return self.repeated(once)

    def repeated(self, once: Callable[[], T]) -> T:
        """Return the result of a free call; a broken one is repeated by the policy.

        Args:
            once: The call; it may use another session, as `DownloadSession.is_filled` does.

        Raises:
            CallBroken: Still broken after all retries.
        """
        attempts = CallAttempts(self._policy, self._clock)
        while True:
            try:
                return once()
            except CallBroken as error:
                if not is_worth_repeating(error):
                    raise
                try:
                    attempts.pause(error)
                except NotSent as last:
                    last.is_worth_repeating = False  # else a submission that needs this call repeats them all
                    raise

    def submit(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a call that may cost, once.

        Raises:
            NotSent: Certainly not accepted: nothing was sent.
            CallRefused: Certainly not accepted (429, 500, 503).
            SubmissionLost: It is unknown whether it was accepted (reset, time-out, 408, any other 5xx).
            AccessDenied, CallRejected: The vendor refused the call.
        """
        request, what = self._request(method, path, params, json, headers), self.shown(method, path)
        try:
            response = self._send(request, what, is_paid=True)
        except NotSent:
            raise
        except CallBroken as error:
            raise SubmissionLost(what, error.answer) from error
        if response.status_code in REFUSED:
            now = self._clock.now()
            left = rate_left(response.headers, now)
            raise CallRefused(
                what,
                body_excerpt(response),
                status=response.status_code,
                retry_after=retry_after(response.headers, now),
                calls_left=left.remaining if left else None,
            )
        if response.status_code == 408 or response.status_code >= 500:
            raise SubmissionLost(what, body_excerpt(response), status=response.status_code)
        return self._checked(response, what, ())

    def url(self, path: str) -> str:
        """Return the absolute URL of a path, refusing other origins (credentials go nowhere else)."""
        url = path if "://" in path else f"{self.base_url}/{path.lstrip('/')}"
        if not same_origin(url, self.base_url):
            raise BadAnswer("link", "points to another origin than api_url")
        return url

    def shown(self, method: str, path: str) -> str:
        """Return the call as messages name it: method and path, no query."""
        return redact(f"{method} {urlsplit(self.url(path)).path}")

    def end_calls(self) -> None:
        """End the current free calls; no further call is sent."""
        self._http.end_calls(paid=False)

    def close(self) -> None:
        """End all calls, including those that may cost, and close all connections."""
        self._http.close()

    def _request(
        self, method: str, path: str, params: Any, json: Any, headers: Mapping[str, str] | None
    ) -> requests.Request:
        return requests.Request(
            method,
            self.url(path),
            params=params,
            json=json,
            headers={**self.headers, **(headers or {})},
            auth=self.auth,
        )

    def _send(
        self, request: requests.Request, what: str, *, stream: bool = False, is_paid: bool = False
    ) -> requests.Response:
        if self.rate_limit:
            self.rate_limit.wait()
        origin = origin_of(self.base_url)
        if stream:
            response = self._http.open(request, what, origin=origin)
        else:
            response = self._http.send(request, what, origin=origin, is_paid=is_paid)
        if self.rate_limit:
            self.rate_limit.apply_headers(response.headers)
        return response

    def _checked(self, response: requests.Response, what: str, accept: Collection[int]) -> requests.Response:
        status = response.status_code
        if status in accept or 200 <= status < 300:
            return response
        answer = body_excerpt(response)
        if may_succeed_later(status):
            wait = retry_after(response.headers, self._clock.now())
            raise CallBroken(what, answer, status=status, retry_after=wait)
        if status in REDIRECTS:
            target = shown_host(response.url, response.headers.get("Location", ""))
            raise CallRejected(
                what,
                f"redirects to {target}, which is not followed",
                status=status,
                remedy="If the vendor's API has moved there, set api_url to it.",
            )
        if status in ACCESS:
            raise AccessDenied(what, answer, status=status, remedy=self.denied.get(status, ""))
        raise CallRejected(what, answer, status=status)
