"""Rows -> BATCH files, which hold what the RECORD messages would: selected, typed, mapped.

`jsonl` files are the records' lines, `parquet` files are made of the same columns. A file has `batch_size`
rows. Files lie under `storage.root`, on disk or wherever fsspec reaches (`s3://`); one that could not be
finished is removed. Where stream maps make several streams of one, each has files of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from tap_reports.emit.batch_files import FILES
from tap_reports.emit.blocks import encode, pieces
from tap_reports.emit.rows import records
from tap_reports.emit.writer import ENCODER
from tap_reports.exceptions import StreamError
from tap_reports.files.columns import kind_of

if TYPE_CHECKING:
    from collections import Counter

    from singer_sdk import Stream
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_reports.emit.batch_files import BatchFile
    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.files.table import Table
    from tap_reports.models import Kind

T = TypeVar("T")

BEHIND = 4
"""Pieces that wait to be written: the writer is never idle, and few are held."""
WRITERS = 2
"""Files of columns that are made at the same time."""
MAPPED_AT_ONCE = 1000
"""Mapped records that are written together."""


class Batch(NamedTuple):
    """One BATCH message, and how many of the table's rows were read for it.

    Attributes:
        stream: The stream of its records: the table's, or one that is mapped from it.
        encoding: As configured.
        manifest: Its file; () if the rows were all filtered out, and there is nothing to say.
        rows: Rows of the table since the last one.
    """

    stream: str
    encoding: BaseBatchFileEncoding
    manifest: tuple[str, ...]
    rows: int

    def message(self) -> SDKBatchMessage:
        """Return the BATCH message. The SDK's own makes one for each stream that is mapped from this one."""
        return SDKBatchMessage(stream=self.stream, encoding=self.encoding, manifest=list(self.manifest))


def batches(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    config: BatchConfig,
    stream: Stream,
    nulled: Counter[str] | None = None,
) -> Iterator[Batch]:
    """Yield a table's BATCH files, each when it is finished.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        config: `batch_config`.
        stream: For its name and its stream maps.
        nulled: Counts the cells set to null, by property.

    Raises:
        StreamError: A format that there is not.
        InvalidValue: A cell does not fit; unfinished files are gone.
        FileError: The file turns out damaged; likewise.
    """
    if config.encoding.format not in FILES:
        raise StreamError(
            f'batch_config: there is no encoding "{config.encoding.format}".', remedy="Use jsonl or parquet."
        )
    maps = [one for one in stream.stream_maps if not isinstance(one, RemoveRecordTransform)]
    with ExitStack() as files:
        writer = _Writer(1 if FILES[config.encoding.format].in_turn else WRITERS)
        if any(_changes(one) for one in maps) or len(maps) != 1:
            outlets = [_Outlet.of_map(config, stream, one, writer) for one in maps]
            made = _mapped(table, plan, context, list(zip(maps, outlets, strict=True)), nulled)
        else:
            kinds = {one.property: one.kind for one in plan.fields}
            outlets = [_Outlet(config, stream, maps[0].stream_alias, kinds, writer)]
            made = _plain(table, plan, context, outlets[0], nulled)
        for outlet in outlets:
            files.callback(outlet.discard)
        files.callback(writer.close)
        yield from made


def _changes(stream_map: StreamMap) -> bool:
    return type(stream_map) is not SameRecordTransform or stream_map.flattening_enabled


class _Writer:
    """Writes while the next pieces are made: in one thread what is to be written in turn, else in more."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._waiting: deque[Future[Any]] = deque()

    def later(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Do something behind what waits already. What fails of that is raised here."""
        done = self._threads.submit(work, *arguments)
        self._waiting.append(done)
        while len(self._waiting) > BEHIND:
            self._waiting.popleft().result()
        return done

    def close(self) -> None:
        """Drop what has not begun, wait for what has."""
        self._threads.shutdown(cancel_futures=True)


class _Full(NamedTuple):
    """A file that is full: it is being finished."""

    file: BatchFile[Any]
    url: Future[str]
    records: int


class _Outlet:
    """The files of one stream, one after the other."""

    def __init__(
        self, config: BatchConfig, stream: Stream, alias: str, kinds: Mapping[str, Kind], writer: _Writer
    ) -> None:
        self.alias = alias
        self.config = config
        self._name = f"{config.storage.prefix or ''}{stream.tap_name}--{alias}-{uuid4()}"
        self._kinds = kinds
        self._writer = writer
        self._number = 0
        self._file: BatchFile[Any] | None = None
        self._untold: list[BatchFile[Any]] = []
        self._records = 0

    @classmethod
    def of_map(cls, config: BatchConfig, stream: Stream, one: StreamMap, writer: _Writer) -> _Outlet:
        """Return the outlet of what a stream map makes."""
        properties = one.transformed_schema["properties"]
        kinds = {name: kind_of(properties[name]) for name in properties}
        return cls(config, stream, one.stream_alias, kinds, writer)

    @property
    def room(self) -> int:
        """Records that the file still takes."""
        return self.config.batch_size - self._records

    def add(self, data: Any, count: int) -> Iterator[_Full]:
        """Write so many records and yield each file that they fill."""
        rest = data
        while count >= self.room:
            taken = self.room
            piece, rest = self._open().cut(rest, taken)
            self._write(piece)
            self._records += taken
            count -= taken
            yield from self.finish()
        if count:
            self._write(rest)
            self._records += count

    def finish(self) -> Iterator[_Full]:
        """Finish the file, if there is one, and yield it."""
        if self._file:
            full = _Full(self._file, self._writer.later(self._file.finish), self._records)
            self._file, self._records = None, 0
            yield full

    def told(self, full: _Full) -> str:
        """Return the URL of a file, which whoever gets it will tell the target."""
        url = full.url.result()
        self._untold.remove(full.file)
        return url

    def of_lines(self, lines: bytes) -> Any:
        """Return lines of records as what is to be added."""
        return self._open().of_lines(lines)

    def discard(self) -> None:
        """Remove the files that no target has been told of; nobody writes them any more."""
        for file in self._untold:
            file.discard()

    def _write(self, piece: Any) -> None:
        file = self._open()
        if file.in_turn:
            self._writer.later(file.write, piece)
        else:
            file.write(piece)

    def batch(self, manifest: tuple[str, ...], rows: int) -> Batch:
        """Return a message of this stream."""
        return Batch(self.alias, self.config.encoding, manifest, rows)

    def _open(self) -> BatchFile[Any]:
        if self._file is None:
            self._number += 1
            make = FILES[self.config.encoding.format]
            file: BatchFile[Any] = make(self.config, f"{self._name}-{self._number}", self._kinds)
            self._untold.append(file)
            self._file = file
        return self._file


def _plain(
    table: Table, plan: EmitPlan, context: SliceContext, outlet: _Outlet, nulled: Counter[str] | None
) -> Iterator[Batch]:
    is_columns = outlet.config.encoding.format == "parquet"
    found = pieces(table, plan, context) if is_columns else encode(table, plan, context, extracted=None)
    waiting: deque[_Full] = deque()
    error: StreamError | None = None
    try:
        for block in found:
            if nulled is not None:
                nulled.update(block.nulled)
            waiting.extend(outlet.add(block.data, block.rows))
            while waiting and waiting[0].url.done():
                yield outlet.batch((outlet.told(waiting[0]),), waiting.popleft().records)
        waiting.extend(outlet.finish())
    except StreamError as raised:
        error = raised
    for full in waiting:
        yield outlet.batch((outlet.told(full),), full.records)
    if error:
        raise error


def _mapped(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    ways: list[tuple[StreamMap, _Outlet]],
    nulled: Counter[str] | None,
) -> Iterator[Batch]:
    """Take each row through the stream maps."""
    waiting: list[list[Mapping[str, Any]]] = [[] for _ in ways]
    rows = told = 0
    for rows, record in enumerate(records(table, plan, context, nulled), start=1):
        for (stream_map, outlet), kept in zip(ways, waiting, strict=True):
            mapped = stream_map.transform(record)
            if mapped is not None:
                kept.append(mapped)
            if len(kept) >= min(outlet.room, MAPPED_AT_ONCE):
                for full in _added(outlet, kept):
                    yield outlet.batch((outlet.told(full),), rows - told)
                    told = rows
    for (_, outlet), kept in zip(ways, waiting, strict=True):
        for full in (*_added(outlet, kept), *outlet.finish()):
            yield outlet.batch((outlet.told(full),), rows - told)
            told = rows
    if rows > told and ways:  # filtered out, all of them
        yield ways[0][1].batch((), rows - told)


def _added(outlet: _Outlet, kept: list[Mapping[str, Any]]) -> Iterator[_Full]:
    if kept:
        lines = ENCODER.encode_lines(kept)
        yield from outlet.add(outlet.of_lines(lines), len(kept))
        kept.clear()
