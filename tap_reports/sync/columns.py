"""A file's header beside the report's columns: what is new, what is missing, what is emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tap_reports.emit.plan import Field
from tap_reports.exceptions import FileError
from tap_reports.files import Table
from tap_reports.files.text import shown
from tap_reports.sync.report import Report, bound

MOST_NAMED = 20
"""Columns that a message names; it counts the others."""


def with_new_columns(report: Report, table: Table, policy: str) -> tuple[Report, list[str]]:
    """Return the report with the columns that a file adds, as far as the policy admits them, and the headers
    of all new ones.

    Args:
        report: As known so far.
        table: The file's, which `absent_columns` has found to be of this report.
        policy: The setting `new_columns`.

    Raises:
        FileError: There are new columns and the policy is "fail".
    """
    wider, new = report.with_columns(table.header)
    headers = [column.header for column in new]
    if headers and policy == "fail":
        raise FileError(
            f"{table.name} has new columns: {named(headers)}",
            remedy='Run discovery again, or set "new_columns" to "add" or "ignore".',
        )
    return (wider if headers and policy == "add" else report), headers


def fields(report: Report, table: Table, is_selected: Callable[[str], bool]) -> Iterator[Field]:
    """Yield what is emitted of a table: the report's columns, then the lineage.

    Args:
        report: With the columns that the file added.
        table: The file's.
        is_selected: Of a property.
    """
    header_of, keys = _headers(report, table), {*report.primary_keys, report.replication_key}
    for column in (*report.columns, *report.lineage):
        if is_selected(column.property):
            lineage = column.property if column in report.lineage else None
            is_key = lineage is None and column.property in keys
            yield Field(
                column.property, header_of.get(column.property), column.kind, lineage, required=is_key
            )


def absent_columns(report: Report, table: Table) -> list[str]:
    """Return the headers of the report's columns that the file lacks: they are null.

    Args:
        report: Without the file's new columns: these say nothing about which report it is.
        table: The file's.

    Raises:
        FileError: It is another report: it lacks key columns, columns that were asked for by name, or all
            columns, or most of them while most of its own are unknown.
    """
    found = _headers(report, table)
    own = {column.property: column.header for column in report.columns}
    keys = (*report.primary_keys, report.replication_key)
    missing = [own[key] for key in keys if key in own and key not in found]
    absent = [header for name, header in own.items() if name not in found]
    missing += [header for header in absent if header in report.type.asked]
    is_foreign = len(absent) > len(found) and len(table.header) > 2 * len(found)
    if missing or (own and not found) or is_foreign:
        raise FileError(
            f"{table.name} is not this report: it has the columns {named(table.header)}, "
            f"not {named(dict.fromkeys(missing or absent))}.",
            remedy="If it is, its header may not be its first row (file.header_row), or its settings or "
            "catalog name other columns than it has.",
        )
    return absent


def named(headers: Iterable[str]) -> str:
    """Return headers for a message: the first ones, each on one line, and how many more there are."""
    headers = list(headers)
    more = f" and {len(headers) - MOST_NAMED:,} more" if len(headers) > MOST_NAMED else ""
    return ", ".join(f'"{shown(header, 60)}"' for header in headers[:MOST_NAMED]) + more


def _headers(report: Report, table: Table) -> dict[str, str]:
    columns = zip(table.header, bound(table.header, report.columns), strict=True)
    return {column.property: header for header, column in columns if column}
