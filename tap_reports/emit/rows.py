"""The row path: rows of cells -> records, or -> JSON lines, some thousand rows at a time.

Cells are converted by column. The first cell that does not fit (by row, then by field), or is null in a key,
ends the table under `invalid_values: fail`; the rows before it still come out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import compress, islice, repeat
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tap_reports.emit.plan import Block, EmitPlan, Field, SliceContext, Tally, sources
from tap_reports.exceptions import InvalidValue, StreamError
from tap_reports.files.cells import Value, converter, remedy
from tap_reports.files.csv_ import rows_for_columns
from tap_reports.files.numbers import number_text
from tap_reports.files.plain_columns import plain_column
from tap_reports.files.table import USUAL, Notation
from tap_reports.files.text import shown
from tap_reports.models import Kind
from tap_reports.models.columns import ROW

if TYPE_CHECKING:
    from tap_reports.files.table import Cell, Table

CHUNK_ROWS = 500
"""Rows converted at once: enough to hide what a chunk costs, little enough to stay in the cache."""
CHUNK_CELLS = 200_000

Row = Sequence["Cell"]
Record = dict[str, Value]
Values = list[Sequence[Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConvertedColumns:
    """The typed values of some rows, by field.

    Attributes:
        values: A sequence for each field, all equally long.
        rows: How many rows of the table they were.
        records: How many are left, without those that lack a key.
        error: The cell that ended the rows, to be raised after them.
        tally: Counts of the rows.
    """

    values: Values
    rows: int
    records: int
    tally: Tally
    error: InvalidValue | None = None


@dataclass(slots=True)
class RowConverter:
    """Converts the rows of one table; `raw` names the properties whose numbers are given as JSON text."""

    table: Table
    plan: EmitPlan
    context: SliceContext
    raw: Collection[str] = ()
    _sources: list[int | None] = field(init=False)
    _converters: list[Callable[[Cell], Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Bind the plan's fields to the table's columns."""
        self._sources = sources(self.plan.fields, self.table.header)
        self._converters = [self._converter(field_) for field_ in self.plan.fields]

    def _converter(self, field_: Field) -> Callable[[Cell], Any]:
        if field_.property in self.raw and field_.kind is Kind.NUMBER and not self.plan.notation.null_words:
            return partial(raw_number, notation=self.plan.notation)
        convert = converter(field_.kind, self.plan.zone, self.plan.notation)
        if field_.kind not in {Kind.DATE, Kind.BOOLEAN}:
            return convert
        # Days and truth values come again and again. Not numbers: 1 equals 1.0, and may mean something else.
        known = lru_cache(1024)(convert)
        return lambda cell: known(cell) if isinstance(cell, str) else convert(cell)

    def blocks(
        self, rows: Iterable[Row], make: Callable[[ConvertedColumns], T], start: int = 0
    ) -> Iterator[Block[T]]:
        """Yield blocks of what `make` makes of the rows' values; `start` rows of the table are before them.

        Raises:
            StreamError: The rows end with an error; it is raised after the blocks.
        """
        for chunk in _chunks(rows, width=len(self.table.header)):
            found = self.columns(chunk, start)
            if found.rows:
                yield Block(make(found), found.rows, found.records, found.tally)
            if found.error:
                raise found.error
            start += found.rows

    def columns(self, rows: Sequence[Row], start: int) -> ConvertedColumns:
        """Return the values of rows.

        Args:
            rows: The cells.
            start: Number of table rows before them.
        """
        count, tally = len(rows), Tally()
        by_column = list(zip(*rows, strict=True))
        values: Values = []
        error: InvalidValue | None = None
        for field_, source, convert in zip(self.plan.fields, self._sources, self._converters, strict=True):
            if field_.lineage is not None or source is None:
                values.append(self._constant(field_, start, len(rows)))
                continue
            cells = by_column[source][:count]
            found = self._converted(field_, convert, cells, tally)
            fitting = len(found)
            if field_.required and self.plan.invalid_values == "fail" and None in found:
                fitting = found.index(None)
            values.append(found)
            if fitting < count:
                count = fitting
                error = self._error(field_, start + count, cells[count])
        if error:
            values = [column[:count] for column in values]
        kept, records = self._drop_rows_without_key(values, count, tally)
        for field_, column in zip(self.plan.fields, kept, strict=True):
            if field_.property == self.plan.dated_by:
                tally.add_days(column, self.context)
        tally.rows_by_python = count
        return ConvertedColumns(kept, count, records, tally, error)

    def _converted(
        self, field_: Field, convert: Callable[[Cell], Any], cells: Sequence[Cell], tally: Tally
    ) -> Sequence[Any]:
        """Return the values of a column: up to the first cell that does not fit, or null for those."""
        if self.plan.notation.is_usual:
            quick = plain_column(field_.kind, cells, raw=field_.property in self.raw)
            if quick is not None:
                return quick
        try:
            return list(map(convert, cells))
        except ValueError:
            # A record without a key is counted as a record.
            return self._convert_each(field_, convert, cells, Counter() if field_.required else tally.nulled)

    def _drop_rows_without_key(self, values: Values, count: int, tally: Tally) -> tuple[Values, int]:
        """Return the values of the records that have all required ones, and how many these are."""
        whole = [True] * count
        for field_, source, column in zip(self.plan.fields, self._sources, values, strict=True):
            if field_.required and source is not None and None in column:
                for row, value in enumerate(column):
                    if value is None and whole[row]:
                        whole[row] = False
                        tally.left_out[field_.property] += 1
        if all(whole):
            return values, count
        return [list(compress(column, whole)) for column in values], sum(whole)

    def _constant(self, field_: Field, start: int, count: int) -> Sequence[Value]:
        """Return the values of a field that the file does not have."""
        if field_.lineage == ROW:
            first = self.context.first_row + start
            return range(first, first + count)
        return [self.context.constant(field_)] * count

    def _convert_each(
        self, field_: Field, convert: Callable[[Cell], Any], cells: Sequence[Cell], nulled: Counter[str]
    ) -> list[Any]:
        """Convert cell by cell, to the end if what does not fit becomes null, else up to it."""
        values: list[Any] = []
        for cell in cells:
            try:
                values.append(convert(cell))
            except ValueError:
                if self.plan.invalid_values == "fail":
                    return values
                values.append(None)
                nulled[field_.property] += 1
        return values

    def _error(self, field_: Field, before: int, cell: Cell) -> InvalidValue:
        text = "" if cell is None else shown(str(cell), 60)
        days = (self.context.slice_start, self.context.slice_end)
        what = f'"{text}" does not fit type {field_.kind.value}' if text else "a key is empty"
        error = InvalidValue(
            f'{self.table.name}, row {before + 1}, column "{field_.header}": {what}.',
            remedy=remedy(field_.kind, cell),
        )
        return error.with_location(
            vendor=self.context.vendor,
            stream=self.plan.stream,
            slice_=f"{days[0]}..{days[1]}" if days[0] else "",
            job_id=self.context.job_id,
        )


def record_blocks(
    table: Table, plan: EmitPlan, context: SliceContext, *, raw: Collection[str] = ()
) -> Iterator[Block[list[Record]]]:
    """Yield a table's records in blocks: the plan's fields in order, what the file lacks as null.

    Numbers of properties that are `raw` are JSON text, only to be written.

    Raises:
        InvalidValue: A cell does not fit, under `invalid_values: fail`.
    """
    names = [field_.property for field_ in plan.fields]

    def as_records(found: ConvertedColumns) -> list[Record]:
        by_row = zip(*found.values, strict=True) if names else repeat((), found.records)
        return [dict(zip(names, values, strict=True)) for values in by_row]

    return RowConverter(table, plan, context, raw).blocks(rows_for_columns(table), as_records)


def records(
    table: Table, plan: EmitPlan, context: SliceContext, tally: Tally | None = None
) -> Iterator[Record]:
    """Yield the records of `record_blocks`; their counts are added to `tally`."""
    for block in record_blocks(table, plan, context):
        if tally is not None:
            tally.add(block.tally)
        yield from block.data


def raw_number(cell: Cell, notation: Notation = USUAL) -> msgspec.Raw | None:
    """Return a number as it is to stand in JSON."""
    text = number_text(cell, notation)
    return None if text is None else msgspec.Raw(text)


def _chunks(rows: Iterable[Row], *, width: int) -> Iterator[list[Row]]:
    """Yield rows in lists, shorter ones of wide rows; where reading fails, the rows before come out first."""
    size = max(1, min(CHUNK_ROWS, CHUNK_CELLS // max(1, width)))
    iterator, chunk = iter(rows), list[Row]()
    try:
        while True:
            chunk.extend(islice(iterator, size))
            if not chunk:
                return
            yield chunk
            chunk = []
    except StreamError:
        if chunk:
            yield chunk
        raise
