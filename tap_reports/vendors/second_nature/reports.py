"""Second Nature's reports: their types, names and known columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import requests

from tap_reports.exceptions import BadAnswer
from tap_reports.http.responses import answer_json, required_text
from tap_reports.models import FileFormat, Json, Kind, Layout, ReportType
from tap_reports.models.columns import property_name
from tap_reports.setting import nearest
from tap_reports.vendor import CatalogStream, ReportConfig

FIELDS = ("report_name", "course_id", "start_time", "end_time", "format", "force_update")
"""The fields of a request. The vendor's page does not print their names."""
SHEET_MARK, SHEET_SEPARATOR = "__", " / "
"""Between report and sheet: in a stream's name, in its title."""
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


def report_names(response: requests.Response, what: str) -> list[str]:
    """Return the report names of a list: of names, or of objects that hold one, bare or as `reports`.

    Raises:
        BadAnswer: It is not such a list.
    """
    answer = answer_json(response, what)
    listed = answer.get("reports") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        raise BadAnswer(what, "no list of reports came", status=response.status_code)
    entries = [entry if isinstance(entry, dict) else {"report_name": entry} for entry in listed]
    return list(dict.fromkeys(required_text(entry, "report_name", what) for entry in entries))


def unlisted(reports: Iterable[ReportConfig], listed: Sequence[str]) -> Iterator[str]:
    """Yield a warning for each configured report that the vendor's list lacks, with the nearest that it has.

    The report is asked for all the same: its own refusal fails its stream alone.
    """
    for report in reports:
        name = report.values["report_name"]
        if name in listed:
            continue
        guess = nearest(name, listed) or f" It lists: {', '.join(listed) or 'none'}."
        yield f'second_nature.reports: the vendor lists no report named "{name}".{guess}'


def report_type(report: ReportConfig) -> ReportType:
    """Return the type of a configured report; its columns are known from a file only."""
    values = report.values
    named: str = values["report_name"]
    asked = asked_for(values)
    return ReportType(
        name=property_name(report.name or named),
        report=named,
        dated=bool(values.get("dated")),
        parameters={
            "asked": asked,
            "force_update": values.get("force_update"),
            "known_kinds": {name: kind.value for name, kind in KNOWN_KINDS.items()},
        },
        layout=Layout(format=FileFormat(asked["format"])),
        infers_columns=True,
        description=f"Second Nature report {named}.",
    )


def asked_for(values: Json) -> dict[str, Any]:
    """Return the settings that a request's identity holds."""
    named = {name: values[name] for name in ("course_id", "filters") if values.get(name)}
    return {"format": values.get("format", FileFormat.XLSX.value), **named}


def field_names(values: Json) -> dict[str, str]:
    """Return what the vendor calls the fields of a request, by our names."""
    return {name: (values.get("request_fields") or {}).get(name, name) for name in FIELDS}


def listed_type(name: str) -> ReportType:
    """Return the type of a report that is not configured: a snapshot, as XLSX."""
    return report_type(ReportConfig(values={"report_name": name}))


def restored(known: CatalogStream, configured: Sequence[ReportConfig] | None) -> ReportType | None:
    """Return the type of a catalog's stream, with its name and sheet; None if it is not configured.

    Args:
        known: The stream. Its title holds the sheet as the file names it; without a title there is only
            the name's second part, in snake_case.
        configured: The reports; None: all that the vendor lists, so the title must say which.
    """
    base, _, name_sheet = known.name.partition(SHEET_MARK)
    if configured is None:
        named = known.title.partition(SHEET_SEPARATOR)[0]
        found = listed_type(named) if named else None
    else:
        found = _matching(known, base, [report_type(report) for report in configured])
    if found is None:
        return None
    sheet = (
        known.title.removeprefix(found.report).partition(SHEET_SEPARATOR)[2] if known.title else name_sheet
    )
    return replace(found, name=known.name, layout=replace(found.layout, sheet=sheet or None))


def _matching(known: CatalogStream, base: str, types: Sequence[ReportType]) -> ReportType | None:
    """Return the type by stream name, else by the report in the title."""
    by_title = (
        type_
        for type_ in types
        if known.title == type_.report or known.title.startswith(type_.report + SHEET_SEPARATOR)
    )
    return next((type_ for type_ in types if type_.name == base), None) or next(by_title, None)
