"""A schema error in words: which setting, what it must be, what it is."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import ValidationError

from tap_reports.redaction import REDACTED, redact
from tap_reports.setting import nearest
from tap_reports.settings.formats import FORMATS, URLS
from tap_reports.settings.schema import ENV_PREFIX, Schema, types_of, walk

KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
KINDS_OF_VALUES = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
}
MAX_SHOWN_VALUE = 60
MIN_SIMILARITY = 0.8
"""How alike two names are (0 to 1) if one is surely a typing error for the other."""


def errors_in_words(error: ValidationError) -> Iterator[str]:
    """Yield the sentences for one schema error."""
    setting = name_of(error.absolute_path)
    expected: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    got = _got(instance, schema, with_kind=error.validator not in {"enum", "format", *BOUNDS})
    match error.validator:
        case "additionalProperties":
            known = schema.get("properties", {})
            for name in instance:
                if name not in known:
                    yield f"{joined(setting, name)}: unknown setting.{nearest(name, known)}"
        case "required":
            yield from _missing(error, setting)
        case "type":
            wanted = " or ".join(KINDS[kind] for kind in types_of(schema))
            yield f"{setting}: must be {wanted}, {got}.{_example(instance, schema)}"
        case "enum":
            allowed = ", ".join(f'"{value}"' for value in expected if value is not None)
            yield f"{setting}: must be one of {allowed}, {got}.{nearest(str(instance), expected)}"
        case "minimum" | "exclusiveMinimum" | "maximum":
            yield f"{setting}: must be {BOUNDS[error.validator]} {expected}, {got}."
        case "format":
            yield f"{setting}: {FORMATS[expected].wanted}, {got}."
        case _:
            yield f"{setting}: {_alternatives(schema)}, {got}."


def _missing(error: ValidationError, setting: str) -> Iterator[str]:
    """Yield a sentence for each missing setting, unless a misspelt name stands for it."""
    schema: Any = error.schema
    instance: Any = error.instance
    unknown = [name for name in instance if name not in schema["properties"]]
    for name in schema["required"]:
        if name in instance or difflib.get_close_matches(name, unknown, n=1, cutoff=MIN_SIMILARITY):
            continue
        yield f"{joined(setting, name)}: required setting is missing; {how_to_set(setting, name)}"


def _got(value: Any, schema: Schema, *, with_kind: bool) -> str:
    """Return what was given; the value itself only if no part of the setting is secret."""
    is_secret = schema.get("secret") or any(setting.is_secret for setting in walk(schema))
    if is_secret or isinstance(value, (list, dict)):
        return f"not {KINDS_OF_VALUES.get(type(value), 'another value')}"
    if isinstance(value, str) and schema.get("format") in URLS:
        value = re.sub("(?s:.*)@", f"{REDACTED}@", value)
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= MAX_SHOWN_VALUE else f"{shown[:MAX_SHOWN_VALUE]}…"
    kind = (
        f"{KINDS_OF_VALUES.get(type(value), 'another value')}: "
        if with_kind and not isinstance(value, bool)
        else ""
    )
    return f"not {kind}{redact(shown)}"


def _example(value: Any, schema: Schema) -> str:
    """Return how to write a text as an object, if the object has exactly one required setting."""
    required = schema.get("required", ())
    if not isinstance(value, str) or len(required) != 1 or "properties" not in schema:
        return ""
    if schema["properties"][required[0]].get("secret"):
        return ""
    return f" Write {json.dumps({required[0]: value[:MAX_SHOWN_VALUE]}, ensure_ascii=False)}."


def _alternatives(schema: Schema) -> str:
    """Return what a setting with alternatives may be."""
    forms = [form for name in ("anyOf", "oneOf") for form in schema.get(name, ())]
    shown = [
        f'"{form["const"]}"' if "const" in form else " or ".join(KINDS[kind] for kind in types_of(form))
        for form in forms
    ]
    return f"must be {' or '.join(filter(None, shown))}" if forms else "does not fit"


def name_of(path: Iterable[Any]) -> str:
    """Return a path as people write it: `impact.reports[0].id`."""
    name = ""
    for part in path:
        name = f"{name}[{part}]" if isinstance(part, int) else joined(name, str(part))
    return name


def joined(setting: str, name: str) -> str:
    """Return the name of a setting within another; "" is the whole configuration."""
    return f"{setting}.{name}" if setting else name


def how_to_set(setting: str, name: str) -> str:
    """Return what to do about a missing setting."""
    if "[" in setting or not setting:
        return "add it."
    variable = f"{ENV_PREFIX}{setting}_{name}".upper().replace(".", "_")
    return f"add it, or set the variable {variable} and pass --config=ENV."
