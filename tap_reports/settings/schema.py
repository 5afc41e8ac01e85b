"""The JSON schema of the settings, and a walk over it for `--about`, variables, secrets, plugin files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import merge_missing_config_jsonschema
from singer_sdk.helpers.capabilities import BATCH_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from tap_reports.models import Kind
from tap_reports.setting import (
    COUNT,
    DAYS,
    FLAG,
    HOURS,
    POSITIVE,
    SECONDS,
    TEXT,
    TEXTS,
    setting,
    settings_object,
    text,
)
from tap_reports.settings.formats import API_URL, DATE_FORMAT, DELIMITER, ENCODING, NOT_EMPTY
from tap_reports.settings.top_level import TOP_LEVEL
from tap_reports.vendor import Vendor
from tap_reports.vendors import all_vendors

Schema = Mapping[str, Any]

ENV_PREFIX = "TAP_REPORTS_"
EACH = "[]"
"""In a path, after the name of a list: each of its entries."""
_MAX_VARIABLE_DEPTH = 2

COMMON: tuple[th.Property[Any], ...] = (
    setting("api_url", text(API_URL), "Base URL; `http://` only for loopback hosts."),
    setting(
        "max_jobs_in_flight", POSITIVE, "Maximum number of jobs that are submitted and not yet finished."
    ),
    setting("lookback_days", DAYS, "Days before the bookmark that are extracted again (restatements)."),
    setting("slice_days", POSITIVE, "Longest date range of one job."),
    setting("poll_interval_seconds", SECONDS, "Overrides the top level for this vendor."),
    setting("poll_max_interval_seconds", SECONDS, "Overrides the top level for this vendor."),
    setting("job_deadline_seconds", SECONDS, "Overrides the top level for this vendor."),
    setting("reuse_job_hours", HOURS, "Overrides the top level for this vendor."),
)

FILE: tuple[th.Property[Any], ...] = (
    setting("encoding", text(ENCODING), "Such as `cp1252`. Default: by byte order mark, else UTF-8."),
    setting("delimiter", text(DELIMITER), "One character between the cells of CSV. Default: detected."),
    setting(
        "decimal_separator",
        TEXT,
        "Of numbers written as text. Default: `.`, and a comma is accepted only as a thousands separator.",
        words=[".", ","],
    ),
    setting("header_row", POSITIVE, "Row with the header, from 1. Default: detected."),
    setting("footer_rows", COUNT, "Rows to drop at the end. Default: 0."),
    setting("hidden_sheets", FLAG, "Read hidden sheets of a workbook, too. Default: false."),
    setting("null_words", TEXTS, "Words that mean null, as an empty cell does, such as `N/A`."),
    setting(
        "date_format",
        text(DATE_FORMAT),
        "Format of dates, in pendulum's tokens, such as `MM/DD/YYYY h:mm A`.",
    ),
)

REPORT: tuple[th.Property[Any], ...] = (
    setting("name", text(NOT_EMPTY), "Second half of the stream name."),
    setting("primary_keys", TEXTS, "Columns that identify a row (header or property)."),
    setting("replication_key", TEXT, "Its date column (header or property)."),
    setting(
        "columns",
        th.ObjectType(additional_properties=th.StringType(allowed_values=[kind.value for kind in Kind])),
        "Column name -> " + " | ".join(kind.value for kind in Kind) + ".",
    ),
    setting("lookback_days", DAYS, "Overrides the vendor block's."),
    setting("slice_days", POSITIVE, "Overrides the vendor block's."),
    setting(
        "file",
        settings_object(*FILE),
        "What cannot be known from its files, or is detected wrongly; see docs/files.md: "
        + ", ".join(f"`{setting_.name}`" for setting_ in FILE)
        + ".",
    ),
)


@cache
def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of the whole configuration, the settings of every SDK tap included."""
    blocks = [th.Property(name, _block(vendor), title=vendor.title) for name, vendor in all_vendors().items()]
    schema: dict[str, Any] = th.PropertiesList(*TOP_LEVEL, *blocks).to_dict()
    for built_in in (STREAM_MAPS_CONFIG, FLATTENING_CONFIG, BATCH_CONFIG):
        merge_missing_config_jsonschema(_without_broken_parts(built_in), schema)
    return schema


def _without_broken_parts(schema: Any) -> Any:
    """Return an SDK schema without the plain texts in its `anyOf` and `oneOf`, which break validators."""
    if isinstance(schema, dict):
        return {
            name: [_without_broken_parts(choice) for choice in part if isinstance(choice, dict)]
            if name in {"anyOf", "oneOf"}
            else _without_broken_parts(part)
            for name, part in schema.items()
        }
    return schema


def _block(vendor: Vendor) -> th.ObjectType:
    defaults = {
        "api_url": vendor.api_url,
        "max_jobs_in_flight": vendor.max_jobs_in_flight,
        "lookback_days": vendor.lookback_days,
        "slice_days": vendor.slice_days_in_words or vendor.slice_days,
    }
    report = settings_object(*vendor.report_settings, *_for_vendor(REPORT, vendor, {}))
    reports = setting("reports", th.ArrayType(report), "Reports to extract; each becomes a stream.")
    return settings_object(*vendor.settings, *_for_vendor(COMMON, vendor, defaults), reports)


def _for_vendor(
    settings: Iterable[th.Property[Any]], vendor: Vendor, defaults: Mapping[str, Any]
) -> Iterator[th.Property[Any]]:
    """Yield settings with the vendor's longest slice, and its defaults in their descriptions.

    A default in the schema would hide whether the user set it, and a report type's default comes in between.
    """
    for common in settings:
        is_bounded = common.name == "slice_days" and vendor.max_slice_days is not None
        kind = th.IntegerType(minimum=1, maximum=vendor.max_slice_days) if is_bounded else common.wrapped
        default = f" Default: {defaults[common.name]}." if common.name in defaults else ""
        yield setting(common.name, kind, f"{common.description}{default}")


@dataclass(frozen=True, slots=True)
class SettingPath:
    """One setting of the schema.

    Attributes:
        path: The names that lead to it; a list of objects ends in `[]` (`reports[]`).
        schema: Its own schema.
        required: Its object must have it.
    """

    path: tuple[str, ...]
    schema: Schema
    required: bool = False

    @property
    def name(self) -> str:
        """The path as people write it: `impact.reports[].id`."""
        return ".".join(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        return bool(self.schema.get("secret"))

    @property
    def variable(self) -> str:
        """Its environment variable; "" inside a list, or deeper than in a block."""
        if len(self.path) > _MAX_VARIABLE_DEPTH or any(part.endswith(EACH) for part in self.path):
            return ""
        return f"{ENV_PREFIX}{'_'.join(self.path).upper()}"


def walk(schema: Schema, path: tuple[str, ...] = ()) -> Iterator[SettingPath]:
    """Yield each setting of an object's schema, followed by those within it."""
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        yield SettingPath((*path, name), part, name in required)
        yield from walk(part, (*path, name))
        items = part.get("items")
        if isinstance(items, Mapping):
            yield from walk(items, (*path, f"{name}{EACH}"))


def types_of(schema: Schema) -> list[str]:
    """Return the JSON types that a schema takes, null aside."""
    types = schema.get("type", [])
    return [kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"]
