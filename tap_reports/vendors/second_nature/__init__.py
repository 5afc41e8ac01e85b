"""Second Nature: the Reporting API.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically

A report is asked for by name and answers with a ticket; the ticket's status brings the download link.
The vendor's page names no paths, so these are settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import FileFormat, Json
from tap_reports.vendor import LostSubmission, Vendor
from tap_reports.vendors.second_nature.client import POST, TICKET, SecondNature
from tap_reports.vendors.second_nature.reports import FIELDS, field_names

DATE_SETTINGS = ("replication_key", "slice_days", "lookback_days")

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
        "request_method",
        th.StringType,
        default=POST,
        allowed_values=[POST, "GET", "PUT"],
        title="Request method",
        description="HTTP method of the request; with `GET` its fields stand in the query.",
    ),
    th.Property(
        "request_fields",
        th.ObjectType(*(th.Property(name, th.StringType) for name in FIELDS), additional_properties=False),
        title="Request fields",
        description="What the vendor calls the fields of the request, by our names: "
        + ", ".join(f"`{name}`" for name in FIELDS)
        + ". Default: the same names.",
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
        "filters",
        th.ObjectType(additional_properties=True),
        description="Further fields of the request, by the vendor's names.",
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
    """Yield what is wrong with paths, names of fields and reports."""
    for name in ("request_path", "status_path", "list_path"):
        if "://" in block.get(name, ""):
            yield f"{name}: must be a path below api_url, not a URL; set api_url for another host."
    if TICKET not in block.get("status_path", TICKET):
        yield f"status_path: must hold {TICKET}, such as /reports/export/{TICKET}/."
    named = field_names(block)
    for name, count in Counter(named.values()).items():
        if not name or count > 1:
            ours = ", ".join(ours for ours, theirs in named.items() if theirs == name)
            yield f'request_fields: {ours} must each have a name of its own, not "{name}".'
    for index, report in enumerate(block.get("reports") or ()):
        yield from (f"reports[{index}].{text}" for text in _report_errors(report, named))


def _report_errors(report: Json, named: Json) -> Iterator[str]:
    ours = {theirs: name for name, theirs in named.items()}
    for name in report.get("filters") or {}:
        if name in ours:
            yield f"filters.{name}: the tap sets this field ({ours[name]}); remove it."
    for name in DATE_SETTINGS if not report.get("dated") else ():
        if report.get(name) is not None:
            yield f'{name}: a snapshot has no dates; remove {name}, or set "dated": true for the report.'


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
