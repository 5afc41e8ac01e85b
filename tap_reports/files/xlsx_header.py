"""Which row of a sheet is its header, and whether there is a sheet: sure, set by the user, or refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.csv_sample import is_value
from tap_reports.files.csv_start import NULL_WORDS, STEADY_ROWS, knows
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Type, Value
from tap_reports.files.xlsx_rows import SheetRow
from tap_reports.files.xlsx_xml import ASK
from tap_reports.models import Layout

logger = logging.getLogger("tap-reports")

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


def find_header(sample: Sequence[SheetRow], sheet: str, layout: Layout, *, is_only: bool) -> Header | None:
    """Return the header: the first row with two cells filled in, or with one if there is no such row.

    Args:
        sample: The first rows.
        sheet: The sheet, for messages.
        layout: What is expected, and which row is the header where the user says so.
        is_only: The workbook has no other sheet, so a setting about the header is about this one.

    Returns:
        The header, None for a sheet without anything.

    Raises:
        FileError: A row below may be the header as well; or the row wanted is empty.
    """
    headers = [header for row in sample if (header := _header(row)).names]
    if not headers:
        return None
    wanted = layout.options.header_row
    if wanted is not None:
        for header in headers:
            if header.row == wanted:
                return header
        raise FileError(
            f"{sheet}: row {wanted} is empty, so it is not the header.",
            remedy='Correct "header_row" in the report\'s "file".',
        )
    first = next((header for header in headers if len(header.names) > 1), headers[0])
    if not knows(list(first.names.values()), layout):
        _refuse_other_header(first, [row for row in sample if row.number > first.row], sheet, is_only=is_only)
    return first


def _refuse_other_header(first: Header, below: Sequence[SheetRow], sheet: str, *, is_only: bool) -> None:
    """Raise FileError if a row below may be the header as well, and a setting can say which one is."""
    other = _other_header(first, below)
    if not other:
        if is_only and below and all(map(is_value, first.names.values())):
            raise FileError(
                f"{sheet}: row {first.row} ({_listed(first)}) does not look like a header.",
                remedy='Set "header_row" in the report\'s "file" to the row of the header.',
            )
        return
    error = FileError(
        f"{sheet}: row {first.row} ({_listed(first)}) and row {other.row} ({_listed(other)}) "
        "both look like the header.",
        remedy='Set "header_row" in the report\'s "file" to the one whose names the columns are to have.',
    )
    if is_only or not set(other.names) <= set(first.names):
        raise error
    logger.warning("%s Row %d was taken.", error, first.row)


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
    """Return a row of words above other values: one that names columns which the first header does not, or
    that stands behind a blank row or above many values.
    """
    above = first.row
    for at, row in enumerate(below[:LOOKED_AT]):
        rest = below[at + 1 :]
        used = {column for other in rest for column in other.cells}
        names = _header(row).names
        is_wider, is_behind_blank = bool(used - set(first.names)), row.number > above + 1
        enough = 1 if is_wider or is_behind_blank else 2 if at else STEADY_ROWS
        above = row.number
        if len(rest) < enough or not used <= set(names) or names == first.names:
            continue
        if all(map(_is_word, row.cells.values())) and _is_above_values(names, rest):
            return _header(row)
    return None


def _is_word(value: Value) -> bool:
    text = value.text
    return value.type == Type.TEXT and not is_value(text) and text.strip().casefold() not in NULL_WORDS


def _is_above_values(names: dict[int, str], rest: Sequence[SheetRow]) -> bool:
    """Tell whether some column has text in this row, and none below it."""
    for column in names:
        types = [row.cells[column].type for row in rest if column in row.cells]
        if types and Type.TEXT not in types:
            return True
    return False


def _listed(header: Header) -> str:
    return shown(", ".join(header.names.values()))
