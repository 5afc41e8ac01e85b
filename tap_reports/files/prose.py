"""Texts that are messages rather than tables, for reports whose columns nobody knows yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_MESSAGE_ROWS = 5
"""A message has no more lines."""

_PHRASES = re.compile(
    r"\b(?:please|sorry|try (?:again|later)|retry (?:in|after|later)|not (?:found|ready|available)|"
    r"unavailable|unauthori[sz]ed|forbidden|denied|bad request|bad gateway|server error|"
    r"server (?:is )?busy|too many|rate limit|limit exceeded|quota exceeded|timed out|maintenance|"
    r"could ?n[o']t|can ?not|can't|unable to|"
    r"does ?n[o']t|no such|is being|has expired|invalid (?:token|key|request|parameter|credentials|api)|"
    r"request id|traceback)\b",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"\W*(?:http )?(?:error|fehler|erreur|failed|failure|fatal|warning|exception|[45]\d\d)\b", re.IGNORECASE
)
_FULL_STOP = re.compile(r"[.!?…]\W*\Z")
_GOES_ON = re.compile(r" +[^\W\d_A-Z]")
"""A cell that begins with a blank and a small letter, as the words behind a comma do."""
_ANSWER_KEYS = frozenset(
    {"code", "detail", "details", "errorcode", "error_code", "status", "reason", "request_id"}
)
_ERROR_KEYS = frozenset({"error", "errors", "message", "error_message", "errormessage"})


def is_message(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the rows of a whole file, divided like CSV, are a message: an error, a request to wait."""
    if not rows or len(rows) > MAX_MESSAGE_ROWS:
        return False
    header = rows[0]
    keys = {cell.strip().casefold() for cell in header}
    return (
        any(map(_PHRASES.search, header))
        or (len(rows) == 1 and (len(header) == 1 or _FAILURE.match(header[0]) is not None))
        or (len(header) == 1 and (_FAILURE.match(header[0]) is not None or ": " in header[0]))
        or all(_is_sentence(row) for row in rows)
        or _is_prose(header)
        or (keys <= _ANSWER_KEYS | _ERROR_KEYS and bool(keys & _ERROR_KEYS))
    )


def _is_sentence(row: Sequence[str]) -> bool:
    text = " ".join(row)
    return len(text.split()) > (2 if len(row) == 1 else 3) and _FULL_STOP.search(text) is not None


def _is_prose(header: Sequence[str]) -> bool:
    """Tell whether cells are parts of one sentence that its commas divide."""
    words = max(len(cell.split()) for cell in header)
    return len(header) > 1 and words > 2 and all(map(_GOES_ON.match, header[1:]))
