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
"""The API session returns every status: downloads have their own retries, which continue a partial file."""
OK, ACCEPTED, BAD_REQUEST, TOO_MANY = 200, 202, 400, 429
WITH_FILE = frozenset({OK, 203, 206})
LINK_REFUSED = frozenset({401, 403, 404, 410})
"""What a link answers once it has expired, or its file was removed."""
MIN_BYTES_PER_SECOND = 1024
"""A download that is slower than this for the time-out of a call is broken."""
MAX_DOWNLOAD_SECONDS = 24 * 3600.0
"""For one file, with all its attempts."""


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
        api: For an authenticated download, within the API's own origin.
        files: For links.
        folder: Where to put it.
        policy: For broken transfers. Each further MiB resets its count of attempts, but not its deadline.
        clock: The time.
        stopping: True once the run is stopping.
        name: The file's name in the folder.

    Returns:
        The complete file, and its size in bytes. It may be empty.

    Raises:
        LinkExpired: Poll for a new link.
        CallBroken: Still broken after all retries.
        AccessDenied, CallRejected, BadAnswer: The server refused, or the answer is not a file.
        FileError: The disk is full, or the file is larger than `max_file_gib`.
        Stopped: The run is stopping. The file is removed then, and after any other error.
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
    """This attempt broke; `error` is raised if it was the last one."""

    def __init__(self, error: CallError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One file's download."""

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
            except _BrokenAttempt as broken:
                if self.clock.monotonic() > self.until:
                    raise broken.error from broken.__cause__
                if self.transfer.size - furthest >= CHUNK_BYTES:
                    attempts.number, furthest = 1, self.transfer.size
                self._raise_if_stopping()
                rest = f" from byte {self.transfer.size} on" if self.transfer.range_headers() else ""
                attempts.pause(broken.error, f"Retrying the download{rest}")

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
        """Write the body as received, without decoding any Content-Encoding."""
        self._refuse_too_large(self.transfer.total)
        measured_at, measured_size = self.clock.monotonic(), self.transfer.size
        for chunk in self._chunks(response):
            self.transfer.write(chunk)
            self._raise_if_stopping()
            self._refuse_too_large(self.transfer.size)
            now = self.clock.monotonic()
            if now > self.until:
                raise self._broken(self._describe_break("it took longer than a day"), response)
            seconds = now - measured_at
            if seconds >= self.files.timeout:
                if self.transfer.size - measured_size < seconds * MIN_BYTES_PER_SECOND:
                    raise self._broken(self._describe_break("less than 1 KiB a second came"), response)
                measured_at, measured_size = now, self.transfer.size

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body. An error of the connection must not be taken for one of the disk."""
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
        """Return a response with its body unread, and whether it came from a link (not the API)."""
        try:
            headers = self.transfer.range_headers()
            return self.files.get(url or self.download.url, headers=headers, redirects=redirects), True
        except CallBroken as error:
            if not is_worth_repeating(error):
                raise
            raise _BrokenAttempt(error) from error

    def _open_api(self) -> tuple[requests.Response, bool]:
        """Call the API, which may hand the file out itself or redirect to a link elsewhere.

        Its session retries calls that get no answer: that is not done here again.
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
                what, answer = self._shown_call(is_link=False), f"redirects to an address that {error}"
                raise BadAnswer(what, answer, status=response.status_code) from error
            if not same_origin(url, self.api.base_url):
                return self._open_link(url, left)

    def _error_for(self, response: requests.Response, *, is_link: bool) -> Exception:
        """Return the error for an answer without a file."""
        status = response.status_code
        what, answer = self._shown_call(is_link=is_link), body_excerpt(response)
        if status in {ACCEPTED, TOO_MANY} or status >= 500:
            return self._broken("not ready yet" if status == ACCEPTED else answer, response)
        if status in REDIRECTS:
            return BadAnswer(what, f"redirects nowhere, or more than {MAX_REDIRECTS} times", status=status)
        if status < 300:
            return BadAnswer(what, "no file came", status=status)
        # Google's links answer 400 once they have expired.
        if is_link and (status in LINK_REFUSED or (status == BAD_REQUEST and "expired" in answer.lower())):
            expired = LinkExpired(what, answer, status=status)
            # The API signs a new link for every call.
            return _BrokenAttempt(expired) if self.download.authenticated else expired
        return (AccessDenied if status in ACCESS else CallRejected)(what, answer, status=status)

    def _broken(self, answer: str, response: requests.Response) -> _BrokenAttempt:
        seconds = retry_after(response.headers, self.clock.now())
        what = self._shown_call(is_link=not self.download.authenticated)
        return _BrokenAttempt(CallBroken(what, answer, status=response.status_code, retry_after=seconds))

    def _describe_break(self, cause: str) -> str:
        size, total = self.transfer.size, self.transfer.total or "unknown"
        return f"the transfer broke at {size} of {total} bytes: {cause}"

    def _shown_call(self, *, is_link: bool) -> str:
        return LINK if is_link else self.api.shown("GET", self.download.url)

    def _raise_if_stopping(self) -> None:
        if self.stopping():
            raise Stopped
