"""HTTP calls with limits: on the total time of a call, the size of its answer, and the host."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from tap_reports.clock import TIMERS
from tap_reports.exceptions import BadAnswer, CallBroken, CallError, NotSent, Stopped
from tap_reports.http.body import CALL_ERRORS, read
from tap_reports.http.origin import BadUrl, Origin, origin_of
from tap_reports.http.record import current_recorder
from tap_reports.http.responses import exception_text
from tap_reports.http.watch import Watch, current_watch, watched_session

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CA_REMEDY = (
    "If a proxy or the vendor uses a certificate authority of its own, set REQUESTS_CA_BUNDLE to a file with "
    "its certificate, and run again."
)


def _is_shown(record: logging.LogRecord) -> bool:
    """Return whether a record of urllib3's is logged.

    Malformed-header tracebacks are logged at DEBUG only.
    """
    return record.exc_info is None or logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


logging.getLogger("urllib3.connection").addFilter(_is_shown)


class _OutOfTime(Exception):
    """The call took longer than its limit."""


class _PaidCallStopped(Exception):
    """The run stopped before the answer to a call that may cost: a `CallBroken`, not a `Stopped`."""


class HttpSession:
    """Calls without redirects, without credentials from netrc, ended when they take too long.

    Args:
        timeout: Seconds for connecting and for each wait for more; a call may take twice that in all.
        is_signed: The URLs that it calls are signed links.
    """

    def __init__(self, timeout: float, *, is_signed: bool = False) -> None:
        self._timeout = timeout
        self._is_signed = is_signed
        self._recorder = current_recorder()
        self._session = watched_session()
        self._watches: WeakSet[Watch] = WeakSet()
        self._watches_lock = threading.Lock()  # sets must not change during iteration
        self._is_ending = False
        self._environments: dict[Origin, Mapping[str, Any]] = {}
        """Origin -> its proxy and certificates: reading the environment for each call is slow."""

    def send(
        self, request: requests.Request, what: str, *, origin: Origin, is_paid: bool = False
    ) -> requests.Response:
        """Return an answer with its body; of an error's body, only the beginning.

        Args:
            request: The call.
            what: The call as messages name it.
            origin: The only origin that may get the call's credentials.
            is_paid: It may cost. It gets a new connection.

        Raises:
            NotSent: It failed before anything was sent.
            CallBroken: No answer, or not all of it.
            BadAnswer: The answer is too large, or the URL leads elsewhere.
            Stopped: The run is stopping; nothing was sent, or the call is free.
        """
        watch = Watch(is_paid=is_paid)
        with self._recorded(request), self._watched(watch, what), self._open(request, origin) as response:
            read(response, watch, what)
        if self._recorder:
            self._recorder.record_response(response)
        return response

    def open(self, request: requests.Request, what: str, *, origin: Origin) -> requests.Response:
        """Return an answer whose body is left to be read with `body.pieces`, unless it is an error.

        Raises:
            NotSent, CallBroken, BadAnswer, Stopped: As `send`.
        """
        watch = Watch()
        with self._recorded(request), self._watched(watch, what), ExitStack() as on_error:
            response = on_error.enter_context(self._open(request, origin))
            watch.raise_if_ended()  # headers that are cut short may look complete
            response.watch = watch  # type: ignore[attr-defined]
            if response.status_code >= 300:
                read(response, watch, what)
            on_error.pop_all()
        if self._recorder and response.status_code >= 300:
            self._recorder.record_response(response, is_link=self._is_signed)
        elif self._recorder:
            response.copy = self._recorder.record_file(response, is_link=self._is_signed)  # type: ignore[attr-defined]
        return response

    def end_calls(self, *, paid: bool) -> None:
        """End all free calls now and send no further call; with `paid`, end those that may cost as well."""
        self._is_ending = True
        with self._watches_lock:
            watches = list(self._watches)
        for watch in watches:
            if paid or not watch.is_paid:
                watch.end(_PaidCallStopped() if watch.is_paid else Stopped())

    def close(self) -> None:
        """End all calls and close all connections."""
        self.end_calls(paid=True)
        self._session.close()

    def _open(self, request: requests.Request, origin: Origin) -> requests.Response:
        session = self._session
        try:
            prepared = self._prepared(request)
            actual = origin_of(prepared.url or "")
        except BadUrl:
            raise
        except CALL_ERRORS as error:
            raise _Unsendable(str(error)) from error
        if actual != origin:
            raise BadUrl("leads to another host, port or scheme than it may")
        if origin not in self._environments:
            self._environments[origin] = session.merge_environment_settings(
                prepared.url, {}, stream=True, verify=None, cert=None
            )
        return session.send(
            prepared, timeout=self._timeout, allow_redirects=False, **self._environments[origin]
        )

    def _prepared(self, request: requests.Request) -> requests.PreparedRequest:
        """Return a call as it is sent. `Session.prepare_request` would read ~/.netrc, and is slower."""
        prepared, cookies = requests.PreparedRequest(), self._session.cookies
        prepared.prepare_method(request.method)
        prepared.prepare_url(request.url, request.params or None)
        prepared.prepare_headers({**self._session.headers, **request.headers})
        if cookies:
            prepared.prepare_cookies(cookies)
        prepared.prepare_body(None, None, request.json)
        prepared.prepare_auth(request.auth)
        return prepared

    @contextmanager
    def _recorded(self, request: requests.Request) -> Iterator[None]:
        """Record that the block's call got no answer."""
        try:
            yield
        except CallError as error:
            if self._recorder:
                self._recorder.record_failure(request, error, is_link=self._is_signed)
            raise

    @contextmanager
    def _watched(self, watch: Watch, what: str) -> Iterator[None]:
        """Watch the call that the block makes, and convert its exceptions to our errors."""
        with self._watches_lock:
            self._watches.add(watch)
        if self._is_ending:
            raise Stopped
        token = current_watch.set(watch)
        cancel = TIMERS.start(2 * self._timeout, partial(watch.end, _OutOfTime()))
        try:
            yield
        except BadUrl as error:
            raise BadAnswer(what, f"the address {error}") from error
        except (*CALL_ERRORS, _OutOfTime, _PaidCallStopped, _Unsendable) as error:
            raise self._error(what, watch, error) from error
        finally:
            cancel()
            current_watch.reset(token)

    def _error(self, what: str, watch: Watch, error: Exception) -> CallBroken:
        if isinstance(watch.ended, Stopped) and not watch.is_paid:
            raise watch.ended
        if isinstance(watch.ended, _OutOfTime):
            answer = f"it took longer than {2 * self._timeout:g} s in all (twice request_timeout_seconds)"
        elif isinstance(watch.ended, _PaidCallStopped):
            answer = "the run was ended before the answer came"
        else:
            answer = exception_text(error)
        is_sent = watch.is_sent if watch.has_connection else not _was_never_connected(error)
        return CallBroken(what, answer) if is_sent else _not_sent(what, answer, error)


class _Unsendable(Exception):
    """The call can't be sent as it is, for example because a header has a line break."""


def _not_sent(what: str, answer: str, error: Exception) -> NotSent:
    text = str(error)
    made = NotSent(what, answer)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        made.remedy, made.is_worth_repeating = _CA_REMEDY, False
    elif "certificate bundle" in text or "certificate file" in text:
        made.remedy = "Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE): it must name an existing file."
        made.is_worth_repeating = False
    elif isinstance(error, requests.exceptions.InvalidURL):
        made.is_worth_repeating = False
    elif isinstance(error, _Unsendable) or not isinstance(error, OSError):
        made.remedy, made.is_worth_repeating = "Correct the settings of the vendor block.", False
    elif isinstance(error, requests.exceptions.ProxyError):
        made.remedy = "Check the proxy in HTTPS_PROXY and HTTP_PROXY, and run again."
    return made


def _was_never_connected(error: Exception) -> bool:
    """Return whether a call through a SOCKS proxy's connection failed before anything was sent."""
    if isinstance(error, (requests.ConnectTimeout, _Unsendable)) or not isinstance(
        error, requests.RequestException
    ):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, (NewConnectionError, NameResolutionError))
