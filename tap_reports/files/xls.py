"""Old workbooks (.xls): sheets by calamine, which holds a whole sheet in memory, so up to a size only."""

from __future__ import annotations

import datetime as dt
import mmap
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files.cells import duration
from tap_reports.files.table import Sheet
from tap_reports.files.text import shown
from tap_reports.files.xlsx_rows import SheetRow, Type, Value
from tap_reports.files.xlsx_sheet import SheetFile, sheet_table
from tap_reports.files.xlsx_styles import plain_number
from tap_reports.models import FileOptions

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

    from tap_reports.files.part import Part

MOST_BYTES = 32 << 20
PANIC = "PanicException"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the stream that holds an encrypted workbook."""
EXACT = 2**53
"""Integers are stored as floats; beyond this one, a float's digits are no longer the integer's."""
ASK = "Ask the vendor for .xlsx or CSV."


def xls_sheets(part: Part, options: FileOptions, work_dir: Path) -> list[Sheet]:
    """Return the worksheets of an old workbook, in its order; hidden ones only if the options say so.

    Raises:
        FileError: Damaged, protected by a password, or too large.
    """
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    if part.path is None:
        raise ValueError("a workbook is read from disk")
    _refuse(part, part.path)
    found: list[Sheet] = []
    for one in _opened(part, lambda workbook: workbook.sheets_metadata):
        is_shown = options.hidden_sheets or one.visible == SheetVisibleEnum.Visible
        if one.typ == SheetTypeEnum.WorkSheet and is_shown:
            sheet = SheetFile(
                name=f"{part.name} / {shown(one.name)}",
                sheet=one.name,
                rows=partial(_rows, part, one.name),
                folder=work_dir,
                check=lambda _: None,
            )
            found.append(Sheet(one.name, partial(sheet_table, sheet, options)))
    return found


def _refuse(part: Part, path: Path) -> None:
    if path.stat().st_size > MOST_BYTES:
        raise FileError(
            f"{part.name} is an old workbook (.xls) of more than {MOST_BYTES:,} bytes: refused, as it would "
            "take too much memory.",
            remedy=ASK,
        )
    # What Office makes of a workbook with a password is a container of the same kind.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(ENCRYPTED) >= 0:
            raise _protected(part)


def _rows(part: Part, name: str, _: object = None) -> Generator[list[SheetRow]]:
    sheet = _opened(part, lambda workbook: workbook.get_sheet_by_name(name))
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = {column: _value(cell) for column, cell in enumerate(row) if cell != ""}
        if cells:
            yield [SheetRow(number, cells)]


def _value(cell: Any) -> Value:
    """Return a cell's text: floats that are integers as such, others by their shortest digits."""
    if isinstance(cell, dt.time):
        # A duration under a day, as Excel formats it.
        cell = dt.timedelta(
            hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond
        )
    if isinstance(cell, bool):
        return Value(Type.BOOLEAN, "true" if cell else "false")
    if isinstance(cell, float):
        is_whole = cell.is_integer() and -EXACT <= cell <= EXACT
        return Value(Type.NUMBER, str(int(cell)) if is_whole else plain_number(repr(cell)) or repr(cell))
    if isinstance(cell, dt.date):
        is_moment = isinstance(cell, dt.datetime)
        return Value(Type.DATE_TIME if is_moment else Type.DATE, cell.isoformat())
    return Value(Type.TEXT, duration(cell) if isinstance(cell, dt.timedelta) else str(cell))


def _opened(part: Part, use: Callable[[CalamineWorkbook], Any]) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with CalamineWorkbook.from_path(str(part.path)) as workbook:
            return use(workbook)
    except PasswordError as error:
        raise _protected(part) from error
    except CalamineError as error:
        raise _damaged(part, error) from error
    except BaseException as error:
        # What its Rust does not expect is a panic, which is not an Exception.
        if type(error).__name__ != PANIC:
            raise
        raise _damaged(part, error) from None


def _damaged(part: Part, error: BaseException) -> FileError:
    return FileError(f"{part.name} is a damaged or truncated workbook: {shown(str(error))}.")


def _protected(part: Part) -> FileError:
    remedy = "Ask the vendor for files without a password."
    return FileError(f"{part.name} is protected by a password.", remedy=remedy)
