"""What can be wrong with a configuration, in words: which setting, what is wrong, what to do."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from jsonschema import ValidationError

from tap_reports.files.columns import property_name
from tap_reports.http.origin import is_safe
from tap_reports.models import Json
from tap_reports.settings import schema as config_schema
from tap_reports.settings.shard import shard_errors
from tap_reports.vendor import Vendor
from tap_reports.vendors import all_vendors

ENV_PREFIX = "TAP_REPORTS_"
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


def worded(error: ValidationError) -> Iterator[str]:
    """Yield the sentences for one schema error. Values are not shown: they may be secrets."""
    place = _place(error.absolute_path)
    expected: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties" if expected is False:
            schema: Any = error.schema
            known = schema.get("properties", {})
            for name in instance:
                if name not in known:
                    yield f"{_join(place, name)}: unknown setting.{nearest(name, known)}"
        case "required":
            for name in expected:
                if name not in instance:
                    yield f"{_join(place, name)}: required setting is missing; {_how_to_set(place, name)}"
        case "type":
            kinds = expected
            kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
            yield f"{place}: must be {' or '.join(kinds)}, not {type(instance).__name__}."
        case "enum":
            allowed = ", ".join(f'"{value}"' for value in expected if value is not None)
            yield f"{place}: must be one of {allowed}.{nearest(str(instance), expected)}"
        case "minimum" | "exclusiveMinimum" | "maximum":
            words = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
            yield f"{place}: must be {words[str(error.validator)]} {expected}."
        case _:
            yield f"{place}: does not fit {error.validator} {expected}."


def mistakes(config: Json, sound: Json) -> Iterator[str]:
    """Yield what is wrong with the settings in `sound`, those that fit the schema."""
    vendors = all_vendors()
    yield from _date_mistakes(sound)
    yield from _postback_mistakes(sound.get("postbacks"))
    yield from shard_errors(sound)
    if not any(name in config for name in vendors):
        known = config_schema.settings_schema()["properties"]
        guess = [nearest(name, vendors) for name in config if name not in known]
        yield (
            f"No vendor is configured; add at least one of the blocks {', '.join(vendors)}."
            f"{next(filter(None, guess), '')}"
        )
    names: Counter[str] = Counter()
    for name, block in ((name, sound[name]) for name in vendors if name in sound):
        vendor = vendors[name]
        yield from (f"{name}.{text}" for text in vendor.check(block))
        yield from _block_mistakes(vendor, block)
        reports = reports_of(vendor, block) or ()
        names.update(filter(None, (stream_name(vendor, report) for report in reports)))
    for name, count in names.items():
        if count > 1:
            yield f'{count} reports are named "{name}"; give each report its own "name".'


def dated_streams(sound: Json) -> list[str]:
    """Return the streams that are known to be extracted by days."""
    found: list[str] = []
    for vendor in all_vendors().values():
        block = sound.get(vendor.name)
        if block is None:
            continue
        reports = [report for report in reports_of(vendor, block) or () if vendor.is_dated(report)]
        found.extend(stream_name(vendor, report) or vendor.name for report in reports)
        if block.get("clicks"):
            found.append(f"{vendor.name}_clicks")
    return found


def missing_start_date(dated: Iterable[str]) -> str:
    """Return the mistake of a configuration without start_date, with the streams that need it."""
    return f"start_date: required setting is missing; {', '.join(dated)} are extracted by days."


def unknown_top_level(raw: Json, known: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each setting that nobody reads."""
    names = list(known)
    for name in raw:
        if name not in names:
            yield f"{name}: unknown setting, ignored.{nearest(name, names)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for the nearest known name, or ""."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f' Did you mean "{found[0]}"?' if found else ""


def stream_name(vendor: Vendor, report: Json) -> str | None:
    """Return the stream name of a report's settings, where it is known without a call."""
    half = report.get("name") or vendor.report_name(report)
    return f"{vendor.name}_{property_name(half)}" if half else None


def reports_of(vendor: Vendor, block: Json) -> list[Json] | None:
    """Return the settings of a block's reports; None: what the vendor lists."""
    reports = block.get("reports") or vendor.default_reports
    return None if reports is None else list(reports)


def day_of(text: Any) -> dt.date | None:
    """Return the day that a setting names, as written (no zone arithmetic), or None."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text.strip()):
        return None
    try:
        dt.datetime.fromisoformat(text.strip())
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def listen_address(text: str) -> tuple[str, int] | None:
    """Return host and port of `host:port`, or None."""
    host, _, port = text.rpartition(":")
    fits = host and port.isdecimal() and int(port) <= 65535
    return (host.strip("[]"), int(port)) if fits else None


def _date_mistakes(config: Json) -> Iterator[str]:
    days: dict[str, dt.date] = {}
    for name in ("start_date", "end_date"):
        if name not in config:
            continue
        day = day_of(config[name])
        if day is None:
            yield f'{name}: must be a day such as 2026-01-31 or an RFC 3339 time, not "{config[name]}".'
        else:
            days[name] = day
    if len(days) == 2 and days["start_date"] > days["end_date"]:
        yield f"start_date {days['start_date']} is after end_date {days['end_date']}; swap or correct them."


def _block_mistakes(vendor: Vendor, block: Json) -> Iterator[str]:
    name = vendor.name
    if "api_url" in block and not is_safe(block["api_url"]):
        yield f"{name}.api_url: must be an https:// URL (http:// only for loopback hosts)."
    first, most = block.get("poll_interval_seconds"), block.get("poll_max_interval_seconds")
    if first and most and first > most:
        yield f"{name}.poll_interval_seconds: must not exceed poll_max_interval_seconds."
    schema = config_schema.settings_schema()["properties"][name]
    report_schema = schema["properties"]["reports"]["items"]
    places = [(name, block, schema)] + [
        (f"{name}.reports[{index}]", report, report_schema)
        for index, report in enumerate(block.get("reports") or ())
    ]
    for place, settings, known in places:
        yield from _empty(place, settings, known.get("required", ()))
        days = settings.get("slice_days")
        if days and vendor.max_slice_days and days > vendor.max_slice_days:
            yield f"{place}.slice_days: the vendor takes at most {vendor.max_slice_days} days in one report."
        if "name" in settings and not settings["name"].strip():
            yield f"{place}.name: must not be empty."
        yield from _file_mistakes(f"{place}.file", settings.get("file") or {})


def _file_mistakes(place: str, block: Json) -> Iterator[str]:
    delimiter = block.get("delimiter")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        yield f"{place}.delimiter: must be one character of ASCII, and neither a quote nor a line break."
    encoding = block.get("encoding")
    if encoding is not None and not _is_encoding(encoding):
        yield f'{place}.encoding: "{encoding}" is not known; use a name such as utf-16, cp1252 or shift_jis.'
    if "date_format" in block and not re.search("[YXx]", re.sub(r"\\.|\[[^\]]*\]", "", block["date_format"])):
        yield f"{place}.date_format: must name a year, in pendulum's tokens, such as MM/DD/YYYY h:mm A."


def _is_encoding(name: str) -> bool:
    """Tell whether Python can read text of an encoding."""
    try:
        return bool("a".encode(name))
    except (LookupError, ValueError):  # not known, not of text, or not a name
        return False


def _empty(place: str, settings: Json, required: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each required text without a character: a secret that a CI job did not get."""
    for name in required:
        text = settings.get(name)
        if isinstance(text, str) and not text.strip():
            yield f"{_join(place, name)}: required setting is empty; {_how_to_set(place, name)}"


def _postback_mistakes(block: Json | None) -> Iterator[str]:
    if block is None:
        return
    if not block.get("secret"):
        yield "postbacks.secret: must not be empty; choose a long random text."
    if listen_address(block.get("listen", "")) is None:
        yield 'postbacks.listen: must be "host:port", such as "0.0.0.0:8080".'
    parts = urlsplit(block.get("public_url", ""))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        yield "postbacks.public_url: must be an http(s) URL under which the vendors reach `listen`."


def _place(path: Iterable[Any]) -> str:
    place = ""
    for part in path:
        place = f"{place}[{part}]" if isinstance(part, int) else _join(place, str(part))
    return place or "configuration"


def _join(place: str, name: str) -> str:
    return name if place in {"", "configuration"} else f"{place}.{name}"


def _how_to_set(place: str, name: str) -> str:
    if "[" in place or place == "configuration":
        return "add it."
    variable = f"{ENV_PREFIX}{place}_{name}".upper().replace(".", "_")
    return f"add it, or set the variable {variable} and pass --config=ENV."
