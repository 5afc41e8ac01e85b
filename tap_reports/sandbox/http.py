"""Requests, answers and routes; what faults put in an answer's place, and pieces of a body."""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from tap_reports.sandbox.faults import Action, Fault

CREDENTIAL_HEADERS = ("Authorization", "api-key")


class Refusal(Exception):
    """An answer given instead of the usual one; raised to leave a handler early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class Request:
    """A call as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)  # The variable parts of the path
    fault: Fault | None = None  # The fault that is to hit this call, for handlers that play a part in it
    job_id: str = ""  # Set by handlers, for the record of calls

    def hit_by(self, action: Action) -> bool:
        """Return whether such a fault is to hit this call."""
        return self.fault is not None and self.fault.action is action

    def value(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; anything else is refused with 400."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refusal(answer_json({"error": "invalid_request", "message": "no JSON object"}, 400))
        return value

    @property
    def had_credentials(self) -> bool:
        """True if the call carried any vendor's credentials."""
        return any(self.headers.get(name) for name in CREDENTIAL_HEADERS)


@dataclass(slots=True)
class Answer:
    """What is sent back. A file is sent from disk, with ranges."""

    status: int = 200
    body: bytes | Path = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.body.stat().st_size if isinstance(self.body, Path) else len(self.body)

    def content(self) -> bytes:
        """Return the whole body."""
        return self.body.read_bytes() if isinstance(self.body, Path) else self.body


def answer_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Return a JSON answer."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers or {})


def answer_text(
    text: str, status: int = 200, content_type: str = "text/plain", headers: dict[str, str] | None = None
) -> Answer:
    """Return a text answer."""
    return Answer(status, text.encode(), f"{content_type}; charset=utf-8", headers or {})


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of call: `{name}` in the pattern stands for a path part."""

    method: str
    pattern: str
    vendor: str
    kind: str
    handle: Callable[[Request], Answer]
    kind_of: Callable[[Request], str] | None = None
    """Says what kind a call is where the path alone does not tell."""

    def match(self, path: str) -> dict[str, str] | None:
        """Return the variable parts if `path` is of this route."""
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern), path)
        return match.groupdict() if match else None


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
    """Return the route of a call, the parts of its path, and whether any method knows that path."""
    matches = [(route, params) for route in routes if (params := route.match(path)) is not None]
    for route, params in matches:
        if route.method == method:
            return route, params, True
    return None, {}, bool(matches)


# --- faults ---------------------------------------------------------------------------------------

HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


def instead(fault: Fault, now: dt.datetime) -> Answer:
    """Return the answer that a fault gives in the vendor's place."""
    if fault.action is Action.HTML:
        return answer_text(fault.body or HTML, 200, "text/html", dict(fault.headers))
    if fault.action is Action.GARBAGE:
        return Answer(200, (fault.body or '{"status": "comp').encode(), headers=dict(fault.headers))
    headers = dict(fault.headers)
    if fault.retry_after == "date":
        headers["Retry-After"] = email.utils.format_datetime(now + dt.timedelta(seconds=1), usegmt=True)
    elif fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    if fault.body is not None:
        return answer_text(fault.body, fault.status, headers=headers)
    return answer_json({"error": f"made-up answer {fault.status}"}, fault.status, headers)


def corrupt(content: bytes) -> bytes:
    """Return gzip data with wrong bytes in its middle."""
    packed = bytearray(gzip.compress(content, mtime=0))
    middle = len(packed) // 2
    packed[middle : middle + 8] = bytes(255 - byte for byte in packed[middle : middle + 8])
    packed[-8:-4] = b"\0\0\0\0"  # the checksum too, in case the wrong bytes still unpack
    return bytes(packed)


def pieces(answer: Answer, first: int, last: int, size: int) -> Iterator[bytes]:
    """Yield the bytes from `first` up to, not including, `last`."""
    if not isinstance(answer.body, Path):
        for at in range(first, last, size):
            yield answer.body[at : min(at + size, last)]
        return
    with answer.body.open("rb") as file:
        file.seek(first)
        left = last - first
        while left > 0 and (piece := file.read(min(size, left))):
            left -= len(piece)
            yield piece
