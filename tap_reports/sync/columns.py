"""A file's header beside the report's columns: what is new, what is missing, what is emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tap_reports.emit.plan import Field
from tap_reports.exceptions import FileError
from tap_reports.files.tables import Table
from tap_reports.sync.report import Report, bound


def with_new_columns(report: Report, table: Table, policy: str) -> tuple[Report, list[str]]:
    """Return the report with the columns that a file adds, as far as the policy admits them, and the headers
    of all new ones.

    Args:
        report: As known so far.
        table: The file's.
        policy: The setting `new_columns`.

    Raises:
        FileError: There are new columns and the policy is "fail".
    """
    wider, new = report.with_columns(table.header)
    headers = [column.header for column in new]
    if headers and policy == "fail":
        raise FileError(
            f"{table.name} has new columns: {', '.join(map(_quoted, headers))}",
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

    Raises:
        FileError: It lacks key columns, or all columns: it is another report.
    """
    found = _headers(report, table)
    own = {column.property: column.header for column in report.columns}
    keys = (*report.primary_keys, report.replication_key)
    missing = [own[key] for key in keys if key in own and key not in found]
    if missing or (own and not found):
        raise FileError(
            f"{table.name} is not this report: it has the columns {', '.join(table.header[:20])}, "
            f"not {', '.join(missing or list(own.values())[:20])}",
            remedy="Correct the report's settings or its catalog by what the file holds.",
        )
    return [header for name, header in own.items() if name not in found]


def _headers(report: Report, table: Table) -> dict[str, str]:
    columns = zip(table.header, bound(table.header, report.columns), strict=True)
    return {column.property: header for header, column in columns if column}


def _quoted(header: str) -> str:
    return f'"{header}"'
