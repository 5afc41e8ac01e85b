"""Old workbooks (.xls): sheets by xlrd, which holds a whole sheet in memory, so up to a size only."""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files.table import Sheet
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Type, Value, numeric
from tap_reports.files.xlsx_rows import SheetFile, SheetRow
from tap_reports.files.xlsx_sheet import visible_sheets
from tap_reports.files.xlsx_styles import Style, style_of
from tap_reports.models import Layout

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member

MAX_BYTES = 32 << 20
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the stream that holds an encrypted workbook."""
EXACT = 2**53
"""Integers are stored as floats; beyond this one, a float's digits are no longer the integer's."""
ASK = "Ask the vendor for .xlsx or CSV."


def xls_sheets(member: Member, layout: Layout, work_dir: Path) -> list[Sheet]:
    """Return the worksheets of an old workbook, in its order; hidden ones only if the options say so.

    Raises:
        FileError: Damaged, protected by a password, or too large.
    """
    if member.path is None:
        raise ValueError("a workbook is read from disk")
    _refuse(member, member.path)
    with _opened(member) as book:
        names = [(sheet.name, bool(sheet.visibility)) for sheet in book.sheets()]
    found = [(_sheet_file(member, name, work_dir), is_hidden) for name, is_hidden in names]
    return visible_sheets(member.name, found, layout)


def _sheet_file(member: Member, name: str, work_dir: Path) -> SheetFile:
    return SheetFile(
        name=f"{member.name} / {shown(name)}",
        sheet=name,
        rows=partial(_rows, member, name),
        folder=work_dir,
        check=lambda _: None,
    )


def _refuse(member: Member, path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        raise FileError(
            f"{member.name} is an old workbook (.xls) of more than {MAX_BYTES:,} bytes: refused, as it "
            "would take too much memory.",
            remedy=ASK,
        )
    # What Office makes of a workbook with a password is a container of the same kind.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(ENCRYPTED) >= 0:
            raise _protected(member)


def _rows(member: Member, name: str, *_: object) -> Generator[list[SheetRow]]:
    with _opened(member) as book:
        sheet = book.sheet_by_name(name)
        styles = [style_of(book.format_map[xf.format_key].format_str) for xf in book.xf_list]
        for number in range(sheet.nrows):
            if cells := _cells(sheet.row(number), styles, is_1904=bool(book.datemode)):
                yield [SheetRow(number + 1, cells)]


def _cells(row: list[Any], styles: list[Style], *, is_1904: bool) -> dict[int, Value]:
    found = {}
    for column, cell in enumerate(row):
        value = _value(cell, styles, is_1904=is_1904)
        if value.text:
            found[column] = value
    return found


def _value(cell: Any, styles: list[Style], *, is_1904: bool) -> Value:
    """Return a cell; an empty text where it holds nothing."""
    import xlrd

    match cell.ctype:
        case xlrd.XL_CELL_NUMBER | xlrd.XL_CELL_DATE:
            is_whole = cell.value.is_integer() and -EXACT <= cell.value <= EXACT
            text = str(int(cell.value)) if is_whole else repr(cell.value)
            return numeric(text, styles[cell.xf_index], is_1904=is_1904)
        case xlrd.XL_CELL_BOOLEAN:
            return Value(Type.BOOLEAN, "true" if cell.value else "false")
        case xlrd.XL_CELL_ERROR:
            return Value(Type.ERROR, xlrd.error_text_from_code.get(cell.value, "#VALUE!"))
    return Value(Type.TEXT, cell.value)


@contextmanager
def _opened(member: Member) -> Iterator[Any]:
    import xlrd

    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123  # it has notes on odd files
            xlrd.open_workbook(
                str(member.path), logfile=nowhere, formatting_info=True, on_demand=True
            ) as book,
        ):
            yield book
    except Exception as error:
        if "encrypted" in str(error):
            raise _protected(member) from error
        # A damaged file makes it stumble in any way.
        raise FileError(f"{member.name} is a damaged or truncated workbook: {shown(str(error))}.") from error


def _protected(member: Member) -> FileError:
    remedy = "Ask the vendor for files without a password."
    return FileError(f"{member.name} is protected by a password.", remedy=remedy)
