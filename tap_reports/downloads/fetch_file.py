"""Report files: from a link to a complete file on disk.

A broken transfer continues where it stopped if the server can prove that the file is still the same; else it
starts again. The bytes are left as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError

from tap_reports.downloads.transfer import WRONG_RANGE, RestartNeeded, Transfer
from tap_reports.downloads.work_dir import disk_error
from tap_reports.exceptions import (
    AccessDenied,
    BadAnswer,
    CallBroken,
    CallError,
    CallRejected,
    FileError,
    LinkExpired,
    Stopped,
)
from tap_reports.http.api import ACCESS
from tap_reports.http.body import pieces
from tap_reports.http.links import LINK
from tap_reports.http.origin import BadUrl, joined, same_origin
from tap_reports.http.responses import body_excerpt, exception_text, retry_after
from tap_reports.http.retries import CallAttempts, is_worth_repeating
from tap_reports.http.session import REDIRECTS

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.http.api import ApiSession
    from tap_reports.http.links import DownloadSession
    from tap_reports.http.retries import RetryPolicy
    from tap_reports.models import Download

CHUNK_BYTES, MAX_REDIRECTS = 1 << 20, 5
ANY_STATUS = range(100, 600)
"""The API session leaves every status to us: a download has retries of its own, on top of a partial file."""
OK, ACCEPTED, BAD_REQUEST, TOO_MANY = 200, 202, 400, 429
WITH_FILE = frozenset({OK, 203, 206})
GONE = frozenset({401, 403, 404, 410})
"""What a link answers once its permission, or the file behind it, has gone."""
MIN_BYTES_PER_SECOND = 1024
"""A download that stays below this for as long as a call may wait for an answer is broken."""
MAX_DOWNLOAD_SECONDS = 24 * 3600.0
"""Of one file, with all its attempts."""


def fetch(
    download: Download,
    *,
    api: ApiSession,
    files: DownloadSession,
    folder: Path,
    policy: RetryPolicy,
    clock: Clock,
    stopping: Callable[[], bool],
    name: str,
) -> tuple[Path, int]:
    """Fetch a file.

    Args:
        download: What to fetch.
        api: For an authenticated download, as far as the API's own origin.
        files: For links.
        folder: Where to put it.
        policy: For broken transfers. Each further MiB starts its count of attempts again, not its deadline.
        clock: The time.
        stopping: True once the run is stopping.
        name: The file's name in the folder.

    Returns:
        The complete file, and its size in bytes. It may be empty.

    Raises:
        LinkExpired: The link is no longer good: poll for a new one.
        CallBroken: Still broken after all retries.
        AccessDenied, CallRejected, BadAnswer: The server said no, or something else than a file.
        FileError: No room on disk, or the file is larger than `max_file_gib`.
        Stopped: The run is stopping. The file is removed then, and after any error.
    """
    path = folder / name
    transfer: Transfer | None = None
    try:
        with path.open("wb", buffering=0) as file:
            transfer = Transfer(file)
            until = clock.monotonic() + MAX_DOWNLOAD_SECONDS
            _Fetch(download, api, files, policy, clock, stopping, transfer, until).run()
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise disk_error(error, folder, transfer.size if transfer else 0) from error
        raise
    return path, transfer.size


class _BrokenAttempt(Exception):
    """This attempt broke; `error` is raised if it was the last."""

    def __init__(self, error: CallError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One file's fetching."""

    download: Download
    api: ApiSession
    files: DownloadSession
    policy: RetryPolicy
    clock: Clock
    stopping: Callable[[], bool]
    transfer: Transfer
    until: float

    def run(self) -> None:
        """Repeat attempts until the file is complete."""
        attempts, furthest = CallAttempts(self.policy, self.clock), 0
        while True:
            try:
                return self._attempt()
            except _BrokenAttempt as again:
                if self.clock.monotonic() > self.until:
                    raise again.error from again.__cause__
                if self.transfer.size - furthest >= CHUNK_BYTES:
                    attempts.number, furthest = 1, self.transfer.size
                self._raise_if_stopping()
                rest = f" from byte {self.transfer.size} on" if self.transfer.range_headers() else ""
                attempts.pause(again.error, f"Retrying the download{rest}")

    def _attempt(self) -> None:
        self._raise_if_stopping()
        response, is_link = self._open_api() if self.download.authenticated else self._open_link()
        with response:
            if response.status_code not in WITH_FILE | {WRONG_RANGE}:
                raise self._error_for(response, is_link=is_link)
            try:
                self.transfer.begin(response)
            except RestartNeeded as error:
                raise self._broken(str(error), response) from error
            if response.status_code != WRONG_RANGE:
                self._read(response)
            if self.transfer.length_error:
                raise self._broken(self.transfer.length_error, response)

    def _read(self, response: requests.Response) -> None:
        """Write the body as it comes, without undoing any Content-Encoding."""
        self._refuse_too_large(self.transfer.total)
        since, here = self.clock.monotonic(), self.transfer.size
        for chunk in self._chunks(response):
            self.transfer.write(chunk)
            self._raise_if_stopping()
            self._refuse_too_large(self.transfer.size)
            now = self.clock.monotonic()
            if now > self.until:
                raise self._broken(self._describe_break("it took longer than a day"), response)
            if now - since >= self.files.timeout:
                if self.transfer.size - here < (now - since) * MIN_BYTES_PER_SECOND:
                    raise self._broken(self._describe_break("less than 1 KiB a second came"), response)
                since, here = now, self.transfer.size

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body; what breaks it is not an error of the disk."""
        try:
            yield from pieces(response, CHUNK_BYTES, decode=False)
        except (HTTPError, OSError) as error:
            raise self._broken(self._describe_break(exception_text(error)), response) from error

    def _refuse_too_large(self, size: int | None) -> None:
        if size is not None and size > self.files.largest:
            raise FileError(
                f"the report file is larger than {self.files.largest / 2**30:g} GiB",
                remedy="Ask for fewer days with slice_days, or raise max_file_gib.",
            )

    def _open_link(
        self, url: str | None = None, redirects: int = MAX_REDIRECTS
    ) -> tuple[requests.Response, bool]:
        """Return an answer with its body unread, and whether it is a link's (not the API's)."""
        try:
            headers = self.transfer.range_headers()
            return self.files.get(url or self.download.url, headers=headers, redirects=redirects), True
        except CallBroken as error:
            if not is_worth_repeating(error):
                raise
            raise _BrokenAttempt(error) from error

    def _open_api(self) -> tuple[requests.Response, bool]:
        """Call the API, which may hand the file out itself or redirect to a link elsewhere.

        Its session has repeated a call without answer by the policy already: that is not repeated here.
        """
        url, left = self.api.url(self.download.url), MAX_REDIRECTS
        headers = {**self.transfer.range_headers(), "Accept": "*/*", "Accept-Encoding": "identity"}
        while True:
            response = self.api.call("GET", url, headers=headers, accept=ANY_STATUS, stream=True)
            target = response.headers.get("Location")
            if response.status_code not in REDIRECTS or not target or not left:
                return response, False
            response.close()
            try:
                url, left = joined(url, target), left - 1
            except BadUrl as error:
                answer = f"redirects to an address that {error}"
                raise BadAnswer(
                    self._shown_call(is_link=False), answer, status=response.status_code
                ) from error
            if not same_origin(url, self.api.base_url):
                return self._open_link(url, left)

    def _error_for(self, response: requests.Response, *, is_link: bool) -> Exception:
        """Return what an answer without a file means."""
        status = response.status_code
        what, answer = self._shown_call(is_link=is_link), body_excerpt(response)
        if status in {ACCEPTED, TOO_MANY} or status >= 500:
            return self._broken("not ready yet" if status == ACCEPTED else answer, response)
        if status in REDIRECTS:
            return BadAnswer(what, f"redirects nowhere, or more than {MAX_REDIRECTS} times", status=status)
        if status < 300:
            return BadAnswer(what, "no file came", status=status)
        # Google's links answer 400 once they have expired.
        if is_link and (status in GONE or (status == BAD_REQUEST and "expired" in answer.lower())):
            expired = LinkExpired(what, answer, status=status)
            # The API signs a new link for every call.
            return _BrokenAttempt(expired) if self.download.authenticated else expired
        return (AccessDenied if status in ACCESS else CallRejected)(what, answer, status=status)

    def _broken(self, answer: str, response: requests.Response) -> _BrokenAttempt:
        asked = retry_after(response.headers, self.clock.now())
        what = self._shown_call(is_link=not self.download.authenticated)
        return _BrokenAttempt(CallBroken(what, answer, status=response.status_code, retry_after=asked))

    def _describe_break(self, cause: str) -> str:
        size, total = self.transfer.size, self.transfer.total or "unknown"
        return f"the transfer broke at {size} of {total} bytes: {cause}"

    def _shown_call(self, *, is_link: bool) -> str:
        return LINK if is_link else self.api.shown("GET", self.download.url)

    def _raise_if_stopping(self) -> None:
        if self.stopping():
            raise Stopped
