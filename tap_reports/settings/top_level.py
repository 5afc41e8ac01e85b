"""The settings of the top level."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from tap_reports.setting import (
    COUNT,
    FLAG,
    GIB,
    HOURS,
    POSITIVE,
    SECONDS,
    TEXT,
    setting,
    settings_object,
    text,
)
from tap_reports.settings.formats import DAY, LISTEN, NOT_EMPTY, PRINTABLE, PUBLIC_URL

TOP_LEVEL: tuple[th.Property[Any], ...] = (
    setting(
        "start_date",
        text(DAY),
        "First day to extract, `YYYY-MM-DD` or RFC 3339. Required if any dated report is selected.",
    ),
    setting(
        "end_date", text(DAY), "Last day to extract, inclusive. Default: each report's latest final day."
    ),
    setting(
        "job_deadline_seconds",
        SECONDS,
        "Longest wait for one job from its submission; then the stream fails, the job stays in "
        "state and the next run resumes it.",
        default=3600.0,
    ),
    setting(
        "poll_interval_seconds",
        SECONDS,
        "First wait between two polls of one job. Second Nature: 15.",
        default=5.0,
    ),
    setting(
        "poll_max_interval_seconds",
        SECONDS,
        "Cap of the poll wait, which grows exponentially with jitter. Second Nature: 30.",
        default=60.0,
    ),
    setting("request_timeout_seconds", SECONDS, "One HTTP call: connecting, and each read.", default=60),
    setting(
        "max_request_retries",
        COUNT,
        "How often a broken or throttled call (connection error, 429, 5xx) is repeated.",
        default=5,
    ),
    setting(
        "retry_backoff_seconds",
        th.NumberType(minimum=0),
        "First wait before a repeated call; grows exponentially with jitter, capped at 60 s. "
        "`Retry-After` is honoured.",
        default=1,
    ),
    setting(
        "job_ledger",
        text(NOT_EMPTY),
        "Where submitted jobs are remembered: a file path, an SQLAlchemy URL "
        "(`postgresql+psycopg://…`, shared by many machines), or `off`. "
        "Default: an SQLite file in the user's state folder.",
    ),
    setting(
        "reuse_job_hours",
        HOURS,
        "A finished job whose data may still change is reused, not run again, for this long. impact.com: 20.",
        default=6.0,
    ),
    setting(
        "reuse_finished_jobs",
        FLAG,
        "`false`: only pending jobs are resumed; finished ones are run again.",
        default=True,
    ),
    setting(
        "invalid_values",
        TEXT,
        "A cell that does not fit its column: `fail` ends the stream with its file, row, column "
        "and value; `null` loads null, counted and logged.",
        default="fail",
        words=["fail", "null"],
    ),
    setting(
        "new_columns",
        TEXT,
        "A column in the file that the schema lacks: `add` (new SCHEMA message), `ignore` "
        "(warned once), `fail`.",
        default="add",
        words=["add", "ignore", "fail"],
    ),
    setting(
        "on_quota_spent",
        TEXT,
        "A spent day quota or credit limit: `fail` is a failed stream and exit status 1; `stop` "
        "ends the stream at its last finished slice with a warning and exit status 0, for long first loads.",
        default="fail",
        words=["fail", "stop"],
    ),
    setting(
        "shard",
        settings_object(
            setting("index", COUNT, "Which share is this process's, from 0."),
            setting("count", POSITIVE, "How many processes share the work."),
        ),
        "This process extracts its share of the slices of a back-fill, and takes and writes no "
        "bookmarks. Needs `end_date`. Off by default. Where `index` is not set, it comes from "
        "`JOB_COMPLETION_INDEX`, `AWS_BATCH_JOB_ARRAY_INDEX` or `CLOUD_RUN_TASK_INDEX`; `count` from "
        "`CLOUD_RUN_TASK_COUNT`.",
    ),
    setting(
        "lineage_columns",
        FLAG,
        "Add `_report_job_id`, `_report_slice_start`, `_report_slice_end`, `_report_row`.",
        default=True,
    ),
    setting(
        "column_names",
        TEXT,
        "Property names from the file's headers.",
        default="snake_case",
        words=["snake_case", "verbatim"],
    ),
    setting(
        "download_disk_gib",
        GIB,
        "Maximum GiB of downloaded files waiting on disk; further downloads are held back.",
        default=10.0,
    ),
    setting(
        "max_file_gib",
        GIB,
        "Largest report file in GiB, unpacked. A larger one is an error.",
        default=100.0,
    ),
    setting("user_agent", text(PRINTABLE), "Header of every call. Default: `tap-reports/<version>`."),
    setting(
        "postbacks",
        settings_object(
            setting("listen", text(LISTEN), "Where to listen while waiting, `host:port`.", required=True),
            setting(
                "public_url",
                text(PUBLIC_URL),
                "What the vendors are told to call; the secret is appended to it.",
                required=True,
            ),
            setting(
                "secret", text(NOT_EMPTY), "Part of the path that vendors call.", required=True, secret=True
            ),
            setting(
                "fallback_poll_seconds",
                SECONDS,
                "Poll interval of jobs whose vendor can call back.",
                default=300,
            ),
        ),
        "Listen for the vendors' calls while jobs run, instead of frequent polling. Off by default.",
    ),
)
