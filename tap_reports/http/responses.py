"""Reading HTTP answers, and showing them in messages: shortened, one line, without secrets."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests

from tap_reports.exceptions import BadAnswer
from tap_reports.redaction import redact

SHOWN_CHARACTERS = 300
EPOCH_FROM = 10**9
"""A rate-limit reset above this is a Unix time, below it seconds (vendors disagree with themselves)."""


def answer_json(response: requests.Response, what: str) -> Any:
    """Return the JSON of an answer, numbers with their digits.

    Raises:
        BadAnswer: It is no JSON; the message shows what came.
    """
    try:
        return json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        raise BadAnswer(
            what, f"no JSON came: {body_excerpt(response)}", status=response.status_code
        ) from error


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that an answer asks to wait: `Retry-After` in seconds or as a date,
    else the rate-limit reset headers where they say that nothing remains; None without any.
    """
    value = headers.get("Retry-After", "").strip()
    if value:
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        try:
            return max(0.0, (email.utils.parsedate_to_datetime(value) - now).total_seconds())
        except (TypeError, ValueError):
            return None
    return _until_reset(headers, now)


def _until_reset(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds until a rate limit resets; None where the answer says that some of it is left."""
    left = [value for name, value in headers.items() if "ratelimit-remaining" in name.lower()]
    if left and "0" not in left:
        return None
    for name in ("X-RateLimit-Reset", "RateLimit-Reset"):
        try:
            reset = float(headers.get(name, ""))
        except ValueError:
            continue
        return max(0.0, reset - now.timestamp()) if reset > EPOCH_FROM else max(0.0, reset)
    return None


def is_safe(url: str) -> bool:
    """Return whether a URL is https, or http on a loopback host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    loopback = host in {"localhost", "::1"} or host.startswith("127.")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))


def same_origin(url: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port."""

    def origin(text: str) -> tuple[str, str, int]:
        parts = urlsplit(text)
        return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    return origin(url) == origin(other)


def body_excerpt(response: requests.Response) -> str:
    """Return the start of an answer's body for a message: one line, shortened, redacted."""
    try:
        raw: bytes = next(response.iter_content(4096), b"")
    except Exception:
        raw = b""
    text = " ".join(raw.decode("utf-8", "replace").split())
    return redact(text)[:SHOWN_CHARACTERS] or "(empty body)"


def shown_exception(error: Exception) -> str:
    """Return what a requests exception says, without the object noise and without the query."""
    if isinstance(error, requests.ConnectTimeout):
        return "could not connect in time"
    if isinstance(error, requests.Timeout):
        return "no answer in time (request_timeout_seconds)"
    reason = getattr(error.args[0] if error.args else error, "reason", error)
    text = str(reason).rsplit(">: ", maxsplit=1)[-1]
    return redact(text)[:SHOWN_CHARACTERS] or type(error).__name__
