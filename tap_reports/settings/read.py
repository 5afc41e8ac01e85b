"""Raw settings -> frozen values. Every configuration error is found and worded here, all at once."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from jsonschema import ValidationError
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_reports import redaction
from tap_reports.exceptions import ConfigError
from tap_reports.http.api import RetryPolicy
from tap_reports.models import FileOptions, InvalidValues, Json, Kind, OnQuotaSpent, Shard
from tap_reports.settings import schema as config_schema
from tap_reports.settings.shard import read_shard
from tap_reports.settings.validate import (
    dated_streams,
    day_of,
    listen_address,
    missing_start_date,
    mistakes,
    reports_of,
    worded,
)
from tap_reports.vendor import ReportConfig, Vendor, VendorConfig
from tap_reports.vendors import all_vendors

_STAND_IN = "missing"
_IN_REPORT = 4
"""Length of a path into a report: block, `reports`, index, setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postbacks:
    """Where vendors may call. `secret` and what is built from it never show."""

    host: str
    port: int
    public_url: str
    secret: str = field(repr=False)
    fallback_poll_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration, checked."""

    start_date: dt.date | None
    end_date: dt.date | None
    vendors: tuple[VendorConfig, ...]
    job_ledger: str | None = field(repr=False)
    invalid_values: InvalidValues
    on_quota_spent: OnQuotaSpent
    shard: Shard | None
    new_columns: str
    lineage_columns: bool
    column_names: str
    download_disk_bytes: int
    max_file_bytes: int
    user_agent: str
    request_timeout_seconds: float
    retry_policy: RetryPolicy
    postbacks: Postbacks | None


def read(raw: Json, *, version: str, for_sync: bool = False) -> Settings:
    """Return the settings.

    Args:
        raw: The merged configuration as it came. Null means not set.
        version: The tap's, for the default user agent.
        for_sync: All configured reports are to be extracted, so dated ones need a start_date.

    Raises:
        ConfigError: Naming every mistake, its setting and its remedy.
    """
    given = _without_nulls(raw)
    redaction.add_secrets(_secret_values(given, config_schema.settings_schema()))
    ledger = given.get("job_ledger") if isinstance(given, dict) else None
    if isinstance(ledger, str) and "://" in ledger:
        redaction.add_secrets([urlsplit(ledger).password])
    filled = copy.deepcopy(given)
    misfits = list(JSONSchemaValidator(config_schema.settings_schema()).iter_errors(filled))
    errors = [text for error in misfits for text in worded(error)]
    sound = _sound(filled, misfits)
    errors.extend(mistakes(filled, sound))
    if for_sync and "start_date" not in filled and (dated := dated_streams(sound)):
        errors.append(missing_start_date(dated))
    if errors:
        raise ConfigError(list(dict.fromkeys(errors)))
    return _settings(given, filled, version)


def _sound(filled: Json, misfits: Iterable[ValidationError]) -> Json:
    """Return the settings that can be judged further although others are wrong, so that all mistakes are told
    at once: those that do not fit the schema are left out, as small a part as will do.
    """
    pruned = copy.deepcopy(filled)
    left = list(misfits)
    for _ in range(2):  # what is left out may leave something required missing
        for error in left:
            _leave_out(pruned, error)
        left = list(JSONSchemaValidator(config_schema.settings_schema()).iter_errors(pruned))
    unsound = {error.absolute_path[0] for error in left if error.absolute_path}
    return {name: value for name, value in pruned.items() if name not in unsound}


def _leave_out(pruned: Json, error: ValidationError) -> None:
    """Take out what a schema error is about; what a block lacks gets a stand-in."""
    path, schema = list(error.absolute_path), error.schema
    expected: Any = error.validator_value
    if error.validator == "additionalProperties" and isinstance(schema, Mapping):
        part, known = _at(pruned, path), schema.get("properties", {})
        for name in [name for name in part if name not in known]:
            del part[name]
    elif error.validator == "required" and len(path) == 1 and path[0] in all_vendors():
        for name in expected:
            words = _at(schema, ["properties", name, "enum"]) or [_STAND_IN]
            _at(pruned, path).setdefault(name, words[-1])
    elif len(path) >= _IN_REPORT and path[1] == "reports":
        _at(pruned, path[: _IN_REPORT - 1]).pop(path[_IN_REPORT - 1], None)
    elif len(path) > 1:
        _at(pruned, path[:1]).pop(path[1], None)


def _at(value: Any, path: Iterable[str | int]) -> Any:
    """Return the part at a path; an empty one where it has been left out."""
    for name in path:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return {}
    return value


def _settings(given: Json, filled: Json, version: str) -> Settings:
    postbacks = _postbacks(filled.get("postbacks"))
    vendors = all_vendors()
    return Settings(
        start_date=day_of(filled.get("start_date")),
        end_date=day_of(filled.get("end_date")),
        vendors=tuple(
            _vendor_config(vendors[name], given, filled, postbacks) for name in vendors if name in filled
        ),
        job_ledger=filled.get("job_ledger"),
        invalid_values=filled["invalid_values"],
        on_quota_spent=filled["on_quota_spent"],
        shard=read_shard(filled.get("shard")),
        new_columns=filled["new_columns"],
        lineage_columns=filled["lineage_columns"],
        column_names=filled["column_names"],
        download_disk_bytes=int(filled["download_disk_gib"] * 2**30),
        max_file_bytes=int(filled["max_file_gib"] * 2**30),
        user_agent=filled.get("user_agent") or f"tap-reports/{version}",
        request_timeout_seconds=float(filled["request_timeout_seconds"]),
        retry_policy=RetryPolicy(
            max_retries=filled["max_request_retries"],
            backoff_seconds=float(filled["retry_backoff_seconds"]),
        ),
        postbacks=postbacks,
    )


def _vendor_config(vendor: Vendor, given: Json, filled: Json, postbacks: Postbacks | None) -> VendorConfig:
    block = filled[vendor.name]
    first = _own_or_top(given, vendor, "poll_interval_seconds", config_schema.POLL_INTERVAL_SECONDS)
    most = _own_or_top(given, vendor, "poll_max_interval_seconds", config_schema.POLL_MAX_INTERVAL_SECONDS)
    reports = reports_of(vendor, block)
    return VendorConfig(
        name=vendor.name,
        values=block,
        api_url=block.get("api_url", vendor.api_url).rstrip("/"),
        reports=None if reports is None else tuple(_report_config(report) for report in reports),
        max_jobs_in_flight=block.get("max_jobs_in_flight", vendor.max_jobs_in_flight),
        lookback_days=block.get("lookback_days"),
        slice_days=block.get("slice_days"),
        poll_interval_seconds=first,
        poll_max_interval_seconds=max(first, most),
        job_deadline_seconds=float(block.get("job_deadline_seconds", filled["job_deadline_seconds"])),
        reuse_job_hours=_own_or_top(given, vendor, "reuse_job_hours", config_schema.REUSE_JOB_HOURS),
        reuse_finished_jobs=filled["reuse_finished_jobs"],
        callback_url=(
            f"{postbacks.public_url}/{quote(postbacks.secret)}/{vendor.name}"
            if postbacks and vendor.calls_back
            else None
        ),
    )


def _own_or_top(given: Json, vendor: Vendor, name: str, default: float) -> float:
    """Return a setting of blocks and the top level: the block's own, the top level's, the vendor's, ours."""
    own: float | None = getattr(vendor, name)
    value = given[vendor.name].get(name, given.get(name, default if own is None else own))
    return float(value)


def _report_config(report: Json) -> ReportConfig:
    return ReportConfig(
        values=report,
        name=report.get("name"),
        primary_keys=tuple(report.get("primary_keys") or ()),
        replication_key=report.get("replication_key"),
        columns={name: Kind(kind) for name, kind in (report.get("columns") or {}).items()},
        lookback_days=report.get("lookback_days"),
        slice_days=report.get("slice_days"),
        file=_file_options(report.get("file") or {}),
    )


def _file_options(block: Json) -> FileOptions:
    return FileOptions(**{**block, "null_words": tuple(block.get("null_words") or ())})


def _postbacks(block: Json | None) -> Postbacks | None:
    if block is None:
        return None
    host, port = listen_address(block["listen"]) or ("", 0)
    return Postbacks(
        host=host,
        port=port,
        public_url=block["public_url"].rstrip("/"),
        secret=block["secret"],
        fallback_poll_seconds=float(block["fallback_poll_seconds"]),
    )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


def _secret_values(value: Any, schema: Json) -> Iterator[str]:
    """Yield the values of all settings that the schema marks as secret."""
    if not isinstance(value, Mapping):
        return
    for name, item in value.items():
        part = schema.get("properties", {}).get(name, {})
        if part.get("secret") and isinstance(item, str):
            yield item
        yield from _secret_values(item, part)
