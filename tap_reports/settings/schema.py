"""The JSON schema of the settings: the top level, what every vendor block takes, each vendor's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import merge_missing_config_jsonschema
from singer_sdk.helpers.capabilities import BATCH_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from tap_reports.models import Kind
from tap_reports.settings.formats import API_URL, DATE_FORMAT, DELIMITER, ENCODING, NOT_EMPTY
from tap_reports.settings.top_level import COUNT, DAYS, HOURS, POSITIVE, SECONDS, TOP_LEVEL, text
from tap_reports.vendor import Vendor
from tap_reports.vendors import all_vendors

COMMON: tuple[th.Property[Any], ...] = (
    th.Property("api_url", text(API_URL), description="Base URL; `http://` only for loopback hosts."),
    th.Property(
        "max_jobs_in_flight",
        POSITIVE,
        description="Most jobs submitted and not yet finished.",
    ),
    th.Property(
        "lookback_days",
        DAYS,
        description="Days before the bookmark that are extracted again (restatements).",
    ),
    th.Property("slice_days", POSITIVE, description="Longest date range of one job."),
    th.Property("poll_interval_seconds", SECONDS, description="Overrides the top level for this vendor."),
    th.Property("poll_max_interval_seconds", SECONDS, description="Overrides the top level for this vendor."),
    th.Property("job_deadline_seconds", SECONDS, description="Overrides the top level for this vendor."),
    th.Property("reuse_job_hours", HOURS, description="Overrides the top level for this vendor."),
)

FILE: tuple[th.Property[Any], ...] = (
    th.Property(
        "encoding", text(ENCODING), description="Such as `cp1252`. Default: by byte order mark, else UTF-8."
    ),
    th.Property(
        "delimiter", text(DELIMITER), description="One character between the cells of CSV. Default: detected."
    ),
    th.Property(
        "decimal_separator",
        th.StringType,
        allowed_values=[".", ","],
        description="Of numbers written as text. Default: `.`, and a comma that may be either is an error.",
    ),
    th.Property("header_row", POSITIVE, description="Row with the header, from 1. Default: detected."),
    th.Property("footer_rows", COUNT, description="Rows to drop at the end. Default: 0."),
    th.Property(
        "hidden_sheets", th.BooleanType, description="Read hidden sheets of a workbook, too. Default: false."
    ),
    th.Property(
        "null_words",
        th.ArrayType(th.StringType),
        description="Words beside the empty cell that mean null, such as `N/A`.",
    ),
    th.Property(
        "date_format",
        text(DATE_FORMAT),
        description="Format of dates, in pendulum's tokens, such as `MM/DD/YYYY h:mm A`.",
    ),
)

REPORT: tuple[th.Property[Any], ...] = (
    th.Property("name", text(NOT_EMPTY), description="Second half of the stream name."),
    th.Property(
        "primary_keys",
        th.ArrayType(th.StringType),
        description="Columns that identify a row (header or property).",
    ),
    th.Property("replication_key", th.StringType, description="Its date column (header or property)."),
    th.Property(
        "columns",
        th.ObjectType(additional_properties=th.StringType(allowed_values=[kind.value for kind in Kind])),
        description="Column name -> " + " | ".join(kind.value for kind in Kind) + ".",
    ),
    th.Property("lookback_days", DAYS, description="Overrides the vendor block's."),
    th.Property("slice_days", POSITIVE, description="Overrides the vendor block's."),
    th.Property(
        "file",
        th.ObjectType(*FILE, additional_properties=False),
        description="What cannot be known from its files, or is detected wrongly; see docs/files.md: "
        + ", ".join(f"`{setting.name}`" for setting in FILE)
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
    """Return the SDK's schema without the texts in its lists of alternatives, which break validators."""
    if isinstance(schema, dict):
        return {
            name: [_without_broken_parts(one) for one in part if isinstance(one, dict)]
            if name in {"anyOf", "oneOf"}
            else _without_broken_parts(part)
            for name, part in schema.items()
        }
    return schema


def _block(vendor: Vendor) -> th.ObjectType:
    report = th.ObjectType(*vendor.report_settings, *_bounded(REPORT, vendor), additional_properties=False)
    defaults = {
        "api_url": vendor.api_url,
        "max_jobs_in_flight": vendor.max_jobs_in_flight,
        "lookback_days": vendor.lookback_days,
        "slice_days": vendor.slice_days_in_words or vendor.slice_days,
    }
    common = [
        th.Property(setting.name, setting.wrapped, description=_with_default(setting, defaults))
        for setting in _bounded(COMMON, vendor)
    ]
    reports = th.Property(
        "reports", th.ArrayType(report), description="Reports to extract; each becomes a stream."
    )
    return th.ObjectType(*vendor.settings, *common, reports, additional_properties=False)


def _bounded(settings: Iterable[th.Property[Any]], vendor: Vendor) -> Iterator[th.Property[Any]]:
    """Yield settings with the vendor's longest slice."""
    for setting in settings:
        is_bounded = setting.name == "slice_days" and vendor.max_slice_days is not None
        kind = th.IntegerType(minimum=1, maximum=vendor.max_slice_days) if is_bounded else setting.wrapped
        yield th.Property(setting.name, kind, description=setting.description)


def _with_default(setting: th.Property[Any], defaults: dict[str, Any]) -> str:
    """Return the description with the vendor's default in words: as a schema default it would hide
    whether the user set it, and a report type's own default comes between the two.
    """
    text = setting.description or ""
    return f"{text} Default: {defaults[setting.name]}." if setting.name in defaults else text
