"""Records the vendors' calls as a HAR file that is safe to share.

http://www.softwareishard.com/blog/har-12-spec/
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from tap_reports.http.shareable import Shareable
from tap_reports.redaction import redact, without_known

CREATOR = "tap-reports"
CUT_TYPE = "application/vnd.tap-reports.cut+json"
"""Media type of a report file that was cut to its header and the shape of one row."""
MAX_FILE_BYTES = 64 << 20
"""Maximum bytes of a report file that are kept for the recording."""
_current: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


class Recorder:
    """The calls of one run.

    Args:
        version: The program's.
        cut: Returns the part of a report file that is safe to share, as JSON values.
    """

    def __init__(self, version: str, cut: Callable[[Path], Any]) -> None:
        self.shareable = Shareable()
        self._version = version
        self._cut = cut
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def record_response(self, response: requests.Response, *, is_link: bool = False) -> None:
        """Record a call with its complete answer; `is_link`: its URL is a signed link."""
        answer = self._response(response, self.shareable.body(response.content))
        self._add(response.request, answer, is_link=is_link)

    def record_file(self, response: requests.Response, *, is_link: bool) -> FileCopy:
        """Record a call whose answer is a report file; the caller writes its bytes to the returned copy."""
        answer = self._response(response, "")
        self._add(response.request, answer, is_link=is_link)
        return FileCopy(answer["content"], self._cut)

    def record_failure(self, request: requests.Request, error: Exception, *, is_link: bool) -> None:
        """Record a call that got no answer."""
        content = {"size": 0, "mimeType": "", "text": ""}
        answer = {**_EMPTY_ANSWER, "content": content, "_error": redact(error)}
        self._add(_prepared(request), answer, is_link=is_link)

    def write(self, path: Path) -> None:
        """Write the calls recorded so far."""
        with self._lock:
            entries = list(self._entries)
        log = {
            "version": "1.2",
            "creator": {"name": CREATOR, "version": self._version},
            "comment": "Secrets, links and personal values are replaced; report files are cut.",
            "entries": entries,
        }
        # Secrets that were registered later, such as tokens, may be in earlier calls.
        text = json.dumps({"log": _cleaned(log)}, ensure_ascii=False, indent=1, default=str)
        with open(path, "w", encoding="utf-8", errors="backslashreplace", opener=_private) as file:
            file.write(text)

    def _add(self, request: requests.PreparedRequest, answer: dict[str, Any], *, is_link: bool) -> None:
        url = self.shareable.url(str(request.url), is_link=is_link)
        body = request.body
        entry: dict[str, Any] = {
            "startedDateTime": dt.datetime.now(dt.UTC).isoformat(),
            "time": 0,
            "request": {
                "method": str(request.method),
                "url": url,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": _pairs(self.shareable.headers(request.headers)),
                "queryString": _pairs(dict(parse_qsl(urlsplit(url).query))),
                "headersSize": -1,
                "bodySize": len(body or b""),
            },
            "response": answer,
            "cache": {},
            "timings": {"send": 0, "wait": 0, "receive": 0},
        }
        if body:
            text = self.shareable.body(body if isinstance(body, bytes) else body.encode())
            entry["request"]["postData"] = {"mimeType": "application/json", "text": text}
        with self._lock:
            self._entries.append(entry)

    def _response(self, response: requests.Response, text: str) -> dict[str, Any]:
        headers = self.shareable.headers(response.headers)
        names = {name.lower(): value for name, value in headers.items()}
        return {
            **_EMPTY_ANSWER,
            "status": response.status_code,
            "statusText": _phrase(response.status_code),
            "headers": _pairs(headers),
            "redirectURL": names.get("location", ""),
            "content": {"size": len(text), "mimeType": names.get("content-type", ""), "text": text},
        }


_EMPTY_ANSWER: dict[str, Any] = {
    "status": 0,
    "statusText": "",
    "httpVersion": "HTTP/1.1",
    "cookies": [],
    "headers": [],
    "redirectURL": "",
    "headersSize": -1,
    "bodySize": -1,
}


class FileCopy:
    """A copy of a report file during its download, to be cut when it is complete.

    Args:
        content: The HAR entry's `content`, filled in at the end.
        cut: Returns the cut file.
    """

    def __init__(self, content: dict[str, Any], cut: Callable[[Path], Any]) -> None:
        self._content = content
        self._cut = cut
        self._file = tempfile.NamedTemporaryFile(prefix="tap-reports-record-", delete=False)  # noqa: SIM115
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Write a piece of the file."""
        if self._size < MAX_FILE_BYTES:
            self._file.write(piece)
        self._size += len(piece)

    def close(self, *, whole: bool) -> None:
        """Cut the file; `whole`: it was received completely."""
        path = Path(self._file.name)
        self._file.close()
        try:
            self._content["size"] = self._size
            if self._size:
                cut = {"bytes": self._size, "whole": whole, **self._cut(path)}
                self._content |= {"mimeType": CUT_TYPE, "text": json.dumps(cut, ensure_ascii=False)}
        finally:
            path.unlink()


@contextlib.contextmanager
def recording(path: Path, recorder: Recorder) -> Iterator[None]:
    """Record the calls that the block makes, and write them at its end, also after an error."""
    token = _current.set(recorder)
    try:
        yield
    finally:
        _current.reset(token)
        recorder.write(path)


def current_recorder() -> Recorder | None:
    """Return the recorder of the running command, if it records."""
    return _current.get()


def _cleaned(value: Any) -> Any:
    """Return a JSON value without any registered secret in its texts."""
    if isinstance(value, Mapping):
        return {name: _cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return without_known(value) if isinstance(value, str) else value


def _prepared(request: requests.Request) -> requests.PreparedRequest:
    """Return a call as it would be sent; if it can't be sent, its method only."""
    try:
        return request.prepare()
    except (ValueError, OSError):  # a header with a line break, an invalid address
        prepared = requests.PreparedRequest()
        prepared.prepare_headers({})
        prepared.method, prepared.url = request.method, ""
        return prepared


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
