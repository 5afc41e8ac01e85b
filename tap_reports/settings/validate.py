"""All errors of a configuration at once: those of the schema, then contradictions between settings."""

from __future__ import annotations

import copy
import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from tap_reports.models import Json
from tap_reports.models.columns import property_name
from tap_reports.setting import nearest
from tap_reports.settings.environment import shard_errors
from tap_reports.settings.formats import CHECKER, FORMATS, day_of
from tap_reports.settings.schema import Schema, settings_schema, types_of
from tap_reports.settings.words import MIN_SIMILARITY, errors_in_words, how_to_set, joined, name_of
from tap_reports.vendor import Vendor
from tap_reports.vendors import all_vendors


def errors_of(given: Json, *, for_sync: bool = False) -> list[str]:
    """Return a sentence for each error.

    Args:
        given: The configuration without nulls.
        for_sync: All configured reports will be extracted, so dated ones need a start_date.
    """
    wrong = _first_of_each_setting(_validator().iter_errors(given))
    errors = [text for error in wrong for text in errors_in_words(error)]
    errors += [f"{name}: unknown setting.{near}" for name, near in unknown_settings(given) if near]
    repaired, repairs = _repaired(given, wrong)
    for text in _contradictions(given, repaired, for_sync=for_sync):
        if not any(_is_about(text, *repair) for repair in repairs):
            errors.append(text)
    return list(dict.fromkeys(errors))


def unknown_settings(given: Json) -> Iterator[tuple[str, str]]:
    """Yield each unknown name of the top level, with the known name that is surely meant, or ""."""
    known = settings_schema()["properties"]
    for name in given:
        if name not in known:
            yield name, nearest(name, known, MIN_SIMILARITY)


def _validator() -> Draft202012Validator:
    return Draft202012Validator(settings_schema(), format_checker=CHECKER)


def _first_of_each_setting(errors: Iterable[ValidationError]) -> list[ValidationError]:
    """Return one error for each setting: a text in place of a number is not also too small."""
    by_setting: dict[tuple[Any, ...], ValidationError] = {}
    for error in errors:
        at = (
            *error.absolute_path,
            error.validator if error.validator in {"required", "additionalProperties"} else "",
        )
        if at not in by_setting or error.validator == "type":
            by_setting[at] = error
    return list(by_setting.values())


# --- wrong settings are replaced, so that the others can be checked --------------------------------------

STAND_IN = "stand_in_"
"""Prefix of the texts that replace missing ones."""
Repair = tuple[str, set[str]]
"""A replaced setting: where it is, and words by which an error that only follows from it is recognised."""


def _repaired(given: Json, errors: Iterable[ValidationError]) -> tuple[Json, list[Repair]]:
    """Return the settings with valid values in place of wrong and missing ones, and what was replaced."""
    repaired = copy.deepcopy(dict(given))
    number = itertools.count()
    repairs: list[Repair] = []
    for error in errors:
        path = list(error.absolute_path)
        schema: Any = error.schema
        instance: Any = error.instance
        if error.validator == "additionalProperties":
            for name in [name for name in instance if name not in schema["properties"]]:
                del _at(repaired, path)[name]
                meant = difflib.get_close_matches(str(name), schema["properties"], n=1, cutoff=MIN_SIMILARITY)
                repairs.append((name_of(path), set(meant)))
            continue
        if error.validator == "required":
            missing = [name for name in schema["required"] if name not in instance]
            parts = {name: schema["properties"][name] for name in missing}
        else:
            parts = {path.pop(): schema}
        for name, part in parts.items():
            value = _at(repaired, path)[name] = _stand_in(part, number)
            words = {str(name), value} if isinstance(value, str) else {str(name)}
            repairs.append((name_of(path), words))
    return repaired, repairs


def _stand_in(schema: Schema, number: Iterator[int]) -> Any:
    """Return a value that fits a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match next(iter(types_of(schema)), ""):
        case "string":
            form = FORMATS.get(schema.get("format", ""))
            return (form and form.example) or f"{STAND_IN}{next(number)}"
        case "array":
            return [_stand_in(schema.get("items", {}), number)]
        case "object":
            inner = schema.get("properties", {})
            return {name: _stand_in(inner[name], number) for name in schema.get("required", ())}
        case "boolean":
            return False
    return schema.get("minimum", 1)


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for name in path:
        value = value[name]
    return value


def _is_about(text: str, setting: str, words: set[str]) -> bool:
    """Return whether a sentence is about a replaced setting, or its stand-in."""
    return text.startswith(setting) and any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


# --- contradictions -----------------------------------------------------------------------------------


def _contradictions(given: Json, repaired: Json, *, for_sync: bool) -> Iterator[str]:
    """Yield what is wrong with settings that each fit the schema."""
    vendors = all_vendors()
    first, last = day_of(repaired.get("start_date")), day_of(repaired.get("end_date"))
    if first and last and first > last:
        yield f"start_date: {first} is after end_date, {last}; swap or correct them."
    yield from shard_errors(repaired)
    if not any(name in given for name in vendors) and not any(near for _, near in unknown_settings(given)):
        yield f"No vendor is configured; add at least one of the blocks {', '.join(vendors)}."
    names: Counter[str] = Counter()
    for name, block in ((name, repaired[name]) for name in vendors if name in repaired):
        yield from (f"{name}.{text}" for text in _block_errors(vendors[name], block))
        reports = reports_of(vendors[name], block) or ()
        names.update(filter(None, (stream_name(vendors[name], report) for report in reports)))
    for name, count in names.items():
        if count > 1:
            yield f'{count} reports are named "{name}"; give each report its own "name".'
    if for_sync and "start_date" not in repaired and (dated := list(_dated_streams(repaired))):
        yield missing_start_date(dated)


def _block_errors(vendor: Vendor, block: Json) -> Iterator[str]:
    """Yield what is wrong with a vendor's block, without its name."""
    yield from vendor.check(block)
    interval, max_interval = block.get("poll_interval_seconds"), block.get("poll_max_interval_seconds")
    if interval and max_interval and interval > max_interval:
        yield "poll_interval_seconds: must not exceed poll_max_interval_seconds."
    schema = settings_schema()["properties"][vendor.name]
    parts = [("", block, schema)] + [
        (f"reports[{index}]", report, schema["properties"]["reports"]["items"])
        for index, report in enumerate(block.get("reports") or ())
    ]
    for part, settings, known in parts:
        for name in known.get("required", ()):
            # A CI job without its secrets passes empty texts.
            if isinstance(settings.get(name), str) and not settings[name].strip():
                remedy = how_to_set(part or vendor.name, name)
                yield f"{joined(part, name)}: required setting is empty; {remedy}"


def _dated_streams(config: Json) -> Iterator[str]:
    """Yield the streams that are known to be extracted by days."""
    for name, vendor in all_vendors().items():
        if name not in config:
            continue
        for report in reports_of(vendor, config[name]) or ():
            if vendor.is_dated(report):
                stream = stream_name(vendor, report) or name
                yield name if STAND_IN in stream else stream
        yield from (f"{name}_{extra}" for extra in vendor.dated_extras(config[name]))


def missing_start_date(dated: Iterable[str]) -> str:
    """Return the error for a missing start_date, with the streams that need it."""
    return f"start_date: required setting is missing; reports extracted by days need it: {', '.join(dated)}."


def stream_name(vendor: Vendor, report: Json) -> str | None:
    """Return the stream name of a report's settings, if it is known without a call."""
    half = report.get("name") or vendor.report_name(report)
    return f"{vendor.name}_{property_name(half)}" if half else None


def reports_of(vendor: Vendor, block: Json) -> list[Json] | None:
    """Return the settings of a block's reports; None: all that the vendor lists."""
    reports = block.get("reports") or vendor.default_reports
    return None if reports is None else list(reports)
