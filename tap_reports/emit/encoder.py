"""Rows of one table -> blocks, by either path: what is the same for all kinds of output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from tap_reports.emit.compiled_lines import compiled_lines
from tap_reports.emit.plan import EmitPlan, SliceContext, Tally
from tap_reports.emit.rows import Columns, LineEncoder, Row, RowConverter, chunks
from tap_reports.exceptions import StreamError

if TYPE_CHECKING:
    from tap_reports.emit.columnar import ColumnEncoder, Frame
    from tap_reports.files.table import Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """Some records.

    Attributes:
        data: Whole lines, or columns.
        rows: How many rows of the table they were.
        records: How many records are left of these.
        tally: What was noticed.
    """

    data: T
    rows: int
    records: int
    tally: Tally = field(default_factory=Tally)


class Done(NamedTuple, Generic[T]):
    """What a piece of a table became: its blocks, and the error that came behind them."""

    blocks: list[Block[T]]
    error: StreamError | None = None


class Taken(NamedTuple, Generic[T]):
    """A block of the file that needs no more than to be written.

    Attributes:
        rows: How many.
        write: Makes its data; the argument is the number of table rows before it.
    """

    rows: int
    write: Callable[[int], T]

    def after(self, start: int) -> Done[T]:
        """Write it, behind so many rows of the table."""
        return Done([Block(self.write(start), self.rows, self.rows)])


class Encoder(ABC, Generic[T]):
    """Makes blocks of the rows of one table.

    Attributes:
        takes_values: Columns need not be text: it can do with values as well.
    """

    takes_values = False

    def __init__(self, table: Table, plan: EmitPlan, context: SliceContext) -> None:
        self.table = table
        self.plan = plan
        self.context = context
        self._convert = RowConverter(table.name, table.header, plan, context, raw=True)

    @abstractmethod
    def of_values(self, found: Columns) -> T:
        """Return what the row path has converted as the data of a block."""

    @abstractmethod
    def of_frame(self, frame: Frame, start: int) -> tuple[T, Counter[str]]:
        """Return a frame as the data of a block, and how many cells became null, by property.

        Raises:
            NotWholeError: Only the row path can take this frame.
        """

    def taken(self, block: bytes) -> Taken[T] | None:
        """Return what the compiled module makes of a block of the file; None if it refuses the block."""
        del block
        return None

    def small(self, blocks: Sequence[bytes]) -> Done[T]:
        """Write a table of one block or none, which is not worth loading the column path for."""
        taken = self.taken(blocks[0]) if blocks else None
        return taken.after(0) if taken else self.by_row(self.table.rows(), 0)

    def by_row(self, rows: Iterable[Row], start: int) -> Done[T]:
        """Take the row path; `start` is the number of table rows before them."""
        done: list[Block[T]] = []
        try:
            for chunk in chunks(rows):
                found = self._convert.columns(chunk, start)
                if found.rows:
                    done.append(Block(self.of_values(found), found.rows, found.records, found.tally))
                if found.error:
                    return Done(done, found.error)
                start += found.rows
        except StreamError as error:
            return Done(done, error)
        return Done(done)

    def by_column(self, frame: Frame, start: int) -> Done[T]:
        """Take the column path. Raises NotWholeError where only the row path can."""
        data, nulled = self.of_frame(frame, start)
        return Done([Block(data, frame.rows, frame.rows, Tally(nulled))])


class LineBlocks(Encoder[bytes]):
    """Makes lines, each record within an envelope (what stands before and after it)."""

    def __init__(
        self, table: Table, plan: EmitPlan, context: SliceContext, envelope: tuple[bytes, bytes]
    ) -> None:
        super().__init__(table, plan, context)
        self._envelope = envelope
        self._lines = LineEncoder(plan.fields)
        self._native = compiled_lines(table, plan, context, envelope)

    def taken(self, block: bytes) -> Taken[bytes] | None:
        """Find the cells of a block at once, if it is as plain as most are."""
        if self._native is None or not (cells := self._native.cells(block)):
            return None
        return Taken(cells.rows, partial(self._native.write, cells))

    def of_values(self, found: Columns) -> bytes:
        """Return the lines of what the row path has converted."""
        before, after = self._envelope
        if not found.records:
            return b""
        # JSON text holds no line break of its own.
        lines = self._lines.encode(found)[:-1].replace(b"\n", after + b"\n" + before)
        return before + lines + after + b"\n"

    def of_frame(self, frame: Frame, start: int) -> tuple[bytes, Counter[str]]:
        """Return the lines of a frame."""
        return self._columns.encode(frame, start)

    @cached_property
    def _columns(self) -> ColumnEncoder:
        from tap_reports.emit.columnar import ColumnEncoder

        return ColumnEncoder(self.table.header, self.plan, self.context, self._envelope)
