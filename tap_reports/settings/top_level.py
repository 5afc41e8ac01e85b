"""The settings of the top level."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from tap_reports.settings.formats import DAY, LISTEN, NOT_EMPTY, PRINTABLE, PUBLIC_URL

POLL_INTERVAL_SECONDS = 5.0
POLL_MAX_INTERVAL_SECONDS = 60.0
JOB_DEADLINE_SECONDS = 3600.0
REUSE_JOB_HOURS = 6.0
DOWNLOAD_DISK_GIB = 10.0
MAX_FILE_GIB = 100.0

SECONDS = th.NumberType(exclusive_minimum=0, maximum=366 * 86400)
HOURS = th.NumberType(minimum=0, maximum=100 * 366 * 24)
GIB = th.NumberType(exclusive_minimum=0, maximum=2**30)
COUNT = th.IntegerType(minimum=0, maximum=2**31 - 1)
POSITIVE = th.IntegerType(minimum=1, maximum=2**31 - 1)
DAYS = th.IntegerType(minimum=0, maximum=100 * 366)


def text(form: str) -> th.CustomType:
    """Return the type of a text of one of the forms of `formats`."""
    return th.CustomType({"type": ["string"], "format": form})


TOP_LEVEL: tuple[th.Property[Any], ...] = (
    th.Property(
        "start_date",
        text(DAY),
        title="Start date",
        description="First day to extract, `YYYY-MM-DD` or RFC 3339. "
        "Required if any dated report is selected.",
    ),
    th.Property(
        "end_date",
        text(DAY),
        title="End date",
        description="Last day to extract, inclusive. Default: each report's latest final day.",
    ),
    th.Property(
        "job_deadline_seconds",
        SECONDS,
        default=JOB_DEADLINE_SECONDS,
        title="Job deadline",
        description="Longest wait for one job from its submission; then the stream fails, the job stays in "
        "state and the next run resumes it.",
    ),
    th.Property(
        "poll_interval_seconds",
        SECONDS,
        default=POLL_INTERVAL_SECONDS,
        title="Poll interval",
        description="First wait between two polls of one job. Second Nature: 15.",
    ),
    th.Property(
        "poll_max_interval_seconds",
        SECONDS,
        default=POLL_MAX_INTERVAL_SECONDS,
        title="Longest poll interval",
        description="Cap of the poll wait, which grows exponentially with jitter. Second Nature: 30.",
    ),
    th.Property(
        "request_timeout_seconds",
        SECONDS,
        default=60,
        title="Request timeout",
        description="One HTTP call: connecting, and each read.",
    ),
    th.Property(
        "max_request_retries",
        COUNT,
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
        text(NOT_EMPTY),
        title="Job ledger",
        description="Where submitted jobs are remembered: a file path, an SQLAlchemy URL "
        "(`postgresql+psycopg://…`, shared by many machines), or `off`. "
        "Default: an SQLite file in the user's state folder.",
    ),
    th.Property(
        "reuse_job_hours",
        HOURS,
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
            th.Property("index", COUNT, description="Which share is this process's, from 0."),
            th.Property("count", POSITIVE, description="How many processes share the work."),
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
        GIB,
        default=DOWNLOAD_DISK_GIB,
        title="Download disk",
        description="Most GiB of downloaded files waiting on disk; further downloads are held back.",
    ),
    th.Property(
        "max_file_gib",
        GIB,
        default=MAX_FILE_GIB,
        title="Largest file",
        description="Largest report file in GiB, unpacked. A larger one is an error.",
    ),
    th.Property(
        "user_agent",
        text(PRINTABLE),
        title="User agent",
        description="Header of every call. Default: `tap-reports/<version>`.",
    ),
    th.Property(
        "postbacks",
        th.ObjectType(
            th.Property(
                "listen",
                text(LISTEN),
                required=True,
                description="Where to listen while waiting, `host:port`.",
            ),
            th.Property(
                "public_url",
                text(PUBLIC_URL),
                required=True,
                description="What the vendors are told to call; the secret is appended to it.",
            ),
            th.Property(
                "secret",
                text(NOT_EMPTY),
                required=True,
                secret=True,
                description="Part of the path that vendors call.",
            ),
            th.Property(
                "fallback_poll_seconds",
                SECONDS,
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
