"""Which row of a sheet is its header: detected for sure, set by the user, or refused."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from typing import cast

from tap_reports.exceptions import FileError
from tap_reports.files.header import UNSURE_ROWS, Line, is_value, knows, later_header
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Type
from tap_reports.files.xlsx_rows import SheetFile, SheetRow
from tap_reports.models import Layout

logger = logging.getLogger("tap-reports")


SAMPLE_ROWS = 100
_RANGE = re.compile("[A-Z]{1,3}([0-9]{1,9}):[A-Z]{1,3}([0-9]{1,9})")
"""Of cells: its first and its last row."""


def find_header(sheet: SheetFile, layout: Layout, *, is_only: bool) -> Line | None:
    """Return the header: the first row with two cells filled in, or with one if there is no such row.

    Args:
        sheet: The sheet.
        layout: What is expected, and which row is the header where the user says so.
        is_only: The workbook has no other sheet, so a setting about the header is about this one.

    Returns:
        The header, None for a sheet without anything.

    Raises:
        FileError: A row below may be the header as well; or the row wanted is empty.
    """
    wanted = layout.options.header_row
    lines = [line for line in _lines(_sample(sheet, wanted)) if line.cells]
    if not lines:
        return None
    if wanted is not None:
        header = next((line for line in lines if line.number == wanted), None)
        if header is None:
            raise FileError(
                f"{sheet.name}: row {wanted} is empty, so it is not the header.",
                remedy='Correct "header_row" in the report\'s "file".',
            )
        return header
    first = next((line for line in lines if len(line.cells) > 1), lines[0])
    if not knows(first.cells.values(), layout):
        _refuse_other_header(first, lines[lines.index(first) + 1 :], sheet.name, is_only=is_only)
    return first


def warn_of_merged(sheet: SheetFile, header: Line, merged: Sequence[str]) -> None:
    """Log that rows lack a value which the sheet shows once for several of them."""
    ranges = [
        match[0]
        for match in map(_RANGE.fullmatch, merged)
        if match and header.number < int(match[1]) < int(match[2])
    ]
    if ranges:
        logger.warning(
            "%s: merged cells (%s) have a value in their first row only; it is null in the others",
            sheet.name,
            ", ".join(ranges[:5]),
        )


def _refuse_other_header(first: Line, below: Sequence[Line], sheet: str, *, is_only: bool) -> None:
    """Raise FileError if the first row may not be the header, and a setting can say which one is."""
    what = f"{sheet}: row {first.number} ({_listed(first.cells)})"
    if other := later_header(first, below):
        error = FileError(
            f"{what} and row {other.number} ({_listed(other.cells)}) both look like the header.",
            remedy='Set "header_row" in the report\'s "file" to the one whose names the columns are to have.',
        )
        is_wider = not set(other.cells) <= set(first.cells)
        may_be_data = not other.follows_blank_line and other in below[:UNSURE_ROWS]
        if is_wider or (is_only and not may_be_data):
            raise error
        logger.warning("%s Row %d was taken.", error, first.number)
    elif is_only and below and all(row.values >= set(row.cells) for row in (first, *below)):
        raise FileError(
            f"{what} does not look like a header.",
            remedy='Set "header_row" in the report\'s "file" to the row of the header.',
        )


def _sample(sheet: SheetFile, header_row: int | None) -> list[SheetRow]:
    """Return the first rows of a sheet, to the header and beyond."""
    rows = list[SheetRow]()
    with closing(cast("Generator[list[SheetRow]]", sheet.rows(None, []))) as batches:
        for batch in batches:
            rows.extend(row for row in batch if not rows or row.number >= (header_row or 0))
            if len(rows) >= SAMPLE_ROWS:
                break
    return rows[:SAMPLE_ROWS]


def _lines(rows: Iterable[SheetRow]) -> list[Line]:
    above, lines = 0, []
    for row in rows:
        cells = {at: cell.text for at, cell in sorted(row.cells.items()) if cell.text.strip()}
        values = {at for at, cell in row.cells.items() if cell.type != Type.TEXT or is_value(cell.text)}
        lines.append(Line(row.number, cells, frozenset(values), row.number > above + 1))
        above = row.number
    return lines


def _listed(names: Mapping[int, str]) -> str:
    return shown(", ".join(names.values()))
