"""CSV tables in blocks of whole records, parsed and written by column."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, islice
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_reports.emit.cut import NoEndError, quick_blocks
from tap_reports.emit.encoder import Block, Done, Encoder
from tap_reports.emit.in_order import blocks, in_order
from tap_reports.emit.plan import sources
from tap_reports.emit.row_tasks import Broken
from tap_reports.exceptions import StreamError
from tap_reports.files.table import CsvTable

if TYPE_CHECKING:
    from tap_reports.emit.csv_frame import CsvFrames

T = TypeVar("T")


def csv_blocks(table: CsvTable, encoder: Encoder[T], size: int) -> Iterator[Block[T]]:
    """Yield a table's blocks, of about `size` bytes of the file each."""
    resume: _ResumeError | None = None
    with closing(table.open_text()) as stream, closing(quick_blocks(stream, size)) as cuts:
        try:
            first = _first_two(cuts)
            if len(first) < 2:
                yield from blocks(encoder.small(first))
                return
            yield from in_order(_tasks(encoder, table, _frames(encoder, table, first[0]), chain(first, cuts)))
        except _ResumeError as error:
            resume = error
    if resume:
        yield from _exactly_cut(table, encoder, size, resume)


def _exactly_cut(table: CsvTable, encoder: Encoder[T], size: int, resume: _ResumeError) -> Iterator[Block[T]]:
    """Yield the blocks from where quotes in odd places were met: cut with a closer look from there on."""
    from tap_reports.files.blocks import blocks as exact_blocks

    def open_text() -> io.BufferedIOBase:
        stream = table.open_text()
        stream.read(resume.offset)
        return stream

    cuts = exact_blocks(replace(table, open_text=open_text), size)
    yield from in_order(_tasks(encoder, table, _frames(encoder, table), cuts, resume))


def _first_two(cuts: Iterator[bytes]) -> list[bytes]:
    """Return the first blocks; less than two if reading them fails, which the row path will meet again.

    Raises:
        _ResumeError: There is no record's end in sight.
    """
    try:
        return list(islice(cuts, 2))
    except StreamError:
        return []
    except NoEndError:
        raise _ResumeError(0, 0) from None


class _ResumeError(Exception):
    """The block at `offset`, behind `rows` rows, is not well-formed, so its end may not be a record's."""

    def __init__(self, offset: int, rows: int) -> None:
        super().__init__(offset, rows)
        self.offset = offset
        self.rows = rows


@dataclass(frozen=True, slots=True)
class _CsvTask(Generic[T]):
    """A block of a CSV file. Whoever parses it tells the next one how many rows are before that one."""

    encoder: Encoder[T]
    frames: Callable[[], CsvFrames]
    table: CsvTable
    data: bytes
    offset: int
    before: Future[int]
    is_cut_exactly: bool
    after: Future[int] = field(default_factory=Future)

    def __call__(self) -> Done[T]:
        """Write the block.

        Raises:
            _ResumeError: It must be cut anew.
        """
        try:
            return self._done()
        except BaseException as error:
            if not self.after.done():
                self.after.set_exception(error)
            raise

    def _done(self) -> Done[T]:
        if taken := self.encoder.taken(self.data):
            start = self.before.result()
            self.after.set_result(start + taken.rows)
            return taken.after(start)
        return self._by_column()

    def _by_column(self) -> Done[T]:
        from tap_reports.emit.columnar import NotWholeError

        try:
            frame = self.frames().frame(self.data)
        except NotWholeError:
            start = self.before.result()
            if not self.is_cut_exactly:
                raise _ResumeError(self.offset, start) from None
            done = self._by_row(start)
            self.after.set_result(start + sum(block.rows for block in done.blocks))
            return done
        start = self.before.result()
        self.after.set_result(start + frame.rows)
        try:
            return self.encoder.by_column(frame, start)
        except NotWholeError:
            return self._by_row(start)

    def _by_row(self, start: int) -> Done[T]:
        from tap_reports.files.csv_ import block_rows

        return self.encoder.by_row(block_rows(self.table, self.data, start + 1), start)


def _tasks(
    encoder: Encoder[T],
    table: CsvTable,
    frames: Callable[[], CsvFrames],
    cuts: Iterable[bytes],
    resume: _ResumeError | None = None,
) -> Iterator[_CsvTask[T] | Broken | _Uncut]:
    """Yield the writing of blocks, and a damaged file's error as the last, so that it comes in its place."""
    before: Future[int] = Future()
    before.set_result(resume.rows if resume else 0)
    offset = resume.offset if resume else 0
    try:
        for data in cuts:
            is_exact = resume is not None or b'"' not in data  # then any line break will do
            task = _CsvTask(encoder, frames, table, data, offset, before, is_exact)
            offset, before = offset + len(data), task.after
            yield task
    except StreamError as error:
        yield Broken(error)
    except NoEndError:
        yield _Uncut(offset, before)


def _frames(encoder: Encoder[T], table: CsvTable, first: bytes | None = None) -> Callable[[], CsvFrames]:
    """Return what makes the parser of a table's blocks, once, when a block first needs it."""

    @cache
    def made() -> CsvFrames:
        from tap_reports.emit.csv_frame import CsvFrames

        fields, width = encoder.plan.fields, len(table.header)
        places = sources(fields, table.header)
        kinds = {place: one.kind for one, place in zip(fields, places, strict=True) if place is not None}
        if encoder.takes_values and first is not None:
            from tap_reports.emit.csv_types import TypedCsvFrames

            return TypedCsvFrames(kinds, width, table.delimiter, first)
        return CsvFrames(kinds, width, table.delimiter)

    lock = Lock()

    def frames() -> CsvFrames:
        with lock:
            return made()

    return frames


@dataclass(frozen=True, slots=True)
class _Uncut:
    """The place in a file where cutting it failed."""

    offset: int
    before: Future[int]

    def __call__(self) -> Done[T]:
        """Say so in its place: what is wrong with a block before it comes first."""
        raise _ResumeError(self.offset, self.before.result())
