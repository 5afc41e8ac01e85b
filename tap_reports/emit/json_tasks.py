"""JSON tables in blocks of whole objects, parsed and written by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_reports.emit.encoder import Block, Done, Encoder
from tap_reports.emit.in_order import blocks, in_order
from tap_reports.emit.plan import sources
from tap_reports.emit.row_tasks import Broken, RowTask
from tap_reports.exceptions import StreamError
from tap_reports.files.json_blocks import JsonTable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from tap_reports.emit.json_frame import JsonFrames
    from tap_reports.emit.rows import Row

T = TypeVar("T")


def json_blocks(table: JsonTable, encoder: Encoder[T]) -> Iterator[Block[T]]:
    """Yield a table's blocks."""
    with closing(_cuts(table)) as cuts:
        first = list(islice(cuts, 2))
        if len(first) < 2:
            yield from blocks(encoder.small(first))
        else:
            yield from in_order(_tasks(encoder, table, chain(first, cuts)))


def _cuts(table: JsonTable) -> Generator[bytes, None, None]:
    yield from table.open_blocks()


@dataclass(frozen=True, slots=True)
class _JsonTask(Generic[T]):
    """A block of a JSON file. Whoever parses it tells the next one how many rows are before that one."""

    encoder: Encoder[T]
    frames: Callable[[], JsonFrames]
    table: JsonTable
    data: bytes
    before: Future[int]
    after: Future[int] = field(default_factory=Future)

    def __call__(self) -> Done[T]:
        """Write the block."""
        try:
            return self._done()
        except BaseException as error:
            if not self.after.done():
                self.after.set_exception(error)
            raise

    def _done(self) -> Done[T]:
        if taken := self.encoder.taken(self.data):
            return taken.after(self._told(taken.rows))
        return self._by_column()

    def _by_column(self) -> Done[T]:
        from tap_reports.emit.columnar import NotWholeError

        try:
            frame = self.frames().frame(self.data, len(self.table.header))
        except NotWholeError:
            rows: list[Row] = list(self.table.rows_of(self.data))
            start = self._told(len(rows))
            return RowTask(self.encoder, rows, start)()
        start = self._told(frame.rows)
        try:
            return self.encoder.by_column(frame, start)
        except NotWholeError:
            return self.encoder.by_row(self.table.rows_of(self.data), start)

    def _told(self, rows: int) -> int:
        """Return the number of rows before these, and tell the next one."""
        start = self.before.result()
        self.after.set_result(start + rows)
        return start


def _tasks(encoder: Encoder[T], table: JsonTable, cuts: Iterable[bytes]) -> Iterator[_JsonTask[T] | Broken]:
    @cache
    def frames() -> JsonFrames:
        from tap_reports.emit.json_frame import JsonFrames

        fields = encoder.plan.fields
        places = sources(fields, table.header)
        kinds = {place: one.kind for one, place in zip(fields, places, strict=True) if place is not None}
        return JsonFrames(table.form, kinds)

    before: Future[int] = Future()
    before.set_result(0)
    try:
        for data in cuts:
            task = _JsonTask(encoder, frames, table, data, before)
            before = task.after
            yield task
    except StreamError as error:
        yield Broken(error)
