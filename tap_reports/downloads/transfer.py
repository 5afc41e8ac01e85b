"""A partly downloaded file: what was received, what is missing, and whether a response continues it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO

import requests

PARTIAL, WRONG_RANGE = 206, 416
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)$")


class RestartNeeded(Exception):
    """The response does not continue the file. The file was emptied, so that the download starts again."""


@dataclass(slots=True)
class Transfer:
    """A partial file.

    Attributes:
        file: Open for writing, unbuffered, so that a full disk shows at once.
        size: Bytes received.
        total: Bytes of the whole file, None while unknown.
        validator: ETag or date of the received version (`If-Range`); "" if the server sent none.
        encoding: `Content-Encoding` of the received bytes: parts with different ones can't be joined.
    """

    file: FileIO
    size: int = 0
    total: int | None = None
    validator: str = ""
    encoding: str = ""

    def range_headers(self) -> dict[str, str]:
        """Return the headers that request the rest; none to request the whole file."""
        if not self.size or not self.validator:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self.validator}

    def begin(self, response: requests.Response) -> None:
        """Prepare for a response's body, which continues the file or is the whole file.

        Raises:
            RestartNeeded: The response cannot be used.
        """
        headers = response.headers
        if response.status_code == WRONG_RANGE:
            self._check_complete(headers.get("Content-Range", ""))
        elif response.status_code == PARTIAL:
            self._check_version(headers)
            self._continue(headers.get("Content-Range", ""), headers.get("Content-Encoding", ""))
        else:
            self.restart()
            length = headers.get("Content-Length", "")
            self.total = int(length) if length.isdigit() else None
            self.encoding = headers.get("Content-Encoding", "")
            self.validator = _validator(response)

    def write(self, chunk: bytes) -> None:
        """Append to the file.

        Raises:
            OSError: The disk is full.
        """
        view = memoryview(chunk)
        while view:
            written = self.file.write(view)
            self.size += written
            view = view[written:]

    def restart(self) -> None:
        """Discard what was received."""
        if self.size:
            self.file.seek(0)
            self.file.truncate()
        self.size, self.total, self.validator, self.encoding = 0, None, "", ""

    @property
    def length_error(self) -> str:
        """What is wrong with the length, or ""."""
        if self.total is None or self.size == self.total:
            return ""
        return f"{self.size} of {self.total} bytes came"

    def _check_version(self, headers: Mapping[str, str]) -> None:
        """Refuse a part of another version: some servers ignore `If-Range`."""
        name = "ETag" if self.validator.startswith('"') else "Last-Modified"
        version = headers.get(name, "").removeprefix("W/")
        if self.size and version not in {"", self.validator}:
            self._start_again(f"the file has changed: its {name} is another one")

    def _continue(self, content_range: str, encoding: str) -> None:
        match = _RANGE.match(content_range)
        if not match or int(match[1]) != self.size or (self.size and encoding != self.encoding):
            self._start_again(f"a part came that does not fit ({content_range or 'no Content-Range'})")
            return
        end, total = int(match[2]) + 1, None if match[3] == "*" else int(match[3])
        if None not in {total, self.total} and total != self.total:
            self._start_again(f"the file has changed from {self.total} to {total} bytes")
        self.total = total or self.total or end

    def _check_complete(self, content_range: str) -> None:
        """Check that the file has the length that the server says, and so is complete."""
        if not self.size or content_range != f"bytes */{self.size}":
            self._start_again(f"the rest was refused ({content_range or 'no Content-Range'})")
        self.total = self.size

    def _start_again(self, what: str) -> None:
        self.restart()
        raise RestartNeeded(what)


def _validator(response: requests.Response) -> str:
    """Return what identifies a file's version: a strong ETag, else its date."""
    headers = response.headers
    if headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")
