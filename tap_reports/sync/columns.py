"""A file's header compared with the columns of its report: which columns are known, new, absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tap_reports.emit.plan import Field
from tap_reports.exceptions import FileError
from tap_reports.files import Table
from tap_reports.files.text import shown
from tap_reports.models import Column
from tap_reports.models.columns import property_name, property_names
from tap_reports.sync.report import Report

MAX_NAMED_COLUMNS = 20
"""A message names at most this many columns, and counts the others."""


def match_columns(headers: Iterable[str], columns: Iterable[Column]) -> list[Column | None]:
    """Return the known column for each of a file's headers, None if it is new.

    No column is used twice: a file with the same header twice has two columns.
    """
    headers = list(headers)
    by_header: dict[str, list[Column]] = {}
    unmatched = {}
    for column in reversed(list(columns)):
        by_header.setdefault(column.header, []).append(column)
        unmatched[column.property] = column
    matches: list[Column | None] = [None] * len(headers)
    for position, header in enumerate(headers):
        if same := by_header.get(header):
            matches[position] = column = same.pop()
            del unmatched[column.property]
    for position, header in enumerate(headers):
        if matches[position] is None:
            name = header if header in unmatched else property_name(header)
            matches[position] = unmatched.pop(name, None)
    return matches


def find_column(name: str, columns: Iterable[Column]) -> Column | None:
    """Return the column with this header or property name, or whose property this header would get."""
    columns = list(columns)
    for is_match in (
        lambda column: column.header == name,
        lambda column: column.property == name,
        lambda column: column.property == property_name(name),
    ):
        if column := next(filter(is_match, columns), None):
            return column
    return None


def with_new_columns(report: Report, table: Table, policy: str) -> tuple[Report, list[str]]:
    """Return the report with a file's new columns, if the policy adds them, and the new headers.

    Args:
        report: As known so far.
        table: `absent_columns` has checked that it belongs to this report.
        policy: The setting `new_columns`.

    Raises:
        FileError: There are new columns and the policy is "fail".
    """
    known = match_columns(table.header, report.columns)
    headers = [header for header, column in zip(table.header, known, strict=True) if not column]
    if headers and policy == "fail":
        raise FileError(
            f"{table.name} has new columns: {quoted(headers)}",
            remedy='Run discovery again, or set "new_columns" to "add" or "ignore".',
        )
    if not headers or policy != "add":
        return report, headers
    names = property_names(headers, report.column_names, [column.property for column in report.columns])
    new = (Column(header, name, report.kind_for(header)) for header, name in zip(headers, names, strict=True))
    return replace(report, columns=(*report.columns, *new)), headers


def fields(report: Report, table: Table, is_selected: Callable[[str], bool]) -> Iterator[Field]:
    """Yield what is emitted of a table: the report's selected columns, then the lineage columns."""
    headers, keys = _headers(report, table), {*report.primary_keys, report.replication_key}
    for column in (*report.columns, *report.lineage):
        if is_selected(column.property):
            lineage = column.property if column in report.lineage else None
            is_key = lineage is None and column.property in keys
            header = headers.get(column.property)
            yield Field(column.property, header, column.kind, lineage, required=is_key)


def absent_columns(report: Report, table: Table) -> list[str]:
    """Return the headers of the report's columns that the file lacks: their values are null.

    Args:
        report: Without the file's new columns, which say nothing about the report.
        table: The file's.

    Raises:
        FileError: The file is another report's: it lacks key columns, columns that were requested by name,
            all columns, or most columns while most of its own are unknown.
    """
    headers = _headers(report, table)
    own = {column.property: column.header for column in report.columns}
    keys = (*report.primary_keys, report.replication_key)
    missing = [own[key] for key in keys if key in own and key not in headers]
    absent = [header for name, header in own.items() if name not in headers]
    missing += [header for header in absent if header in report.type.asked]
    is_other_report = len(absent) > len(headers) and len(table.header) > 2 * len(headers)
    if missing or (own and not headers) or is_other_report:
        raise FileError(
            f"{table.name} is not this report: it has the columns {quoted(table.header)}, "
            f"not {quoted(dict.fromkeys(missing or absent))}.",
            remedy="If it is, its header may not be its first row (file.header_row), or its settings or "
            "catalog name other columns than it has.",
        )
    return absent


def quoted(headers: Iterable[str]) -> str:
    """Return headers for a message: the first ones in quotes, and how many more there are."""
    headers = list(headers)
    more = f" and {len(headers) - MAX_NAMED_COLUMNS:,} more" if len(headers) > MAX_NAMED_COLUMNS else ""
    return ", ".join(f'"{shown(header, 60)}"' for header in headers[:MAX_NAMED_COLUMNS]) + more


def _headers(report: Report, table: Table) -> dict[str, str]:
    """Return the file's header by property."""
    columns = zip(table.header, match_columns(table.header, report.columns), strict=True)
    return {column.property: header for header, column in columns if column}
