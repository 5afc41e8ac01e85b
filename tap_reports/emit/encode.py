"""Rows of one table -> blocks of Singer messages, by the compiled module or in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from tap_reports import speedups
from tap_reports.emit.compiled import CompiledTable, Found
from tap_reports.emit.plan import Block, EmitPlan, SliceContext, Tally
from tap_reports.emit.rows import ConvertedColumns, Row, RowConverter
from tap_reports.emit.writer import ENCODER

if TYPE_CHECKING:
    from tap_reports.files.table import Table

T = TypeVar("T")

MAX_BYTES = 1 << 23
"""Bytes of messages that are made at once, where rows are short and the header is long."""


class Encoder(ABC, Generic[T]):
    """Makes blocks of the rows of one table.

    Attributes:
        compiled: Finds the cells of the table's blocks; None if it must be read in Python.
    """

    def __init__(self, table: Table, plan: EmitPlan, context: SliceContext) -> None:
        self.table = table
        self.plan = plan
        self.context = context
        self.compiled = CompiledTable.of(table, plan, context)
        self._rows = RowConverter(table, plan, context, raw={field.property for field in plan.fields})

    @abstractmethod
    def from_python(self, found: ConvertedColumns) -> T:
        """Return what Python has converted as the data of a block."""

    @abstractmethod
    def from_compiled(self, found: Found, first_row: int, records: tuple[int, int]) -> T:
        """Return what the compiled module has found as the data of a block.

        Args:
            found: Cells.
            first_row: `_report_row` of the first row of the block.
            records: The first one that is wanted, and the first one that is not.
        """

    def size_of(self, found: Found) -> int:
        """Return about how many bytes the data of cells will be."""
        del found
        return 0

    def parts(self, found: Found) -> list[tuple[int, int]]:
        """Return the begin and end of parts of the records, none too large for one block."""
        count = self.size_of(found) // MAX_BYTES + 1
        step = max(1, -(-found.records // count))
        return [(begin, min(begin + step, found.records)) for begin in range(0, found.records, step)] or [
            (0, 0)
        ]

    def compiled_block(self, found: Found, start: int, records: tuple[int, int]) -> Block[T]:
        """Return a block of cells; `start` is the number of table rows before them."""
        is_first, is_last = records[0] == 0, records[1] == found.records
        data = self.from_compiled(found, self.context.first_row + start, records)
        rows = found.rows - found.records if is_last else 0  # those that are left out
        tally = found.tally if is_first else Tally()
        return Block(data, records[1] - records[0] + rows, records[1] - records[0], tally)

    def by_row(self, rows: Iterable[Row], start: int) -> Iterator[Block[T]]:
        """Yield blocks of rows that Python converts; `start` is the number of table rows before them."""
        return self._rows.blocks(rows, self.from_python, start)


class LineBlocks(Encoder[bytes]):
    """Makes lines, each record within an envelope (what stands before and after it)."""

    def __init__(
        self, table: Table, plan: EmitPlan, context: SliceContext, envelope: tuple[bytes, bytes]
    ) -> None:
        super().__init__(table, plan, context)
        self._envelope = envelope
        self._record = _record_of([field.property for field in plan.fields])
        self._texts = self._around()
        self._around_size = sum(map(len, self._texts))

    def from_python(self, found: ConvertedColumns) -> bytes:
        """Return the lines of what Python has converted."""
        before, after = self._envelope
        if not found.records:
            return b""
        # JSON text holds no line break of its own.
        records = list(map(self._record, *found.values)) if found.values else [{}] * found.records
        lines = ENCODER.encode_lines(records)[:-1].replace(b"\n", after + b"\n" + before)
        return before + lines + after + b"\n"

    def from_compiled(self, found: Found, first_row: int, records: tuple[int, int]) -> bytes:
        """Return the lines of cells."""
        assert self.compiled is not None  # noqa: S101  # it has found them
        fields, zone = self.compiled.fields, self.compiled.zone
        return speedups.lines(found.cells, fields, self._texts, first_row, zone, records)

    def size_of(self, found: Found) -> int:
        """Return about how many bytes the lines are, without the cells' own."""
        return self._around_size * found.records

    def _around(self) -> tuple[bytes, ...]:
        """Return the texts around the values that differ from row to row: envelope, keys, constants."""
        texts = [self._envelope[0] + b"{"]
        constants = self.compiled.constants if self.compiled else [True] * len(self.plan.fields)
        for number, (field, is_constant) in enumerate(zip(self.plan.fields, constants, strict=True)):
            texts[-1] += b"%b%b:" % (b"," if number else b"", ENCODER.encode(field.property))
            if is_constant:
                texts[-1] += ENCODER.encode(self.context.constant(field))
            else:
                texts.append(b"")
        texts[-1] += b"}%b\n" % self._envelope[1]
        return tuple(texts)


def _record_of(names: Sequence[str]) -> Callable[..., Any]:
    """Return what makes one record of its values. A struct is encoded in half the time of a dict."""
    attributes = {f"f{position}": name for position, name in enumerate(names)}
    try:
        return msgspec.defstruct("Record", [(name, Any) for name in attributes], rename=attributes, gc=False)
    except ValueError:  # a name that JSON must escape
        return lambda *values: dict(zip(names, values, strict=True))
