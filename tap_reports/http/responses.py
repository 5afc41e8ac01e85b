"""Reads HTTP answers, and shows them in messages: shortened, on one line, without secrets."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ReadTimeoutError

from tap_reports.exceptions import BadAnswer
from tap_reports.redaction import redact

SHOWN_CHARACTERS = 300
MAX_RETRY_AFTER_SECONDS = 900.0
"""If a vendor asks for a longer wait than this, the call is not repeated."""
MAX_WAIT_SECONDS = 30 * 86400.0
_CONNECTION = re.compile(r"^\w+\(host='([^']*)', port=(\d+)\): ")
_RATE_HEADER = re.compile(r"(?:x-)?ratelimit-(limit|remaining|reset)(?:-\w+)?")
MAX_DEPTH = 100
"""Maximum levels of an answer's JSON: code that reads it may recurse once a level."""
EPOCH_FROM = 10**9
"""A rate-limit reset above this is a Unix time, below it seconds (vendors disagree with themselves)."""


def json_of(body: bytes | str, *, parse_float: Callable[[str], Any] = Decimal) -> Any:
    """Return the value of an answer's JSON, numbers with their digits.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        value = json.loads(body, parse_float=parse_float)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class Answer(dict[str, Any]):
    """The JSON object of an answer; `what` is the call as messages name it."""

    def __init__(self, fields: Mapping[str, Any], what: str) -> None:
        super().__init__(fields)
        self.what = what


def call_of(response: requests.Response) -> str:
    """Return the call of an answer as messages name it: method and path, no query."""
    return redact(f"{response.request.method} {urlsplit(response.request.url or '').path}")


def answer_json(response: requests.Response, what: str = "") -> Any:
    """Return the JSON of an answer, numbers with their digits; an object is an `Answer`.

    Args:
        response: The answer.
        what: The call as messages name it. Default: its method and path.

    Raises:
        BadAnswer: It is not JSON, or nested too deeply; the message shows what came.
    """
    what = what or call_of(response)
    try:
        value = json_of(response.content)
    except ValueError as error:
        raise BadAnswer(
            what, f"no JSON came: {body_excerpt(response)}", status=response.status_code
        ) from error
    return Answer(value, what) if isinstance(value, dict) else value


def answer_object(response: requests.Response, what: str = "") -> Answer:
    """Return the JSON object of an answer, as `answer_json` does.

    Raises:
        BadAnswer: It is not a JSON object; the message shows what came.
    """
    answer = answer_json(response, what)
    if not isinstance(answer, Answer):
        text = f"no JSON object came: {body_excerpt(response)}"
        raise BadAnswer(what or call_of(response), text, status=response.status_code)
    return answer


def required_text(answer: Mapping[str, Any], name: str, what: str = "") -> str:
    """Return a field that an answer must have, a text or a whole number, as text.

    Args:
        answer: The answer, or an object within it.
        name: The field's.
        what: The call as messages name it. Default: what an `Answer` says.

    Raises:
        BadAnswer: The field is missing, empty or of another type.
    """
    value = answer.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise missing(answer, name, what)
    return str(value)


def missing(answer: Mapping[str, Any], name: str, what: str = "") -> BadAnswer:
    """Return the error for an answer that lacks a field; it names those that came, without their values."""
    came = redact(", ".join(map(str, answer)))[:SHOWN_CHARACTERS] or "nothing"
    what = what or getattr(answer, "what", "the call")
    return BadAnswer(what, f"no {name} came, only: {came}", status=200)


def may_succeed_later(status: int) -> bool:
    """Return whether a call with this status may succeed when it is repeated: 429 and 5xx."""
    return status == 429 or status >= 500


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that an answer asks to wait: `Retry-After` in seconds or as a date, else the
    rate-limit reset if nothing remains; None without either.
    """
    value = headers.get("Retry-After", "").strip()
    if value:
        try:
            seconds = float(value)
        except ValueError:
            seconds = _seconds_until(value, now)
        return min(max(0.0, seconds), MAX_WAIT_SECONDS) if math.isfinite(seconds) else None
    left = rate_left(headers, now)
    return None if left is None or left.remaining else left.reset_seconds


def _seconds_until(date: str, now: dt.datetime) -> float:
    """Return the seconds until an HTTP date; NaN for what is not a date."""
    try:
        at = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return math.nan
    return ((at if at.tzinfo else at.replace(tzinfo=dt.UTC)) - now).total_seconds()


@dataclass(frozen=True, slots=True)
class RateLeft:
    """What an answer's headers say about a rate limit; None for what they do not say."""

    limit: int | None
    remaining: int | None
    reset_seconds: float | None


def rate_left(headers: Mapping[str, str], now: dt.datetime) -> RateLeft | None:
    """Return the state of the vendor's rate limit (`X-RateLimit-Remaining`, `RateLimit-Reset` and their
    likes, also `-hour`), or None without such headers. The smallest remainder counts.
    """
    values: dict[str, list[float]] = {"limit": [], "remaining": [], "reset": []}
    for name, value in headers.items():
        match = _RATE_HEADER.fullmatch(name.lower())
        if match and (number := _number(value)) is not None:
            values[match[1]].append(number)
    if not any(values.values()):
        return None
    resets = [value - now.timestamp() if value > EPOCH_FROM else value for value in values["reset"]]
    return RateLeft(
        limit=int(max(values["limit"])) if values["limit"] else None,
        remaining=max(0, int(min(values["remaining"]))) if values["remaining"] else None,
        reset_seconds=max(0.0, *resets) if resets else None,
    )


def _number(value: str) -> float | None:
    """Return a header's number; None if it is not a finite number."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def body_excerpt(response: requests.Response) -> str:
    """Return the start of an answer's body for a message: one line, shortened, redacted."""
    text = " ".join(response.content[:4096].decode("utf-8", "replace").split())
    return redact(text)[:SHOWN_CHARACTERS] or "(empty body)"


def exception_text(error: Exception) -> str:
    """Return the message of an exception of requests, without object names and the query."""
    if isinstance(error, requests.ConnectTimeout):
        return "could not connect in time"
    if isinstance(error, (requests.Timeout, ReadTimeoutError)):
        return "no answer in time (request_timeout_seconds)"
    reason = getattr(error.args[0] if error.args else error, "reason", error)
    text = _CONNECTION.sub(r"\1:\2: ", str(reason))
    return redact(text)[:SHOWN_CHARACTERS] or type(error).__name__
