"""JSON that speaks of a report instead of being one: errors, and rows where nobody looks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tap_reports.files.header import knows

if TYPE_CHECKING:
    from tap_reports.models import Layout

OTHER_FORMAT = "If the vendor's format has changed, ask for CSV or report it."
ERROR_KEYS = frozenset(
    {"error", "errors", "errormessage", "error_message", "errorcode", "error_code", "fault"}
)
ERROR_WORDS = frozenset({"error", "failed", "failure", "fail"})
"""Values of `status` that say so."""
ENVELOPE_KEYS = frozenset({"status", "message", "code", "detail", "details", "title", "success", "reason"})
"""An object of these alone is an answer about a report, not a row of one."""


def says_error(values: Mapping[str, Any]) -> bool:
    """Tell whether an object's keys, in lower case, and values say that something went wrong."""
    says_so = str(values.get("status")).casefold() in ERROR_WORDS
    return says_so or any(holds_something(values.get(key)) for key in ERROR_KEYS)


def holds_something(value: Any) -> bool:
    """Tell whether a value says anything: `{"count": 0, "list": []}` does not."""
    if isinstance(value, dict):
        return any(map(holds_something, value.values()))
    return any(map(holds_something, value)) if isinstance(value, list) else bool(value)


def holds_rows(value: Any) -> bool:
    """Tell whether a list of objects, or of lists, is in a value."""
    if isinstance(value, dict):
        return any(map(holds_rows, value.values()))
    return isinstance(value, list) and bool(value) and all(isinstance(one, (dict, list)) for one in value)


def is_error(keys: Iterable[str], layout: Layout) -> bool:
    """Tell whether rows of such keys are errors rather than a report's."""
    names = {key.casefold() for key in keys}
    return bool(names & ERROR_KEYS) and names <= ERROR_KEYS | ENVELOPE_KEYS and not knows([*keys], layout)
