"""BATCH files on any storage that fsspec knows, written while the next rows are converted."""

from __future__ import annotations

import contextlib
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from tap_reports.models import Kind

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget

GZIP_LEVEL = 2
"""A third of the time of level 6 for a tenth more bytes."""

MAX_BYTES_WAITING = 1 << 24
"""Bytes that may wait to be written; what is larger is waited for."""

T = TypeVar("T")


class BatchFile(Protocol[T]):
    """A file that is being written, in chunks: lines, or columns.

    Attributes:
        held: Bytes that are written only when the file is finished.
    """

    held: int

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None: ...

    @staticmethod
    def cut(chunk: T, count: int) -> tuple[T, T]:
        """Return the first records of a chunk, and the others."""

    @staticmethod
    def size_of(chunk: T) -> int:
        """Return how many bytes a chunk takes in memory."""

    def fitted(self, chunk: T) -> T | None:
        """Return a chunk as it can be written after the others; None if it needs another file."""

    def write(self, chunk: T) -> None:
        """Add whole records."""

    def finish(self) -> str:
        """Close the file and return its URL."""

    def discard(self) -> None:
        """Remove the file."""


class JsonLinesFile:
    """Lines as they are, packed with gzip where `encoding.compression` says so."""

    held = 0

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None:
        del kinds
        is_packed = config.encoding.compression == "gzip"
        self._storage = config.storage
        self._name = f"{name}.json.gz" if is_packed else f"{name}.jsonl"
        self._packer = _packer() if is_packed else None
        self._file = created(self._storage, self._name)

    @staticmethod
    def cut(chunk: bytes, count: int) -> tuple[bytes, bytes]:
        """Return the first lines, and the others."""
        end = len(b"\n".join(chunk.split(b"\n", count)[:count])) + 1
        return chunk[:end], chunk[end:]

    @staticmethod
    def size_of(chunk: bytes) -> int:
        """Return how many bytes a chunk takes in memory."""
        return len(chunk)

    def fitted(self, chunk: bytes) -> bytes:
        """Return the chunk: there is nothing that lines can't hold."""
        return chunk

    def write(self, chunk: bytes) -> None:
        """Add whole lines."""
        self._file.write(self._packer.compress(chunk) if self._packer else chunk)

    def finish(self) -> str:
        """Close the file and return its URL."""
        if self._packer:
            self._file.write(self._packer.flush())
        self._file.close()
        return self._storage.get_url(self._name)

    def discard(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):  # the disk is full, say
            self._file.close()
        remove(self._storage.get_url(self._name), self._storage.params)


class Background:
    """Writes in one thread, in the order of the calls, while the next rows are made."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._waiting: deque[tuple[Future[Any], int]] = deque()
        self._bytes = 0

    def later(self, size: int, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue work that holds `size` bytes. Errors of earlier work are raised here."""
        done = self._thread.submit(work, *arguments)
        self._waiting.append((done, size))
        self._bytes += size
        while self._bytes > MAX_BYTES_WAITING or self._waiting[0][0].done():
            oldest, freed = self._waiting.popleft()
            oldest.result()
            self._bytes -= freed
            if not self._waiting:
                break
        return done

    def close(self) -> None:
        """Drop what has not begun, wait for what has."""
        self._thread.shutdown(cancel_futures=True)


class _ClosedFile(NamedTuple):
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
        self._closed: deque[_ClosedFile] = deque()
        self._unpublished: list[BatchFile[Any]] = []

    @property
    def room(self) -> int:
        """Records that the file still takes."""
        return self.config.batch_size - self._records

    def add(self, chunk: Any, count: int) -> None:
        """Write a chunk of `count` records."""
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
            self._closed.append(_ClosedFile(self._file, url, self._records))
            self._file, self._records = None, 0

    def published(self, *, is_end: bool = False) -> Iterator[tuple[str, int]]:
        """Yield URL and number of records of each finished file; at the end wait for the others."""
        while self._closed and (is_end or self._closed[0].url.done()):
            closed = self._closed.popleft()
            url = closed.url.result()
            self._unpublished.remove(closed.file)
            yield url, closed.records

    def discard(self) -> None:
        """Remove the files that no target knows of. `Background` must be closed before."""
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


def created(storage: StorageTarget, name: str) -> IO[bytes]:
    """Open a new file. The SDK's way can't have two open at once: they share a transaction."""
    from upath import UPath

    root = UPath(storage.root, **storage.params).resolve()
    root.mkdir(parents=True, exist_ok=True)
    file: IO[bytes] = root.joinpath(name).open("wb")
    return file


def remove(url: str, options: Mapping[str, Any]) -> None:
    """Remove a file, if it is there."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    with contextlib.suppress(OSError):
        filesystem, path = url_to_fs(url, **options)
        filesystem.rm(path)


def _packer() -> Any:
    """Return a gzip compressor; isal's is three times as fast."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(GZIP_LEVEL, wbits=31)
    return isal_zlib.compressobj(GZIP_LEVEL, wbits=31)
