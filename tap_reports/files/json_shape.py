"""Where the rows of a JSON file are, and answers that are no report at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files.part import BUFFER
from tap_reports.files.text import beginning, open_utf8, shown
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from tap_reports.files.part import Part
    from tap_reports.models import Layout

ARRAY = "item"
LINES = "\n"
LONE = ""
REPORTS = "reports"

ERROR_KEYS = frozenset(
    {"error", "errors", "errormessage", "error_message", "errorcode", "error_code", "fault"}
)
ERROR_WORDS = frozenset({"error", "failed", "failure", "fail"})
"""Values of `status` that say so."""
ENVELOPE_KEYS = frozenset({"status", "message", "code", "detail", "details", "title", "success", "reason"})
"""An object of these alone is an answer about a report, not a row of one."""

Facts = dict[str, Any]
"""Top-level keys in lower case -> scalars; () for anything nested."""


def is_blank(part: Part) -> bool:
    """Tell whether there is nothing but white space in a file."""
    if beginning(part):
        return False
    with open_utf8(part) as stream:
        return not any(chunk.strip() for chunk in iter(partial(stream.read, BUFFER), b""))


def shape(part: Part, layout: Layout) -> str | None:
    """Look at the beginning of a file until it is clear where its rows are.

    Returns:
        An ijson path (LONE: the whole file is one row), LINES, REPORTS, or None: it has no rows.

    Raises:
        FileError: It is no report.
    """
    import ijson

    with open_utf8(part) as stream:
        events = ijson.basic_parse(stream, multiple_values=True)
        event, _ = next(events, ("null", None))
        if event == "start_array":
            return ARRAY
        if event == "start_map":
            return _shape_of_object(part, layout, events)
        if event == "null" and next(events, None) is None:
            return None
    raise _no_report(part, "a JSON value")


def refuse_complaint(part: Part) -> None:
    """Raise FileError for a file without rows that names an error beside them. Reads the whole file."""
    import ijson

    with open_utf8(part) as stream:
        events = ijson.basic_parse(stream, multiple_values=True)
        event, _ = next(events, ("null", None))
        facts = {key.casefold(): value for key, _, value in _entries(events)} if event == "start_map" else {}
        for _ in events:
            pass
    if _complains(facts):
        raise _no_report(part, "an error")


def _shape_of_object(part: Part, layout: Layout, events: Iterator[tuple[str, Any]]) -> str | None:
    facts: Facts = {}
    for key, event, value in _entries(events):
        if key in layout.records or (key == REPORTS and event == "start_array"):
            if _complains(facts):
                raise _no_report(part, "an error")
            return _shape_of_rows(part, key, event, events) if key in layout.records else REPORTS
        facts[key.casefold()] = value
    follows = next(events, None)
    if follows == ("start_map", None):
        return LINES
    if (
        follows is None
        and layout.format is FileFormat.JSON
        and not layout.records
        and not _is_envelope(facts)
    ):
        return LONE if facts else None
    raise _no_report(part, "a JSON object without rows")


def _shape_of_rows(part: Part, key: str, event: str, events: Iterator[tuple[str, Any]]) -> str | None:
    """Return where the rows under `key` are; an empty list may be written as `null` or `{}`."""
    if event == "start_array":
        return f"{key}.item"
    if event == "null" or (event == "start_map" and next(events)[0] == "end_map"):
        return None
    raise _no_report(part, f'a JSON object whose "{key}" is no list')


def _entries(events: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Yield key, first event and value of each entry of the object that has just begun, to its end."""
    for event, key in events:
        if event == "end_map":
            return
        first, value = next(events)
        is_nested = first.startswith("start_")
        yield key, first, () if is_nested else value
        depth = int(is_nested)
        while depth:
            inner, _ = next(events)
            depth += inner.startswith("start_") - inner.startswith("end_")


def _complains(facts: Facts) -> bool:
    return str(facts.get("status")).casefold() in ERROR_WORDS or any(facts.get(key) for key in ERROR_KEYS)


def _is_envelope(facts: Facts) -> bool:
    """Tell an answer about a report from a row of one."""
    names_error = any(facts.get(key) is not None for key in ERROR_KEYS)
    return names_error or _complains(facts) or (bool(facts) and facts.keys() <= ENVELOPE_KEYS)


def _no_report(part: Part, what: str) -> FileError:
    return FileError(f'{part.name} is {what}, not a report. It begins: "{shown(beginning(part))}".')
