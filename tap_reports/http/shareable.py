"""Makes calls safe to share: only fields known to contain nothing private keep their values.

All fields keep their names, so that the structure can be seen. Of other values only the shape is kept:
letters become `x`, digits `1`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from requests.utils import requote_uri

from tap_reports.http.responses import json_of
from tap_reports.redaction import REDACTED, without_known

ACCOUNT = "_account_"
"""Replaces the account's name, also in paths."""
FILES = "https://files.example.com/"
"""Replaces a link; a number follows."""
MAX_TEXT = 300
_KNOWN = """
    status report_id table vtable tables table_granularity granularity metric_name metrics
    supported_granularity name key_column type start_date end_date start end errors error message
    warnings valid_values response_format delivery_method estimated_credits is_valid latest
    event_type Status StatusMessage Id Type DataType Format Name Category Description ApiAccessible
    Field Message Timezone Currency CreatedDate StartedDate CompletedDate AbandonedDate
    CancelledDate FailedDate LastProgressUpdateDate RecordsProcessed PercentageComplete Replayable
    START_DATE END_DATE StartDate EndDate Date ResultFormat UniqueClick Page PageSize CreatedAfter
    CreatedBefore product splits dimension reportFormat tokenType grant_type report_name reports
    ticket_id sheet_name format start_time end_time force_update detail countries
"""
KNOWN_FIELDS = frozenset(_KNOWN.split())
"""Fields of the four vendors whose texts are words of the API, names of reports and columns, ids, dates."""
KNOWN_HEADERS = frozenset(
    {
        *("accept", "content-type", "content-encoding", "content-range", "retry-after", "ir-version", "etag"),
        *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy", "date", "range"),
    }
)
_RATE = re.compile(r"x-ratelimit-[\w-]+|ratelimit-[\w-]+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://\S+")
_LONG_DIGITS = re.compile(r"\d{7,}")
_DAY = re.compile(
    r"\d{4}-\d{2}(?:-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?)?"
    r"|[A-Z][a-z]{2} \d{1,2}, \d{4}|\d{1,2}/\d{1,2}/\d{4}"
)
_EXPONENT = re.compile(r"([+-]?[\d.]+)([eE][+-]?\d+)")
_ZERO_FRACTION = re.compile(r"(?<=\d)\.0+$")
_RELATIVE_URI = re.compile(r"(?:\w*uri|@\w+)", re.IGNORECASE)


class Shareable:
    """Makes values safe to share; the same value gives the same result. Thread-safe."""

    def __init__(self) -> None:
        self._links: dict[str, str] = {}
        self._accounts: list[str] = []
        self._lock = threading.Lock()

    def add_account(self, name: str) -> None:
        """Replace an account's name wherever it appears."""
        with self._lock:
            self._accounts = sorted({*self._accounts, name}, key=len, reverse=True)

    def link(self, url: str) -> str:
        """Return the replacement of a link."""
        with self._lock:
            return self._links.setdefault(requote_uri(url), f"{FILES}{len(self._links) + 1}")

    def url(self, url: str, *, is_link: bool = False) -> str:
        """Return a call's URL: the replacement of a link, or the API's path with shareable parameters."""
        if is_link or requote_uri(url) in self._links:
            return self.link(url)
        parts = urlsplit(url)
        query = [
            (name, self.text(name, value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        return urlunsplit((parts.scheme, parts.netloc, self._harmless(parts.path), urlencode(query), ""))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers: harmless values as they are, a redirect's target as a link, others redacted."""
        shown = {}
        for name, value in headers.items():
            low = name.lower()
            if low in KNOWN_HEADERS or _RATE.fullmatch(low):
                shown[name] = self._harmless(value)
            elif low == "location":
                shown[name] = self.link(value) if "://" in value else self._harmless(value)
            else:
                shown[name] = REDACTED
        return shown

    def body(self, body: bytes) -> str:
        """Return an API call's body: JSON field by field, anything else as the beginning of its text."""
        try:
            value = json_of(body, parse_float=float)
        except ValueError:
            return self._harmless(" ".join(body[:4096].decode("utf-8", "replace").split()))[:MAX_TEXT]
        return json.dumps(self.value("", value), ensure_ascii=False)

    def value(self, field: str, value: Any) -> Any:
        """Return a JSON value; the items of a list belong to the list's field."""
        if isinstance(value, Mapping):
            return {str(name): self.value(str(name), item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(field, item) for item in value]
        return self.text(field, value) if isinstance(value, str) else value

    def text(self, field: str, text: str) -> str:
        """Return a field's text."""
        if text.startswith(("https://", "http://")):
            return self.link(text)
        if field in KNOWN_FIELDS or _RELATIVE_URI.fullmatch(field) or field.startswith("SHOW_"):
            return self._harmless(text)
        return masked(text)

    def _harmless(self, text: str) -> str:
        """Return a harmless text without the secrets, accounts, e-mail addresses and links within it."""
        for account in self._accounts:
            text = text.replace(account, ACCOUNT).replace(quote(account, safe=""), ACCOUNT)
        return without_known(_ADDRESS.sub("x@example.com", _URL.sub(lambda match: self.link(match[0]), text)))


def masked(text: str) -> str:
    """Return the shape of a text: letters are `x`, digits `1`.

    Kept are days, `true` and `false`, and what shows whether a number is a whole number (an exponent, a
    fraction of zeros) or a code (leading zeros).
    """
    if _DAY.fullmatch(text) or text.lower() in {"true", "false"}:
        return text
    if number := _EXPONENT.fullmatch(text):
        return masked(number[1]) + number[2]
    without_zeros = text.lstrip("0")
    start = len(text) - len(without_zeros) if without_zeros[:1].isdecimal() else 0
    zeros = _ZERO_FRACTION.search(text, start)
    end = zeros.start() if zeros else len(text)
    shape = ("1" if char.isdecimal() else "x" if char.isalpha() else char for char in text[start:end])
    return "".join((text[:start], *shape, text[end:]))[:MAX_TEXT]


def header_texts(header: Iterable[str]) -> list[str]:
    """Return a file's header; a name that looks like a cell is masked, as the file may have no header."""
    return [
        masked(text) if _ADDRESS.search(text) or _LONG_DIGITS.search(text) or _URL.search(text) else text
        for text in header
    ]
