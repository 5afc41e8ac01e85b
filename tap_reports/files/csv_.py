"""CSV: the header and how its cells are divided, then rows block by block.

Rows are counted from 1 after the header, as in `_report_row`. A row without any value (`,,`) is not counted
and makes no record: like a blank line, and like a blank row of a workbook.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError
from tap_reports.files.csv_blocks import cuts, end_before_footer
from tap_reports.files.csv_header import OTHER_HEADER, Preview, preview_of
from tap_reports.files.csv_records import FirstLines, readable, records_of
from tap_reports.files.header import is_message, knows
from tap_reports.files.numbers import Number
from tap_reports.files.table import (
    ERROR_MARK,
    NUMBER_MARK,
    Cell,
    CsvTable,
    ErrorCell,
    Table,
    says_empty,
)
from tap_reports.files.text import CsvText, beginning, encoding_of, not_text, shown
from tap_reports.models import FileFormat, Layout
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member

logger = logging.getLogger("tap-reports")

SIZE = 1 << 17
"""Bytes of a block whose rows are held at once: little enough to stay in the cache."""


class NotWholeError(Exception):
    """By its quotes, a block does not end where a record ends."""


def csv_table(member: Member, sheet: str | None, layout: Layout) -> CsvTable:
    """Read the header of a CSV file.

    Args:
        member: The file.
        sheet: The table's sheet name.
        layout: What is expected. If that is another format, a text counts as CSV only if it has two columns
            and a row: any error message would otherwise.

    Raises:
        FileError: It is not CSV, or it is not clear how to read it.
    """
    text, (encoding, _) = CsvText(member), encoding_of(member)
    with text.open() as stream:
        lines = FirstLines(stream, member.name, encoding)
        preview = preview_of(lines, layout)
        text.offset = len(lines.data(preview.rows[0].lines)) if preview.rows else 0
    words = layout.empty_words
    is_empty = not preview.rows or says_empty(preview.header, words)
    if not is_empty:
        _refuse_message(member, preview, layout)
        is_empty = bool(preview.body) and says_empty(preview.body[0].cells, words)
    table = CsvTable(
        name=member.name,
        sheet=sheet,
        format=FileFormat.CSV,
        header=tuple(preview.header),
        read=lambda: iter(()),
        delimiter=preview.delimiter,
        encoding=encoding,
        first_cells=tuple(preview.header),
        open_text=io.BytesIO if is_empty else text.open_rows,
    )
    if layout.options.footer_rows and not is_empty:
        text.end = end_before_footer(table, layout.options.footer_rows)
    # The rows refer to the inner table: without a cycle, unpacked files are removed together with the table.
    return replace(table, read=partial(rows, table))


def rows(table: CsvTable) -> Iterator[list[Cell]]:
    """Yield a table's rows: text, or None for an empty cell."""
    for cells in plain_rows(table):
        yield list(cells) if table.is_marked else [cell or None for cell in cells]


def rows_for_columns(table: Table) -> Iterator[Sequence[Cell]]:
    """Yield any table's rows in the way that costs least: an empty cell may be an empty text."""
    return plain_rows(table) if isinstance(table, CsvTable) else table.rows()


def plain_rows(table: CsvTable, size: int = SIZE) -> Iterator[Sequence[Cell]]:
    """Yield a table's rows as the csv module reads them: an empty cell is an empty text.

    Blocks are cut quickly, and from the first one on that turns out wrong exactly.
    """
    count, blocks = 0, cuts(table, size)
    while (cut := next(blocks, None)) is not None:
        try:
            block = block_rows(table, cut.data, count, is_exact=cut.is_exact)
        except NotWholeError:
            blocks = cuts(table, size, cut.offset)
            continue
        for cells in block:
            yield cells
            count += 1


def block_rows(
    table: CsvTable, block: bytes, start: int, *, is_exact: bool = True
) -> Iterable[Sequence[Cell]]:
    """Return the rows of a block of `cuts`, without blank ones and repeated headers.

    Args:
        table: Where the block is from.
        block: Whole records.
        start: Number of the table's rows before it.
        is_exact: It was cut exactly.

    Raises:
        FileError: A row is not as wide as the header, or not text, or wrongly quoted.
        NotWholeError: The block was cut quickly, and within a record; or it is wrongly quoted.
    """
    text = _decoded(table, block, start + 1)
    header = list(table.first_cells) if len(table.header) > 1 else None
    blank = [""] * len(table.header)
    records: Iterable[list[str]]
    is_regular = False
    try:
        records = rows = list(_records(text, table.delimiter))
        is_regular = {*map(len, rows)} == {len(table.header)} and header not in rows and blank not in rows
    except csv.Error as error:
        if not is_exact:
            raise NotWholeError from error
        records = _records(text, table.delimiter)  # again, up to the row that raises it
    checked = records if is_regular else _checked(table, records, start + 1, header)
    return ([marked_cell(cell) for cell in cells] for cells in checked) if table.is_marked else checked


def marked_cell(text: str) -> Cell:
    """Return the cell that a text with or without a mark is."""
    if text.startswith(ERROR_MARK):
        return ErrorCell(text[1:])
    return Number(text[1:]) if text.startswith(NUMBER_MARK) else text or None


def _checked(
    table: CsvTable, records: Iterable[list[str]], first_row: int, header: list[str] | None
) -> Iterator[list[str]]:
    """Yield the rows of records of which some may be empty, the header again, or not as they should be."""
    width, row, repeated = len(table.header), first_row, 0
    try:
        for cells in records:
            if len(cells) not in {0, width}:
                raise _other_width(table, row, cells)
            if not any(cells):
                continue
            if cells == header:
                repeated += 1
                continue
            yield cells
            row += 1
    except csv.Error as error:
        what = readable(str(error))
        raise FileError(f"{table.name}: row {row} can't be read: {what}.", remedy=OTHER_HEADER) from error
    if repeated:
        logger.warning(
            "%s: the header is repeated in %s from row %d on; dropped",
            table.name,
            number_of(repeated, "row"),
            first_row,
        )


def _other_width(table: CsvTable, row: int, cells: Sequence[str]) -> FileError:
    begins = shown(table.delimiter.join(cells))
    return FileError(
        f"{table.name}: row {row} has {number_of(len(cells), 'cell')}, the header has {len(table.header)}. "
        f'The row begins: "{begins}".',
        remedy=OTHER_HEADER,
    )


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return records_of(text, io.StringIO(text, newline="\n"), delimiter)


def _decoded(table: CsvTable, block: bytes, first_row: int) -> str:
    """Return a block as text; bytes that are not are an error that names their row."""
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        row = first_row + _rows_before(block[: error.start], table.delimiter)
        raise not_text(f"{table.name}: row {row}", block, table.encoding) from error


def _rows_before(data: bytes, delimiter: str) -> int:
    """Count the rows that end before the end of `data`, as well as its quotes can be read."""
    text = io.StringIO(f"{data.decode('latin-1')}x".replace("\r", " "), newline="\n")
    return sum(1 for cells in csv.reader(text, delimiter=delimiter) if any(cells)) - 1


def _refuse_message(member: Member, preview: Preview, layout: Layout) -> None:
    """Raise FileError for a text that is a message rather than a table."""
    if layout.format is FileFormat.CSV:
        is_table = knows(preview.header, layout) or not (
            preview.is_whole and is_message([row.cells for row in preview.rows])
        )
    else:
        is_table = len(preview.header) > 1 and bool(preview.body)
    if not is_table:
        said = shown(beginning(member))
        raise FileError(f'{member.name} is a text, not a report. It begins: "{said}".')
