"""A report file -> its tables: unpacked, recognized by its first bytes, its sheet chosen.

A file is read as what it is, even if the vendor was asked for another format. What is not a report (an error
page, a message, a truncated file) is an error that shows how it begins.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tap_reports.exceptions import FileError
from tap_reports.files.table import MAX_COLUMNS, Cell, Sheet, Table, notation_of, says_empty
from tap_reports.files.text import beginning, is_blank, shown
from tap_reports.files.unpack import ASK, OLE, Member, members
from tap_reports.models import FileFormat, Layout, ReportFile
from tap_reports.models.columns import distinct_names

logger = logging.getLogger("tap-reports")

FOREIGN = {
    b"%PDF": "a PDF",
    b"PAR1\x15": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"BZh91AY&SY": "a bzip2 file",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip file",
}
"""First bytes of files that a vendor might send and that can't be read."""

_JSON = re.compile(r'\{\s*(?:["}]|$)|\[\s*(?:[\[{\]"\d-]|null|true|false|$)')
"""How JSON begins and a CSV header does not."""


def tables(file: ReportFile, layout: Layout, *, work_dir: Path) -> Iterator[Table]:
    """Yield the tables of a downloaded file: the sheet that `layout` names, else all.

    Tables can be read, also later and again, for as long as `file` is there.

    Args:
        file: The file, as it came. If it holds one table, `file.sheet` is that table's sheet; a file that
            the vendor named as another sheet than `layout.sheet` yields nothing.
        layout: What is expected in it.
        work_dir: Where a workbook within a gzip or zip is unpacked for as long as its tables are in use.

    Raises:
        FileError: It is not a report, damaged, or has no such sheet.
    """
    if layout.sheet is not None and file.sheet not in {None, layout.sheet}:
        return
    sheets = [
        sheet for member in members(file, layout, work_dir) for sheet in _sheets(member, layout, work_dir)
    ]
    names = distinct_names([sheet.name for sheet in sheets])  # each is a stream of its own
    sheets = [sheet._replace(name=name) for sheet, name in zip(sheets, names, strict=True)]
    if file.sheet is not None and len(sheets) == 1:
        sheets = [sheets[0]._replace(name=file.sheet)]
    others = [sheet.name for sheet in sheets if sheet.name and sheet.name != layout.sheet]
    for sheet in _chosen(sheets, layout.sheet, file.name):
        table = _with_names(sheet, layout)
        yield replace(table, other_sheets=tuple(others)) if others and layout.sheet else table


def tables_of_all(files: Sequence[ReportFile], layout: Layout, *, work_dir: Path) -> Iterator[Table]:
    """Yield the tables of all files of a job, in order.

    Raises:
        FileError: As `tables`; or each file is another sheet than `layout.sheet`.
    """
    names = [file.sheet for file in files]
    others = () if layout.sheet is None else tuple(name for name in names if name and name != layout.sheet)
    for file in files:
        for table in tables(file, layout, work_dir=work_dir):
            yield replace(table, other_sheets=(*table.other_sheets, *others)) if others else table
    if layout.sheet is not None and names and all(name not in {None, layout.sheet} for name in names):
        raise _no_sheet("the job's files", layout.sheet, names)


def _sheets(member: Member, layout: Layout, work_dir: Path) -> list[Sheet]:
    """Return the tables of a file, by its first bytes."""
    if member.is_workbook:
        if member.head.startswith(OLE):
            from tap_reports.files.xls import xls_sheets as sheets_of
        else:
            from tap_reports.files.xlsx import xlsx_sheets as sheets_of
        return sheets_of(member, layout, work_dir)
    text = beginning(member)
    if not text and is_blank(member):
        return [Sheet(member.sheet, lambda: _blank(member, layout))]
    _refuse_foreign(member, text, layout)
    is_json = layout.format is FileFormat.JSON
    if _JSON.match(text) or (is_json and text.startswith(("{", "[", "null"))) or (is_json and not text):
        from tap_reports.files.json_ import json_sheets

        return json_sheets(member, layout)
    from tap_reports.files.csv_ import csv_table

    return [Sheet(member.sheet, partial(csv_table, member, member.sheet, layout))]


def _refuse_foreign(member: Member, text: str, layout: Layout) -> None:
    """Raise FileError for what can't be a report."""
    what = next((what for magic, what in FOREIGN.items() if member.head.startswith(magic)), None)
    if what:
        raise FileError(
            f"{member.name} is {what}, which can't be read. Expected {layout.format}.", remedy=ASK
        )
    if text.startswith("<"):
        what = (
            "an HTML page" if re.match(r"<(?:!doctype html|html|head|body)", text, re.IGNORECASE) else "XML"
        )
        raise FileError(f'{member.name} is {what}, not a report. It begins: "{shown(text)}".')


def _blank(member: Member, layout: Layout) -> Table:
    """Return the table of a file without a word: it has no rows. A workbook is never so."""
    what = "only white space" if member.head else "nothing (0 bytes)"
    if layout.format is FileFormat.XLSX:
        raise FileError(f"{member.name} holds {what}: not a workbook.")
    if member.head:
        logger.warning("%s holds only white space; it is taken for a file without rows", member.name)
    return Table(name=member.name, sheet=member.sheet, format=layout.format, header=(), read=lambda: iter(()))


def _chosen(sheets: list[Sheet], wanted: str | None, name: str) -> list[Sheet]:
    """Return the wanted sheet, or all. A single table without a name is whatever sheet is wanted."""
    if wanted is None or [sheet.name for sheet in sheets] == [None]:
        return sheets
    chosen = [sheet for sheet in sheets if sheet.name == wanted]
    if not chosen:
        raise _no_sheet(name, wanted, [sheet.name for sheet in sheets])
    return chosen


def _no_sheet(name: str, wanted: str, there: Sequence[str | None]) -> FileError:
    names = ", ".join(f'"{sheet}"' for sheet in there) or "none"
    remedy = "If the vendor has renamed the sheet, discover the streams again."
    return FileError(f'{name} has no sheet "{wanted}"; there is {names}.', remedy=remedy)


def _with_names(sheet: Sheet, layout: Layout) -> Table:
    """Read a table's beginning and give each column its name."""
    table = sheet.load()
    if len(table.header) > MAX_COLUMNS:
        raise FileError(
            f"{table.name} has {len(table.header):,} columns, more than {MAX_COLUMNS:,}: not a report.",
            remedy="If its delimiter was detected wrongly, set file.delimiter.",
        )
    if says_empty(table.header, layout.empty_words):
        return Table(name=table.name, sheet=sheet.name, format=table.format, header=(), read=lambda: iter(()))
    if layout.options.footer_rows and table.format is FileFormat.JSON:
        read = partial(_without_last, table.rows, layout.options.footer_rows)
        table = Table(name=table.name, sheet=None, format=table.format, header=table.header, read=read)
    header = tuple(
        str(layout.renames.get(text, text)) if text.strip() else f"column_{number}"
        for number, text in enumerate(table.header, start=1)
    )
    return replace(table, sheet=sheet.name, header=header, notation=notation_of(layout.options, table))


def _without_last(read: Callable[[], Iterator[list[Cell]]], count: int) -> Iterator[list[Cell]]:
    """Yield all rows but the last ones."""
    held: deque[list[Cell]] = deque()
    for row in read():
        held.append(row)
        if len(held) > count:
            yield held.popleft()
