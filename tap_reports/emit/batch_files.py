"""BATCH files: lines or columns of records -> JSON lines or Parquet, on any storage that fsspec knows."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

from tap_reports.models import Kind

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget

GZIP_LEVEL = 2
"""A third of the time of level 6 for a tenth more bytes."""

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
        """Return a chunk as it can be written behind the others; None if it needs another file."""

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
