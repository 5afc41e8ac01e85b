"""Which row of a sheet is its header, and whether there is a sheet: sure, set by the user, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Type
from tap_reports.files.xlsx_rows import SheetRow
from tap_reports.files.xlsx_xml import ASK

LOOKED_AT = 20
"""Rows below the first one that may be the header as well."""


class Header(NamedTuple):
    """A sheet's header.

    Attributes:
        row: Its number in the sheet.
        names: The text of each cell filled in, by column.
    """

    row: int
    names: dict[int, str]


def find_header(sample: Sequence[SheetRow], sheet: str, wanted: int | None) -> Header | None:
    """Return the header: the first row with two cells filled in, or with one if there is no such row.

    Args:
        sample: The first rows.
        sheet: The sheet, for messages.
        wanted: The row that the user says it is.

    Returns:
        The header, None for a sheet without anything.

    Raises:
        FileError: A row below may be the header as well; or the row wanted is empty.
    """
    headers = [header for row in sample if (header := _header(row)).names]
    if not headers:
        return None
    if wanted is not None:
        for header in headers:
            if header.row == wanted:
                return header
        raise FileError(
            f"{sheet}: row {wanted} is empty, so it is not the header.",
            remedy='Correct "header_row" in the report\'s "file".',
        )
    first = next((header for header in headers if len(header.names) > 1), headers[0])
    below = [row for row in sample if row.number > first.row]
    if other := _other_header(first, below):
        raise FileError(
            f"{sheet}: row {first.row} ({_listed(first)}) and row {other.row} ({_listed(other)}) "
            "both look like the header.",
            remedy='Set "header_row" in the report\'s "file" to the one whose names the columns are to have.',
        )
    return first


def no_visible_sheet(workbook: str, hidden: list[str]) -> FileError:
    """Return the error of a workbook that has hidden sheets at the most."""
    if not hidden:
        return FileError(f"{workbook} has no worksheet.", remedy=ASK)
    names = ", ".join(f'"{shown(name, 60)}"' for name in hidden[:20])
    remedy = "Set file.hidden_sheets to true to read them."
    return FileError(f"{workbook} has no visible worksheet, only {names}.", remedy=remedy)


def _header(row: SheetRow) -> Header:
    return Header(
        row.number, {column: value.text for column, value in sorted(row.cells.items()) if value.text.strip()}
    )


def _other_header(first: Header, below: Sequence[SheetRow]) -> Header | None:
    """Return a row that names columns which the first header does not: text, above other values."""
    for at, row in enumerate(below[:LOOKED_AT]):
        rest = below[at + 1 :]
        used = {column for other in rest for column in other.cells}
        names = _header(row).names
        is_text = all(value.type == Type.TEXT for value in row.cells.values())
        if is_text and used - set(first.names) and used <= set(names) and _is_above_values(names, rest):
            return _header(row)
    return None


def _is_above_values(names: dict[int, str], rest: Sequence[SheetRow]) -> bool:
    """Tell whether some column has text in this row, and none below it."""
    for column in names:
        types = [row.cells[column].type for row in rest if column in row.cells]
        if types and Type.TEXT not in types:
            return True
    return False


def _listed(header: Header) -> str:
    return shown(", ".join(header.names.values()))
