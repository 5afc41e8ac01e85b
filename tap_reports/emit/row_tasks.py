"""Tables of any format, read by row: some thousand rows at a time, written by column."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar

from tap_reports.emit.encoder import Block, Done, Encoder
from tap_reports.emit.in_order import blocks, in_order
from tap_reports.emit.rows import Row, chunks
from tap_reports.exceptions import StreamError

T = TypeVar("T")

TASK_ROWS = 2000
"""Rows written at once by column: enough to hide what a block costs."""


def row_blocks(encoder: Encoder[T]) -> Iterator[Block[T]]:
    """Yield a table's blocks."""
    with closing(_tasks(encoder)) as tasks:
        first = list(islice(tasks, 2))
        if len(first) == 1:  # not worth loading the column path for
            yield from blocks(first[0].by_row())
        elif first:
            yield from in_order(chain(first, tasks))


@dataclass(frozen=True, slots=True)
class RowTask(Generic[T]):
    """Some rows; `start` is the number of table rows before them."""

    encoder: Encoder[T]
    rows: list[Row]
    start: int

    def __call__(self) -> Done[T]:
        """Write the rows by column."""
        from tap_reports.emit.columnar import Frame, NotWholeError

        try:
            frame = Frame(list(zip(*self.rows, strict=True)), len(self.rows))
            return self.encoder.by_column(frame, self.start)
        except NotWholeError:
            return self.by_row()

    def by_row(self) -> Done[T]:
        """Write the rows by row."""
        return self.encoder.by_row(self.rows, self.start)


@dataclass(frozen=True, slots=True)
class Broken:
    """The place in a file where reading it failed."""

    error: StreamError

    def __call__(self) -> Done[T]:
        """Return a file's error, to come out in its place."""
        return Done([], self.error)

    by_row = __call__


def _tasks(encoder: Encoder[T]) -> Generator[RowTask[T] | Broken, None, None]:
    start = 0
    try:
        for rows in chunks(encoder.table.rows(), TASK_ROWS):
            yield RowTask(encoder, rows, start)
            start += len(rows)
    except StreamError as error:
        yield Broken(error)
