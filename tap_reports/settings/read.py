"""The raw settings become frozen values, with all defaults filled in."""

from __future__ import annotations

import copy
import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from singer_sdk.plugin_base import JSONSchemaValidator

from tap_reports import redaction
from tap_reports.exceptions import ConfigError
from tap_reports.http.origin import password_of
from tap_reports.http.retries import RetryPolicy
from tap_reports.models import FileOptions, InvalidValues, Json, Kind, OnQuotaSpent, Shard
from tap_reports.settings.environment import read_shard
from tap_reports.settings.formats import day_of, is_printable, listen_address
from tap_reports.settings.schema import COMMON, REPORT, SettingPath, settings_schema, walk
from tap_reports.settings.validate import errors_of, reports_of, unknown_settings
from tap_reports.vendor import ReportConfig, Vendor, VendorConfig
from tap_reports.vendors import all_vendors

logger = logging.getLogger("tap-reports")

Credential = tuple[SettingPath, dict[str, Any], str]
"""A setting, the object that holds it, and its text as it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostbackSettings:
    """Where vendors may call. The secret is not shown."""

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
    postbacks: PostbackSettings | None


def read(raw: Json, *, version: str, for_sync: bool = False) -> Settings:
    """Return the settings.

    Args:
        raw: The merged configuration as it came. Null means not set.
        version: The tap's, for the default user agent.
        for_sync: All configured reports are to be extracted, so dated ones need a start_date.

    Raises:
        ConfigError: Naming every error, its setting and its remedy.
    """
    given = _without_nulls(raw)
    credentials = list(_credentials(given))
    _register_secrets(given, credentials)
    _trim(credentials)
    errors = list(_credential_errors(credentials))
    for name, near in unknown_settings(given):
        if not near:
            logger.warning("%s: unknown setting, ignored.%s", name, _vendor_block_hint(name))
    if errors := [*errors, *errors_of(given, for_sync=for_sync)]:
        raise ConfigError(errors)
    filled = copy.deepcopy(given)
    for name, vendor in all_vendors().items():
        if name in filled and (reports := reports_of(vendor, filled[name])) is not None:
            filled[name]["reports"] = copy.deepcopy(reports)
    list(JSONSchemaValidator(settings_schema()).iter_errors(filled))  # fills in the defaults
    return _settings(given, filled, version)


def _without_nulls(value: Any) -> Any:
    """Return a deep copy of a configuration without the settings that are null."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


def _register_secrets(given: Json, credentials: Iterable[Credential]) -> None:
    """Keep the secrets out of logs and messages, with and without white space around them."""
    for setting, _, text in credentials:
        if setting.is_secret:
            redaction.add_secrets([text, text.strip()])
    ledger = given.get("job_ledger")
    if isinstance(ledger, str) and "://" in ledger:
        redaction.add_secrets([password_of(ledger)])


def _trim(credentials: Iterable[Credential]) -> None:
    """Remove white space around credentials, with a warning: a pasted key may end in a line break."""
    for setting, holder, text in credentials:
        trimmed = text.strip()
        if trimmed and trimmed != text:
            logger.warning("%s: white space around it was removed; correct the value.", setting.name)
            holder[setting.path[-1]] = trimmed


def _credential_errors(credentials: Iterable[Credential]) -> Iterator[str]:
    """Yield a sentence for each of the vendors' credentials that can't be sent."""
    for setting, _, text in credentials:
        if text.strip() and _is_of_vendor(setting) and not is_printable(text.strip()):
            yield f"{setting.name}: must be printable ASCII text on one line; copy it again."


def _credentials(given: Json) -> Iterator[Credential]:
    """Yield each credential that is a text."""
    for setting in walk(settings_schema()):
        if not setting.is_secret and not (_is_of_vendor(setting) and setting.required and setting.variable):
            continue
        *blocks, name = setting.path
        holder: Any = given
        for block in blocks:
            holder = holder.get(block) if isinstance(holder, dict) else None
        text = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(text, str):
            yield setting, holder, text


def _is_of_vendor(setting: SettingPath) -> bool:
    return setting.path[0] in all_vendors() and len(setting.path) > 1


def _vendor_block_hint(name: str) -> str:
    """Return where `name` belongs if it is a setting of every vendor's block, else ""."""
    is_common = any(name == setting.name for setting in (*COMMON, *REPORT))
    return f" It belongs in a vendor's block, as {next(iter(all_vendors()))}.{name}." if is_common else ""


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


def _vendor_config(
    vendor: Vendor, given: Json, filled: Json, postbacks: PostbackSettings | None
) -> VendorConfig:
    block = filled[vendor.name]
    interval = _block_or_top(given, vendor, "poll_interval_seconds")
    max_interval = _block_or_top(given, vendor, "poll_max_interval_seconds")
    reports = block.get("reports") or None  # an empty list means the same as no list
    return VendorConfig(
        name=vendor.name,
        values=block,
        api_url=block.get("api_url", vendor.api_url).rstrip("/"),
        reports=None if reports is None else tuple(map(_report_config, reports)),
        max_jobs_in_flight=block.get("max_jobs_in_flight", vendor.max_jobs_in_flight),
        lookback_days=block.get("lookback_days"),
        slice_days=block.get("slice_days"),
        poll_interval_seconds=interval,
        poll_max_interval_seconds=max(interval, max_interval),
        job_deadline_seconds=float(block.get("job_deadline_seconds", filled["job_deadline_seconds"])),
        reuse_job_hours=_block_or_top(given, vendor, "reuse_job_hours"),
        reuse_finished_jobs=filled["reuse_finished_jobs"],
        callback_url=(
            f"{postbacks.public_url}/{quote(postbacks.secret)}/{vendor.name}"
            if postbacks and vendor.calls_back
            else None
        ),
    )


def _block_or_top(given: Json, vendor: Vendor, name: str) -> float:
    """Return a setting of blocks and the top level: the block's, the top level's, or the default, which the
    vendor may change.
    """
    default = getattr(vendor, name)
    if default is None:
        default = settings_schema()["properties"][name]["default"]
    return float(given[vendor.name].get(name, given.get(name, default)))


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


def _postbacks(block: Json | None) -> PostbackSettings | None:
    if block is None:
        return None
    host, port = listen_address(block["listen"]) or ("", 0)
    return PostbackSettings(
        host=host,
        port=port,
        public_url=block["public_url"].rstrip("/"),
        secret=block["secret"],
        fallback_poll_seconds=float(block["fallback_poll_seconds"]),
    )
