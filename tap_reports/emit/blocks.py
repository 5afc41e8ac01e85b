"""A table -> blocks of Singer messages or of columns, as fast as the file's format allows.

The compiled module takes CSV and JSON in blocks of whole records, several at the same time. What it can't
take, and files of other formats, are read in Python. The blocks come out in the file's order.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from tap_reports.emit.encode import Encoder, LineBlocks
from tap_reports.emit.plan import Block
from tap_reports.emit.writer import envelope
from tap_reports.exceptions import StreamError
from tap_reports.files.csv_ import block_rows, rows_for_columns
from tap_reports.files.csv_blocks import cuts
from tap_reports.files.json_rows import JsonTable
from tap_reports.files.table import CsvTable

if TYPE_CHECKING:
    import pyarrow as pa

    from tap_reports.emit.compiled import Found
    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.emit.rows import Row
    from tap_reports.files.table import Cut, Table

T = TypeVar("T")
R = TypeVar("R")

LINES_SIZE = 3 << 17
"""Bytes of a block: enough to hide what a block costs, little enough to be held several times over."""
COLUMNS_SIZE = 3 << 20
"""The same for columns, which take less memory than lines."""
MAX_THREADS = 8
"""Each one holds a block and what becomes of it, some 10 MiB."""
MAX_BYTES_AHEAD = 1 << 25
"""Bytes of blocks after which no other is begun: one with a cell of 60 MiB is alone."""


def encode(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    *,
    extracted: dt.datetime | None,
    size: int = LINES_SIZE,
) -> Iterator[Block[bytes]]:
    """Yield a table's RECORD messages in blocks.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        extracted: `time_extracted` of the messages; None: lines of bare records, as in BATCH files.
        size: Bytes of a CSV block.

    Raises:
        InvalidValue: A cell does not fit, under `invalid_values: fail`; the rows before it have come out.
        FileError: The file turns out damaged; likewise.
    """
    around = (b"", b"") if extracted is None else envelope(plan.alias or plan.stream, plan.version, extracted)
    return _blocks(LineBlocks(table, plan, context, around), size)


def columns(
    table: Table, plan: EmitPlan, context: SliceContext, *, size: int = COLUMNS_SIZE
) -> Iterator[Block[pa.RecordBatch]]:
    """Yield a table's records in blocks of columns. Arguments and errors are those of `encode`."""
    from tap_reports.emit.parquet import ColumnBlocks

    return _blocks(ColumnBlocks(table, plan, context), size)


def _blocks(encoder: Encoder[T], size: int) -> Iterator[Block[T]]:
    table = encoder.table
    if encoder.compiled is None:
        return encoder.by_row(rows_for_columns(table), 0)
    if isinstance(table, CsvTable):
        return _Pipeline(partial(cuts, table, size), partial(block_rows, table), encoder, size).blocks()
    assert isinstance(table, JsonTable)  # noqa: S101  # there is no other
    return _Pipeline(
        lambda _: table.cuts(size), lambda block, _: table.rows_of(block), encoder, size
    ).blocks()


class _Scan(NamedTuple):
    """A block of which the cells are being found, from `begin` on."""

    cut: Cut
    begin: int
    found: Future[Found | None]


class _Pipeline(Generic[T]):
    """Blocks of a table through the compiled module, some at the same time.

    Args:
        read: Yields blocks of whole records; from an offset on: exactly cut ones.
        rows_of: Reads the rows of a block in Python, given the number of table rows before them.
        encoder: Makes the blocks that come out.
        size: Bytes of a block.
    """

    def __init__(
        self,
        read: Callable[[int | None], Iterator[Cut]],
        rows_of: Callable[[bytes, int], Iterable[Row]],
        encoder: Encoder[T],
        size: int,
    ) -> None:
        self._size = size
        self._read = read
        self._rows_of = rows_of
        self._encoder = encoder
        self._threads = min(os.cpu_count() or 1, MAX_THREADS)
        self._ahead = self._threads + 1
        """The main thread reads and writes meanwhile."""
        self._scans: deque[_Scan] = deque()
        self._writes: deque[tuple[Future[Block[T]], int]] = deque()
        """With the bytes of what they are made from."""
        self._failed: StreamError | None = None
        self._start = 0
        """Rows of the table before those that are to be written next."""

    def blocks(self) -> Iterator[Block[T]]:
        """Yield the blocks."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="emit")
        try:
            yield from self._run()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _run(self) -> Iterator[Block[T]]:
        self._cuts: Iterator[Cut] | None = self._read(None)
        while self._read_ahead():
            yield from self._next()
        yield from self._finish_writes()
        if self._failed:
            raise self._failed

    def _next(self) -> Iterator[Block[T]]:
        """Take the next block. Nothing of it is held any more when the one after it is read."""
        scan = self._scans.popleft()
        found = scan.found.result()
        if found is not None:
            if found.end < len(scan.cut.data):
                self._scan(scan.cut, found.end, is_next=True)
            yield from self._write(scan.cut, found)
        elif scan.cut.is_exact:
            yield from self._finish_writes()
            yield from self._by_row(scan)
        else:
            self._scans.clear()
            self._cuts, self._failed = self._read(scan.cut.offset), None

    def _read_ahead(self) -> bool:
        """Read on, some blocks ahead. Returns whether any is left."""
        while self._cuts and self._has_room(len(scan.cut.data) for scan in self._scans):
            try:
                cut = next(self._cuts)
            except StopIteration:
                self._cuts = None
            except StreamError as error:  # what is before it comes first
                self._cuts, self._failed = None, error
            else:
                self._scan(cut, 0)
        return bool(self._scans)

    def _has_room(self, sizes: Iterable[int]) -> bool:
        """Return whether one more block can be held: few, and fewer where they are large."""
        held = tuple(sizes)
        return len(held) < self._ahead and sum(held) < MAX_BYTES_AHEAD

    def _scan(self, cut: Cut, begin: int, *, is_next: bool = False) -> None:
        assert self._encoder.compiled is not None  # noqa: S101
        scan = _Scan(cut, begin, self._submit(cut, partial(self._encoder.compiled.find, cut.data, begin)))
        (self._scans.appendleft if is_next else self._scans.append)(scan)

    def _submit(self, cut: Cut, work: Callable[[], R]) -> Future[R]:
        """Have a thread work on a block; a small one is done at once, as a thread would cost more."""
        if len(cut.data) > self._size // 16:
            return self._pool.submit(work)
        done: Future[R] = Future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  (it is raised where the block is taken)
            done.set_exception(error)
        return done

    def _write(self, cut: Cut, found: Found) -> Iterator[Block[T]]:
        parts = self._encoder.parts(found)
        if len(parts) == 1:
            work = partial(self._encoder.compiled_block, found, self._start, parts[0])
            self._writes.append((self._submit(cut, work), len(cut.data)))
            while self._writes and not self._has_room(size for _, size in self._writes):
                yield self._writes.popleft()[0].result()
        else:  # too large to be held several times
            yield from self._finish_writes()
            for part in parts:
                yield self._encoder.compiled_block(found, self._start, part)
        self._start += found.rows

    def _by_row(self, scan: _Scan) -> Iterator[Block[T]]:
        data = scan.cut.data[scan.begin :] if scan.begin else scan.cut.data
        for block in self._encoder.by_row(self._rows_of(data, self._start), self._start):
            self._start += block.rows
            yield block

    def _finish_writes(self) -> Iterator[Block[T]]:
        while self._writes:
            yield self._writes.popleft()[0].result()
