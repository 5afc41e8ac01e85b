"""The BATCH files of a stream, one after the other, written while the next rows are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from singer_sdk.helpers._batch import SDKBatchMessage

from tap_reports.emit.batch_files import FILES
from tap_reports.files.columns import kind_of

if TYPE_CHECKING:
    from singer_sdk import Stream
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_reports.emit.batch_files import BatchFile
    from tap_reports.models import Kind

T = TypeVar("T")

BEHIND = 4
"""Pieces that wait to be written: the writer is never idle, and few are held."""
WRITERS = 2
"""Files of columns that are made at the same time."""


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


class Writer:
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


class Full(NamedTuple):
    """A file that is full: it is being finished."""

    file: BatchFile[Any]
    url: Future[str]
    records: int


class Outlet:
    """The files of one stream, one after the other."""

    def __init__(
        self, config: BatchConfig, stream: Stream, alias: str, kinds: Mapping[str, Kind], writer: Writer
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
    def of_map(cls, config: BatchConfig, stream: Stream, one: StreamMap, writer: Writer) -> Outlet:
        """Return the outlet of what a stream map makes."""
        properties = one.transformed_schema["properties"]
        kinds = {name: kind_of(properties[name]) for name in properties}
        return cls(config, stream, one.stream_alias, kinds, writer)

    @property
    def room(self) -> int:
        """Records that the file still takes."""
        return self.config.batch_size - self._records

    def add(self, data: Any, count: int) -> Iterator[Full]:
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

    def finish(self) -> Iterator[Full]:
        """Finish the file, if there is one, and yield it."""
        if self._file:
            full = Full(self._file, self._writer.later(self._file.finish), self._records)
            self._file, self._records = None, 0
            yield full

    def told(self, full: Full) -> str:
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
