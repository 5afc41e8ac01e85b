"""Workbooks: each sheet's header and rows, by their own types. One sheet is in memory at a time."""

from __future__ import annotations

import datetime as dt
import mmap
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import FileError
from tap_reports.files.table import Cell, Sheet, Table
from tap_reports.files.text import shown
from tap_reports.files.unpack import OLE
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

    from tap_reports.files.part import Part

PANIC = "PanicException"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the stream that holds an encrypted workbook."""
EXACT = 2**53
"""Integers are stored as floats; beyond this one, a float's digits are no longer the integer's."""


def xlsx_sheets(part: Part) -> list[Sheet]:
    """Return the worksheets of a workbook, in its order.

    Raises:
        FileError: Damaged, or protected by a password.
    """
    from python_calamine import SheetTypeEnum

    if part.path is None:
        raise ValueError("a workbook is read from disk")
    workbook = _Workbook(part, part.path)
    names = [found.name for found in workbook.metadata() if found.typ == SheetTypeEnum.WorkSheet]
    return [Sheet(name, partial(_table, workbook, name)) for name in names]


class _Workbook:
    """A workbook's file and the sheet read last, so that tables need not hold theirs."""

    def __init__(self, part: Part, path: Path) -> None:
        self.name = part.name
        self._part = part  # keeps an unpacked file on disk
        self._path = path
        self._sheet: CalamineSheet | None = None

    def metadata(self) -> list[Any]:
        """Return what the workbook says of its sheets."""
        return self._opened(lambda workbook: workbook.sheets_metadata)  # type: ignore[no-any-return]

    def sheet(self, name: str) -> CalamineSheet:
        """Return a sheet, read anew unless it was the last one asked for."""
        if self._sheet is None or self._sheet.name != name:
            self._sheet = None
            self._sheet = self._opened(lambda workbook: workbook.get_sheet_by_name(name))
        return self._sheet

    def _opened(self, use: Callable[[CalamineWorkbook], Any]) -> Any:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError

        try:
            with CalamineWorkbook.from_path(self._path) as workbook:
                return use(workbook)
        except PasswordError as error:
            raise self._protected() from error
        except CalamineError as error:
            raise self._damaged(error) from error
        except BaseException as error:
            # What its Rust does not expect is a panic, which is no Exception.
            if type(error).__name__ != PANIC:
                raise
            raise self._damaged(error) from None

    def _damaged(self, error: BaseException) -> FileError:
        if self._is_encrypted():
            return self._protected()
        return FileError(f"{self.name} is a damaged or truncated workbook: {shown(str(error))}.")

    def _protected(self) -> FileError:
        remedy = "Ask the vendor for files without a password."
        return FileError(f"{self.name} is protected by a password.", remedy=remedy)

    def _is_encrypted(self) -> bool:
        """Tell whether the file is what Office makes of a workbook with a password: a container."""
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data[:8] == OLE and data.find(ENCRYPTED) >= 0


def _table(workbook: _Workbook, name: str) -> Table:
    sheet = workbook.sheet(name)
    above = _rows_above(sheet)
    header = next(islice(sheet.iter_rows(), above, None), [])
    kept = _kept_columns(sheet, above, header)
    return Table(
        name=f"{workbook.name} / {name}",
        sheet=name,
        format=FileFormat.XLSX,
        header=tuple(_header(header, column) for column in kept),
        read=partial(_rows, workbook, name, above + 1, kept),
    )


def _header(cells: list[Any], column: int) -> str:
    """Return a column's header; one without is named by its place in the sheet, which stays the same."""
    cell = cells[column]
    return f"column_{column + 1}" if _is_blank(cell) else str(_cell(cell))


def _rows_above(sheet: CalamineSheet) -> int:
    """Return how many rows are above the header: the first row with two cells filled in.

    In a sheet without such a row, which has one column, the first row filled in is the header.
    """
    first: int | None = None
    for number, row in enumerate(sheet.iter_rows()):
        filled = sum(not _is_blank(cell) for cell in row)
        if filled > 1:
            return number
        if filled and first is None:
            first = number
    return first or 0


def _kept_columns(sheet: CalamineSheet, above: int, header: list[Any]) -> list[int]:
    """Return the indices of columns that have a header, or a value under a blank one."""
    blank = {column for column, cell in enumerate(header) if _is_blank(cell)}
    if blank:
        for row in islice(sheet.iter_rows(), above + 1, None):
            blank = {column for column in blank if row[column] == ""}
            if not blank:
                break
    return [column for column in range(len(header)) if column not in blank]


def _rows(workbook: _Workbook, name: str, start: int, kept: list[int]) -> Iterator[list[Cell]]:
    for row in islice(workbook.sheet(name).iter_rows(), start, None):
        values = [row[column] for column in kept]
        cells = [value if type(value) is str and value else _cell(value) for value in values]
        if any(cell is not None for cell in cells):
            yield cells


def _cell(value: Any) -> Cell:
    """Return a workbook's value: floats that are integers as such, others by their shortest digits."""
    if type(value) is float:  # first, as most cells are
        if value.is_integer() and -EXACT <= value <= EXACT:
            return int(value)
        return Decimal(repr(value))
    if value == "":
        return None
    if isinstance(value, dt.time):
        # A duration under a day, as Excel formats it.
        return dt.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    return value  # type: ignore[no-any-return]


def _is_blank(value: Any) -> bool:
    return value == "" or (isinstance(value, str) and not value.strip())
