"""The BATCH files of a stream, one after the other, written while the next rows are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from singer_sdk.helpers._batch import SDKBatchMessage

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig

    from tap_reports.emit.batch_files import BatchFile
    from tap_reports.models import Kind

T = TypeVar("T")

MAX_BYTES = 1 << 24
"""Bytes that may wait to be written; what is larger is waited for."""


class Batch(NamedTuple):
    """One BATCH message, and how many of the table's rows were read for it.

    Attributes:
        stream: The stream of its records: the table's, or one that is mapped from it.
        encoding: As configured.
        manifest: Its file; () if the rows were all left out, and there is nothing to say.
        rows: Rows of the table since the last one.
    """

    stream: str
    encoding: BaseBatchFileEncoding
    manifest: tuple[str, ...]
    rows: int

    def message(self) -> SDKBatchMessage:
        """Return the BATCH message. The SDK's own makes one for each stream that is mapped from this one."""
        return SDKBatchMessage(stream=self.stream, encoding=self.encoding, manifest=list(self.manifest))


class Background:
    """Writes in one thread, in the order of the calls, while the next rows are made."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._waiting: deque[tuple[Future[Any], int]] = deque()
        self._bytes = 0

    def later(self, size: int, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Do something that keeps so many bytes, behind what waits. What fails of that is raised here."""
        done = self._thread.submit(work, *arguments)
        self._waiting.append((done, size))
        self._bytes += size
        while self._bytes > MAX_BYTES or self._waiting[0][0].done():
            oldest, freed = self._waiting.popleft()
            oldest.result()
            self._bytes -= freed
            if not self._waiting:
                break
        return done

    def close(self) -> None:
        """Drop what has not begun, wait for what has."""
        self._thread.shutdown(cancel_futures=True)


class ClosedFile(NamedTuple):
    """A file that has all its records and is being finished."""

    file: BatchFile[Any]
    url: Future[str]
    records: int


class BatchWriter:
    """The files of one stream, one after the other.

    Args:
        config: `batch_config`.
        alias: The stream's name in the messages.
        name: How the names of the files begin.
        kinds: The properties of the records, in order.
        file: What makes a file.
        background: Where it is written.
    """

    def __init__(
        self,
        config: BatchConfig,
        alias: str,
        name: str,
        kinds: Mapping[str, Kind],
        file: type[BatchFile[Any]],
        background: Background,
    ) -> None:
        self.alias = alias
        self.config = config
        self.kinds = kinds
        self._name = f"{config.storage.prefix or ''}{name}-{uuid4()}"
        self._make = file
        self._background = background
        self._number = 0
        self._file: BatchFile[Any] | None = None
        self._records = 0
        self._closed: deque[ClosedFile] = deque()
        self._unpublished: list[BatchFile[Any]] = []

    @property
    def room(self) -> int:
        """Records that the file still takes."""
        return self.config.batch_size - self._records

    def add(self, chunk: Any, count: int) -> None:
        """Write a chunk of so many records."""
        while count >= self.room:
            taken = self.room
            first, chunk = self._make.cut(chunk, taken)
            self._write(first, taken)
            count -= taken
            self.close()
        if count:
            self._write(chunk, count)

    def close(self) -> None:
        """Let the file be finished, if there is one."""
        if self._file:
            url = self._background.later(self._file.held, self._file.finish)
            self._closed.append(ClosedFile(self._file, url, self._records))
            self._file, self._records = None, 0

    def published(self, *, is_end: bool = False) -> Iterator[tuple[str, int]]:
        """Yield URL and number of records of each finished file; at the end wait for the others."""
        while self._closed and (is_end or self._closed[0].url.done()):
            closed = self._closed.popleft()
            url = closed.url.result()
            self._unpublished.remove(closed.file)
            yield url, closed.records

    def batch(self, manifest: tuple[str, ...], rows: int) -> Batch:
        """Return a message of this stream."""
        return Batch(self.alias, self.config.encoding, manifest, rows)

    def discard(self) -> None:
        """Remove the files that no target knows of; nobody writes them any more."""
        for file in self._unpublished:
            file.discard()

    def _write(self, chunk: Any, count: int) -> None:
        fitted = self._open().fitted(chunk)
        if fitted is None:
            self.close()
            fitted = self._open().fitted(chunk)
        if fitted:
            self._background.later(self._make.size_of(fitted), self._open().write, fitted)
        self._records += count

    def _open(self) -> BatchFile[Any]:
        if self._file is None:
            self._number += 1
            file = self._make(self.config, f"{self._name}-{self._number}", self.kinds)
            self._unpublished.append(file)
            self._file = file
        return self._file
