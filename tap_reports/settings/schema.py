"""The JSON schema of the settings: the top level, what every vendor block takes, each vendor's own."""

from __future__ import annotations

from functools import cache
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import Kind
from tap_reports.vendor import Vendor
from tap_reports.vendors import all_vendors

POLL_INTERVAL_SECONDS = 5.0
POLL_MAX_INTERVAL_SECONDS = 60.0
JOB_DEADLINE_SECONDS = 3600.0
REUSE_JOB_HOURS = 6.0
DOWNLOAD_DISK_GIB = 10.0
MAX_FILE_GIB = 100.0

_POSITIVE = th.NumberType(exclusive_minimum=0)
_HOURS = th.NumberType(minimum=0)
_COUNT = th.IntegerType(minimum=0)
_DAYS = _COUNT

TOP_LEVEL: tuple[th.Property[Any], ...] = (
    th.Property(
        "start_date",
        th.StringType,
        title="Start date",
        description="First day to extract, `YYYY-MM-DD` or RFC 3339. "
        "Required if any dated report is selected.",
    ),
    th.Property(
        "end_date",
        th.StringType,
        title="End date",
        description="Last day to extract, inclusive. Default: each report's latest final day.",
    ),
    th.Property(
        "job_deadline_seconds",
        _POSITIVE,
        default=JOB_DEADLINE_SECONDS,
        title="Job deadline",
        description="Longest wait for one job from its submission; then the stream fails, the job stays in "
        "state and the next run resumes it.",
    ),
    th.Property(
        "poll_interval_seconds",
        _POSITIVE,
        default=POLL_INTERVAL_SECONDS,
        title="Poll interval",
        description="First wait between two polls of one job. Second Nature: 15.",
    ),
    th.Property(
        "poll_max_interval_seconds",
        _POSITIVE,
        default=POLL_MAX_INTERVAL_SECONDS,
        title="Longest poll interval",
        description="Cap of the poll wait, which grows exponentially with jitter. Second Nature: 30.",
    ),
    th.Property(
        "request_timeout_seconds",
        _POSITIVE,
        default=60,
        title="Request timeout",
        description="One HTTP call: connecting, and each read.",
    ),
    th.Property(
        "max_request_retries",
        th.IntegerType(minimum=0),
        default=5,
        title="Request retries",
        description="How often a broken or throttled call (connection error, 429, 5xx) is repeated.",
    ),
    th.Property(
        "retry_backoff_seconds",
        th.NumberType(minimum=0),
        default=1,
        title="Retry backoff",
        description="First wait before a repeated call; grows exponentially with jitter, capped at 60 s. "
        "`Retry-After` is honoured.",
    ),
    th.Property(
        "job_ledger",
        th.StringType,
        title="Job ledger",
        description="Where submitted jobs are remembered: a file path, an SQLAlchemy URL "
        "(`postgresql+psycopg://…`, shared by many machines), or `off`. "
        "Default: an SQLite file in the user's state folder.",
    ),
    th.Property(
        "reuse_job_hours",
        _HOURS,
        default=REUSE_JOB_HOURS,
        title="Reuse hours",
        description="A finished job whose data may still change is reused, not run again, for this long. "
        "impact.com: 20.",
    ),
    th.Property(
        "reuse_finished_jobs",
        th.BooleanType,
        default=True,
        title="Reuse finished jobs",
        description="`false`: only pending jobs are resumed; finished ones are run again.",
    ),
    th.Property(
        "invalid_values",
        th.StringType,
        default="fail",
        allowed_values=["fail", "null"],
        title="Invalid values",
        description="A cell that does not fit its column: `fail` ends the stream with its file, row, column "
        "and value; `null` loads null, counted and logged.",
    ),
    th.Property(
        "new_columns",
        th.StringType,
        default="add",
        allowed_values=["add", "ignore", "fail"],
        title="New columns",
        description="A column in the file that the schema lacks: `add` (new SCHEMA message), `ignore` "
        "(warned once), `fail`.",
    ),
    th.Property(
        "on_quota_spent",
        th.StringType,
        default="fail",
        allowed_values=["fail", "stop"],
        title="On quota spent",
        description="A spent day quota or credit limit: `fail` is a failed stream and exit status 1; `stop` "
        "ends the stream at its last finished slice with a warning and exit status 0, for long first loads.",
    ),
    th.Property(
        "shard",
        th.ObjectType(
            th.Property("index", _COUNT, description="Which share is this process's, from 0."),
            th.Property("count", th.IntegerType(minimum=1), description="How many processes share the work."),
            additional_properties=False,
        ),
        title="Shard",
        description="This process extracts its share of the slices of a back-fill, and takes and writes no "
        "bookmarks. Needs `end_date`. Off by default. Where `index` is not set, it comes from "
        "`JOB_COMPLETION_INDEX`, `AWS_BATCH_JOB_ARRAY_INDEX` or `CLOUD_RUN_TASK_INDEX`; `count` from "
        "`CLOUD_RUN_TASK_COUNT`.",
    ),
    th.Property(
        "lineage_columns",
        th.BooleanType,
        default=True,
        title="Lineage columns",
        description="Add `_report_job_id`, `_report_slice_start`, `_report_slice_end`, `_report_row`.",
    ),
    th.Property(
        "column_names",
        th.StringType,
        default="snake_case",
        allowed_values=["snake_case", "verbatim"],
        title="Column names",
        description="Property names from the file's headers.",
    ),
    th.Property(
        "download_disk_gib",
        _POSITIVE,
        default=DOWNLOAD_DISK_GIB,
        title="Download disk",
        description="Most GiB of downloaded files waiting on disk; further downloads are held back.",
    ),
    th.Property(
        "max_file_gib",
        _POSITIVE,
        default=MAX_FILE_GIB,
        title="Largest file",
        description="Largest report file in GiB, unpacked. A larger one is an error.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="Header of every call. Default: `tap-reports/<version>`.",
    ),
    th.Property(
        "postbacks",
        th.ObjectType(
            th.Property("listen", th.StringType, description="Where to listen while waiting, `host:port`."),
            th.Property(
                "public_url",
                th.StringType,
                description="What the vendors are told to call; the secret is appended to it.",
            ),
            th.Property(
                "secret", th.StringType, secret=True, description="Part of the path that vendors call."
            ),
            th.Property(
                "fallback_poll_seconds",
                _POSITIVE,
                default=300,
                description="Poll interval of jobs whose vendor can call back.",
            ),
            additional_properties=False,
        ),
        title="Postbacks",
        description="Listen for the vendors' calls while jobs run, instead of frequent polling. "
        "Off by default.",
    ),
)

COMMON: tuple[th.Property[Any], ...] = (
    th.Property("api_url", th.StringType, description="Base URL; `http://` only for loopback hosts."),
    th.Property(
        "max_jobs_in_flight",
        th.IntegerType(minimum=1),
        description="Most jobs submitted and not yet finished.",
    ),
    th.Property(
        "lookback_days",
        _DAYS,
        description="Days before the bookmark that are extracted again (restatements).",
    ),
    th.Property("slice_days", th.IntegerType(minimum=1), description="Longest date range of one job."),
    th.Property("poll_interval_seconds", _POSITIVE, description="Overrides the top level for this vendor."),
    th.Property(
        "poll_max_interval_seconds", _POSITIVE, description="Overrides the top level for this vendor."
    ),
    th.Property("job_deadline_seconds", _POSITIVE, description="Overrides the top level for this vendor."),
    th.Property("reuse_job_hours", _HOURS, description="Overrides the top level for this vendor."),
)

FILE: tuple[th.Property[Any], ...] = (
    th.Property(
        "encoding", th.StringType, description="Such as `cp1252`. Default: by byte order mark, else UTF-8."
    ),
    th.Property(
        "delimiter", th.StringType, description="One character between the cells of CSV. Default: detected."
    ),
    th.Property(
        "decimal_separator",
        th.StringType,
        allowed_values=[".", ","],
        description="Of numbers written as text. Default: `.`, and a comma that may be either is an error.",
    ),
    th.Property(
        "header_row", th.IntegerType(minimum=1), description="Row with the header, from 1. Default: detected."
    ),
    th.Property("footer_rows", th.IntegerType(minimum=0), description="Rows to drop at the end. Default: 0."),
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
        th.StringType,
        description="Format of dates, in pendulum's tokens, such as `MM/DD/YYYY h:mm A`.",
    ),
)

REPORT: tuple[th.Property[Any], ...] = (
    th.Property("name", th.StringType, description="Second half of the stream name."),
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
    th.Property("lookback_days", _DAYS, description="Overrides the vendor block's."),
    th.Property("slice_days", th.IntegerType(minimum=1), description="Overrides the vendor block's."),
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
    """Return the JSON schema of the whole configuration, built-in SDK settings aside."""
    blocks = [th.Property(name, _block(vendor), title=vendor.title) for name, vendor in all_vendors().items()]
    schema: dict[str, Any] = th.PropertiesList(*TOP_LEVEL, *blocks).to_dict()
    return schema


def _block(vendor: Vendor) -> th.ObjectType:
    report = th.ObjectType(*vendor.report_settings, *REPORT, additional_properties=False)
    defaults = {
        "api_url": vendor.api_url,
        "max_jobs_in_flight": vendor.max_jobs_in_flight,
        "lookback_days": vendor.lookback_days,
        "slice_days": vendor.slice_days,
    }
    common = [
        th.Property(setting.name, setting.wrapped, description=_with_default(setting, defaults))
        for setting in COMMON
    ]
    reports = th.Property(
        "reports", th.ArrayType(report), description="Reports to extract; each becomes a stream."
    )
    return th.ObjectType(*vendor.settings, *common, reports, additional_properties=False)


def _with_default(setting: th.Property[Any], defaults: dict[str, Any]) -> str:
    """Return the description with the vendor's default in words: as a schema default it would hide
    whether the user set it, and a report type's own default comes between the two.
    """
    text = setting.description or ""
    return f"{text} Default: {defaults[setting.name]}." if setting.name in defaults else text
