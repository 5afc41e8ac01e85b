"""One sheet of a workbook -> a table: the sheet is written to disk as CSV, and read as that.

What a table is can be known only at the end of its sheet: which columns hold something, whether the file is
damaged, which rows are its last. So a sheet is read to its end before any row of it goes on.
"""

from __future__ import annotations

import io
import logging
import os
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from tap_reports import speedups
from tap_reports.exceptions import FileError
from tap_reports.files.csv_ import rows
from tap_reports.files.csv_blocks import end_before_footer
from tap_reports.files.header import Line
from tap_reports.files.streams import TemporaryFile
from tap_reports.files.table import ERROR_MARK, MAX_COLUMNS, MAX_RECORD, NUMBER_MARK, CsvTable, Sheet, Table
from tap_reports.files.text import shown
from tap_reports.files.xlsx_cells import Type
from tap_reports.files.xlsx_header import find_header, warn_of_merged
from tap_reports.files.xlsx_parts import ASK
from tap_reports.files.xlsx_rows import MAX_SHEET_COLUMNS, SheetFile, SheetReader, SheetRow
from tap_reports.models import FileFormat, Kind, Layout
from tap_reports.wording import number_of

logger = logging.getLogger("tap-reports")

MARKS = {Type.ERROR: ERROR_MARK, Type.NUMBER: NUMBER_MARK}
_QUOTED = re.compile('[",\r\n]')
_KINDS = {
    Type.NUMBER: Kind.NUMBER,
    Type.BOOLEAN: Kind.BOOLEAN,
    Type.DATE: Kind.DATE,
    Type.DATE_TIME: Kind.DATE_TIME,
    Type.DATE | Type.DATE_TIME: Kind.DATE_TIME,
}


def visible_sheets(workbook: str, sheets: Sequence[tuple[SheetFile, bool]], layout: Layout) -> list[Sheet]:
    """Return the sheets of a workbook, given with whether they are hidden; these only if the options say so.

    Raises:
        FileError: There is no sheet, or all are hidden.
    """
    wanted = [sheet for sheet, is_hidden in sheets if layout.options.hidden_sheets or not is_hidden]
    if not sheets:
        raise FileError(f"{workbook} has no worksheet.", remedy=ASK)
    if not wanted:
        names = ", ".join(f'"{shown(sheet.sheet, 60)}"' for sheet, _ in sheets[:20])
        remedy = "Set file.hidden_sheets to true to read them."
        raise FileError(f"{workbook} has no visible worksheet, only {names}.", remedy=remedy)
    is_only = len(wanted) == 1
    return [Sheet(sheet.sheet, partial(sheet_table, sheet, layout, is_only=is_only)) for sheet in wanted]


def sheet_table(sheet: SheetFile, layout: Layout, *, is_only: bool) -> Table:
    """Return a sheet's table.

    Args:
        sheet: The sheet.
        layout: What is expected in it.
        is_only: The workbook has no other one that is read.

    Raises:
        FileError: The sheet is damaged, too large, or its header is not certain.
    """
    options = layout.options
    header = find_header(sheet, layout, is_only=is_only)
    if header is None:
        return _table(sheet, ())
    # Text is read by the user's notation, numbers are not.
    marks = MARKS if options.decimal_separator == "," else {Type.ERROR: MARKS[Type.ERROR]}
    columns = sorted(header.cells)
    written = _write_csv(sheet, header, columns, marks)
    if written.others:
        columns = sorted({*columns, *written.others})
        written = _write_csv(sheet, header, columns, marks)
    warn_of_merged(sheet, header, written.merged)
    return _csv_table(sheet, header, columns, written, options.footer_rows)


def _write_csv(sheet: SheetFile, header: Line, columns: list[int], marks: Mapping[int, str]) -> _SheetCsv:
    if len(columns) > MAX_COLUMNS:
        raise FileError(
            f"{sheet.name} has {len(columns):,} columns; at most {MAX_COLUMNS:,} are read.", remedy=ASK
        )
    written = _SheetCsv(sheet, header, columns, marks)
    written.write()
    return written


def _table(sheet: SheetFile, header: tuple[str, ...]) -> Table:
    """Return a table without rows."""
    return Table(
        name=sheet.name, sheet=sheet.sheet, format=FileFormat.XLSX, header=header, read=lambda: iter(())
    )


def _csv_table(
    sheet: SheetFile, header: Line, columns: list[int], written: _SheetCsv, footer_rows: int
) -> Table:
    # A column without header is named by its place in the sheet, which stays the same.
    names = tuple(header.cells.get(column, f"column_{column + 1}") for column in columns)
    known = tuple(_KINDS.get(types & ~Type.ERROR) for types in written.types)
    plain = CsvTable(
        name=sheet.name,
        sheet=sheet.sheet,
        format=FileFormat.XLSX,
        header=names,
        kinds=known,
        read=lambda: iter(()),
        delimiter=",",
        open_text=written.file.open,
    )
    if footer_rows:
        os.truncate(written.file.path, _end_before_footer(plain, written.repeats, footer_rows))
    is_marked = any(types & mark for types in written.types for mark in written.marks)
    plain = replace(plain, is_marked=is_marked)
    return replace(plain, read=partial(rows, plain))


def _end_before_footer(table: CsvTable, repeats: list[int], footer_rows: int) -> int:
    """Return where a sheet's footer begins; a header that stands again in it is one of its rows."""
    for rows_written in range(footer_rows, 0, -1):
        end = end_before_footer(table, rows_written)
        if rows_written + sum(at > end for at in repeats) <= footer_rows:
            return end
    return end_before_footer(table, 0)


class _SheetCsv:
    """A sheet's rows after the header, as CSV on disk.

    Args:
        sheet: The sheet.
        header: Its header.
        columns: Those written, ascending.
        marks: What stands before cells of some types.

    Attributes:
        types: What each of them holds.
        others: Columns that hold something and are not written.
        repeats: Where in the CSV a header that stands again was left out.
        merged: Ranges of merged cells.
        file: The CSV.
    """

    def __init__(self, sheet: SheetFile, header: Line, columns: list[int], marks: Mapping[int, str]) -> None:
        self.marks = marks
        self.types = [0] * len(columns)
        self.others: set[int] = set()
        self.file = TemporaryFile(sheet.folder)
        self._sheet = sheet
        self._header = header
        self._columns = columns
        self._at = {column: at for at, column in enumerate(columns)}
        self._places = _places(self._at)
        self._size = 0
        # A sheet of one column may hold its header's name as a value.
        self._names = header.cells if len(header.cells) > 1 else {}
        cells = (header.cells.get(column, "") for column in columns)
        self._header_line = (",".join(map(_quoted, cells)) + "\n").encode() if self._names else b""
        self.repeats: list[int] = []
        self.merged: list[str] = []

    def write(self) -> None:
        """Write them.

        Raises:
            FileError: The sheet is damaged, or there is no room.
        """
        with self.file.path.open("wb") as out:
            for batch in self._sheet.rows(partial(self._write_compiled, out), self.merged):
                for row in batch:
                    if row.number <= self._header.number:
                        continue
                    if self._names and {at: value.text for at, value in row.cells.items()} == self._names:
                        self.repeats.append(self._size)
                    else:
                        self._write_row(row, out)
        if self.repeats:
            logger.warning(
                "%s: the header is repeated in %s; dropped",
                self._sheet.name,
                number_of(len(self.repeats), "row"),
            )

    def _write_compiled(self, out: io.BufferedWriter, reader: SheetReader, data: bytes) -> bytes:
        """Let the compiled module write some rows."""
        if reader.row < self._header.number:
            return data
        is_marked = Type.NUMBER in self.marks
        written = speedups.sheet_rows(data, self._places, reader.book, reader.row, marks_numbers=is_marked)
        if written is None or (self._header_line and self._header_line in written.data):
            return data
        self._write_bytes(written.data, out)
        self.types = [old | new for old, new in zip(self.types, written.types, strict=True)]
        self.others.update(written.others)
        reader.row = written.last_row
        return b""

    def _write_row(self, row: SheetRow, out: io.BufferedWriter) -> None:
        texts, types, size = [""] * len(self._columns), self.types, 0
        for column, value in row.cells.items():
            at = self._at.get(column)
            if at is None:
                self.others.add(column)
                continue
            types[at] |= value.type
            text = self.marks.get(value.type, "") + value.text
            texts[at] = _quoted(text)
            size += len(text)
            if size > MAX_RECORD:
                raise FileError(
                    f"{self._sheet.name}: row {row.number} has more than {MAX_RECORD:,} characters."
                )
        if size:
            self._write_bytes((",".join(texts) + "\n").encode(), out)

    def _write_bytes(self, data: bytes, out: io.BufferedWriter) -> None:
        try:
            out.write(data)
        except OSError as error:
            raise FileError(
                f"{self._sheet.name} can't be unpacked to {self._sheet.folder}: {error.strerror}.",
                remedy="Make room there, or set TMPDIR to a folder with more.",
            ) from error
        self._size += len(data)
        self._sheet.check(self._size)


def _quoted(text: str) -> str:
    return text if not _QUOTED.search(text) else '"{}"'.format(text.replace('"', '""'))


def _places(at: dict[int, int]) -> bytes:
    """Return for each column of a sheet where it is written, from 1, in 16 bits; 0: it is not."""
    places = array("H", bytes(2 * MAX_SHEET_COLUMNS))
    for column, place in at.items():
        places[column] = place + 1
    return places.tobytes()
