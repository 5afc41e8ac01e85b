"""Second Nature: the Reporting API.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically

A report is requested by name, and the answer is a ticket; the ticket's status brings the download link.
The vendor's page names neither paths nor fields, so these are settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from singer_sdk import typing as th

from tap_reports.client import ACCOUNT, ReportClient
from tap_reports.models import FileFormat, Json, Kind, Layout, ReportType
from tap_reports.models.columns import SHEET_IN_NAME, SHEET_IN_TITLE, property_name
from tap_reports.setting import FLAG, POSITIVE, TEXT, setting, settings_object
from tap_reports.vendor import (
    CatalogStream,
    ClientContext,
    LostSubmission,
    ReportConfig,
    Vendor,
    VendorConfig,
)

TICKET, POST = "{ticket_id}", "POST"
FIELDS = ("report_name", "course_id", "start_time", "end_time", "format", "force_update")
"""Our names of a request's fields."""
DATE_SETTINGS = ("replication_key", "slice_days", "lookback_days")

SETTINGS = (
    setting(
        "api_key",
        TEXT,
        "Made by an Admin user in Account Settings; it expires after the lifetime chosen there.",
        required=True,
        secret=True,
    ),
    ACCOUNT,
    setting(
        "request_path", TEXT, "Where a report is asked for, below `api_url`.", default="/reports/export/"
    ),
    setting(
        "request_method",
        TEXT,
        "HTTP method of the request; with `GET` its fields stand in the query.",
        default=POST,
        words=[POST, "GET", "PUT"],
    ),
    setting(
        "request_fields",
        settings_object(*(th.Property(name, TEXT) for name in FIELDS)),
        "What the vendor calls the fields of the request, by our names: "
        + ", ".join(f"`{name}`" for name in FIELDS)
        + ". Default: the same names.",
    ),
    setting(
        "status_path",
        TEXT,
        f"Where a ticket's status is read, below `api_url`; holds `{TICKET}`.",
        default=f"/reports/export/{TICKET}/",
    ),
    setting(
        "list_path", TEXT, "Where the available reports are listed, below `api_url`.", default="/reports/"
    ),
    setting(
        "requests_per_minute", POSITIVE, "Most API calls a minute, all tickets together. Default: no limit."
    ),
)
FORMATS = (FileFormat.XLSX.value, FileFormat.CSV.value, FileFormat.JSON.value)
REPORT_SETTINGS = (
    setting(
        "report_name", TEXT, "What the vendor calls the report, such as `admin-xls-report`.", required=True
    ),
    setting("format", TEXT, "File format to ask for.", default=FORMATS[0], words=FORMATS),
    setting("course_id", TEXT, "Only this course, where the report can be filtered."),
    setting(
        "filters",
        th.ObjectType(additional_properties=True),
        "Further fields of the request, by the vendor's names.",
    ),
    setting(
        "dated",
        FLAG,
        "`true`: sliced by the time filter and loaded incrementally; `false`: a snapshot.",
        default=False,
    ),
    setting(
        "force_update",
        FLAG,
        "`true`: always bypass the vendor's cache; `false`: never. "
        "Default: only where a cached result would be too old by `reuse_job_hours`.",
    ),
)


def field_names(block: Json) -> dict[str, str]:
    """Return what the vendor calls the fields of a request, by our names."""
    return {name: (block.get("request_fields") or {}).get(name, name) for name in FIELDS}


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
            fields = ", ".join(field for field, theirs in named.items() if theirs == name)
            yield f'request_fields: {fields} must each have a name of its own, not "{name}".'
    for index, report in enumerate(block.get("reports") or ()):
        yield from (f"reports[{index}].{text}" for text in _report_errors(report, named))


def _report_errors(report: Json, named: Json) -> Iterator[str]:
    field_of = {theirs: field for field, theirs in named.items()}
    for name in report.get("filters") or {}:
        if name in field_of:
            yield f"filters.{name}: the tap sets this field ({field_of[name]}); remove it."
    for name in DATE_SETTINGS if not report.get("dated") else ():
        if report.get(name) is not None:
            yield f'{name}: a snapshot has no dates; remove {name}, or set "dated": true for the report.'


# --- report types -------------------------------------------------------------------------------------

KNOWN_KINDS = {
    **dict.fromkeys(("first_ai_score", "best_ai_score", "number_of_attempts"), Kind.NUMBER),
    **dict.fromkeys(
        (
            *("trainee_email", "trainee_name", "manager_name", "manager_email"),
            *("course_name", "task_name", "team_name", "region", "segment"),
            *("first_to_best_calculation", "session_duration"),
        ),
        Kind.STRING,
    ),
}
"""The glossary's columns, by header in snake_case. A percentage (`44%`) and a duration are text there.

https://help.secondnature.ai/en/articles/12620641-reports-glossary
"""


def report_type(report: ReportConfig) -> ReportType:
    """Return the type of a configured report; its columns are known from a file only."""
    values = report.values
    named: str = values["report_name"]
    format_ = values.get("format", FORMATS[0])
    filters = {name: values[name] for name in ("course_id", "filters") if values.get(name)}
    return ReportType(
        name=property_name(report.name or named),
        report=named,
        dated=bool(values.get("dated")),
        parameters={
            "asked": {"format": format_, **filters},
            "force_update": values.get("force_update"),
        },
        layout=Layout(format=FileFormat(format_)),
        infers_columns=True,
        known_kinds=KNOWN_KINDS,
        description=f"Second Nature report {named}.",
    )


def listed_type(name: str) -> ReportType:
    """Return the type of a report that is not configured: a snapshot, as XLSX."""
    return report_type(ReportConfig(values={"report_name": name}))


def type_from_catalog(known: CatalogStream, configured: Sequence[ReportConfig] | None) -> ReportType | None:
    """Return the type of a catalog's stream, with its name and sheet; None if it is not configured.

    Args:
        known: The stream. Its title holds the sheet as the file names it; without a title there is only
            the name's second part, in snake_case.
        configured: The reports; None: all that the vendor lists, so the title must say which.
    """
    name, _, name_sheet = known.name.partition(SHEET_IN_NAME)
    if configured is None:
        listed = known.title.partition(SHEET_IN_TITLE)[0]
        types = [listed_type(listed)] if listed else []
    else:
        types = list(map(report_type, configured))
    start = known.title + SHEET_IN_TITLE
    by_name = [type_ for type_ in types if type_.name == name]
    by_title = [type_ for type_ in types if start.startswith(type_.report + SHEET_IN_TITLE)]
    type_ = next(iter(by_name + by_title), None)
    if type_ is None:
        return None
    title_sheet = known.title.removeprefix(type_.report).partition(SHEET_IN_TITLE)[2]
    sheet = title_sheet if known.title else name_sheet
    return replace(type_, name=known.name, layout=replace(type_.layout, sheet=sheet or None))


def _connect(config: VendorConfig, context: ClientContext) -> ReportClient:
    from tap_reports.vendors.second_nature.client import SecondNature  # only where it is configured

    return SecondNature(config, context)


VENDOR = Vendor(
    name="second_nature",
    title="Second Nature",
    api_url="https://app.secondnature.ai/api",
    settings=SETTINGS,
    report_settings=REPORT_SETTINGS,
    connect=_connect,
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
