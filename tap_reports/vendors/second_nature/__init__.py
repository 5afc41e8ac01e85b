"""Second Nature: the Reporting API.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically

A report is asked for by name and answers with a ticket; the ticket's status brings the download link.
The vendor's page names no paths, so these are settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import FileFormat, Json
from tap_reports.vendor import LostSubmission, Vendor
from tap_reports.vendors.second_nature.client import TICKET, SecondNature

SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Made by an Admin user in Account Settings; it expires after the lifetime chosen there.",
    ),
    th.Property(
        "request_path",
        th.StringType,
        default="/reports/export/",
        title="Request path",
        description="Where a report is asked for, below `api_url`.",
    ),
    th.Property(
        "status_path",
        th.StringType,
        default=f"/reports/export/{TICKET}/",
        title="Status path",
        description=f"Where a ticket's status is read, below `api_url`; holds `{TICKET}`.",
    ),
    th.Property(
        "list_path",
        th.StringType,
        default="/reports/",
        title="List path",
        description="Where the available reports are listed, below `api_url`.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        title="Requests per minute",
        description="Most API calls a minute, all tickets together. Default: no limit.",
    ),
)
REPORT_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "report_name",
        th.StringType,
        required=True,
        description="What the vendor calls the report, such as `admin-xls-report`.",
    ),
    th.Property(
        "format",
        th.StringType,
        default=FileFormat.XLSX.value,
        allowed_values=[FileFormat.XLSX.value, FileFormat.CSV.value, FileFormat.JSON.value],
        description="File format to ask for.",
    ),
    th.Property(
        "course_id", th.StringType, description="Only this course, where the report can be filtered."
    ),
    th.Property(
        "dated",
        th.BooleanType,
        default=False,
        description="`true`: sliced by the time filter and loaded incrementally; `false`: a snapshot.",
    ),
    th.Property(
        "force_update",
        th.BooleanType,
        description="`true`: always bypass the vendor's cache; `false`: never. "
        "Default: only where a cached result would be too old by `reuse_job_hours`.",
    ),
)


def check_block(block: Json) -> Iterator[str]:
    """Yield what is wrong with paths."""
    for name in ("request_path", "status_path", "list_path"):
        if "://" in block.get(name, ""):
            yield f"{name}: must be a path below api_url, not a URL; set api_url for another host."
    if TICKET not in block.get("status_path", TICKET):
        yield f"status_path: must hold {TICKET}, such as /reports/export/{TICKET}/."


VENDOR = Vendor(
    name="second_nature",
    title="Second Nature",
    api_url="https://app.secondnature.ai/api",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=SecondNature,
    check=check_block,
    report_name=lambda report: report.get("report_name"),
    is_dated=lambda report: bool(report.get("dated")),
    max_jobs_in_flight=4,
    slice_days=90,
    poll_interval_seconds=15,
    poll_max_interval_seconds=30,
    resubmissions=1,
    lost_submission=LostSubmission.RESEND,
)
