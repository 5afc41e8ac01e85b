"""BATCH files: lines or columns of records -> JSON lines or Parquet, on any storage that fsspec knows."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from tap_reports.models import Kind

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget

    from tap_reports.emit.parquet import Piece

GZIP_LEVEL = 2
"""A third of the time of level 6 for a tenth more bytes."""
ZSTD_LEVEL = 1
"""Two thirds of the time of polars' own level, for no more bytes."""
COMPRESSIONS = ("gzip", "snappy", "zstd", "lz4", "brotli", "uncompressed")

T = TypeVar("T")


class BatchFile(Protocol[T]):
    """A file on its way. It is written in pieces: lines, or a frame of columns.

    Attributes:
        in_turn: Writing a piece is work, done in the order of the pieces; else the work is all in `finish`.
    """

    in_turn: ClassVar[bool]

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None: ...

    def of_lines(self, lines: bytes) -> T:
        """Return lines of records as a piece."""

    def cut(self, piece: T, count: int) -> tuple[T, T]:
        """Return the first records of a piece, and the others."""

    def write(self, piece: T) -> None:
        """Add whole records."""

    def finish(self) -> str:
        """Close the file and return its URL."""

    def discard(self) -> None:
        """Remove the file."""


class JsonLinesFile:
    """Lines as they are, packed with gzip where `encoding.compression` says so."""

    in_turn: ClassVar[bool] = True

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None:
        del kinds
        is_packed = config.encoding.compression == "gzip"
        self._storage = config.storage
        self._name = f"{name}.json.gz" if is_packed else f"{name}.jsonl"
        self._packer = _packer() if is_packed else None
        self._file = _created(self._storage, self._name)

    def of_lines(self, lines: bytes) -> bytes:
        """Return the lines."""
        return lines

    def cut(self, piece: bytes, count: int) -> tuple[bytes, bytes]:
        """Return the first lines, and the others."""
        end = len(b"\n".join(piece.split(b"\n", count)[:count])) + 1
        return piece[:end], piece[end:]

    def write(self, piece: bytes) -> None:
        """Add whole lines."""
        self._file.write(self._packer.compress(piece) if self._packer else piece)

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
        _remove(self._storage.get_url(self._name), self._storage.params)


class ParquetFile:
    """Records by column, with the types of `parquet.typed_column`. Nothing is stored before all are there."""

    in_turn: ClassVar[bool] = False

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None:
        asked = config.encoding.compression or "snappy"
        self._compression = {"none": "uncompressed"}.get(asked, asked)
        self._storage = config.storage
        self._name = f"{name}.parquet"
        self._kinds = kinds
        self._pieces: list[Piece] = []

    def of_lines(self, lines: bytes) -> Piece:
        """Return the columns of lines."""
        from tap_reports.emit.typed import piece_of_lines

        return piece_of_lines(lines, self._kinds)

    def cut(self, piece: Piece, count: int) -> tuple[Piece, Piece]:
        """Return the first rows, and the others."""
        return piece.cut(count)

    def write(self, piece: Piece) -> None:
        """Add rows."""
        self._pieces.append(piece)

    def finish(self) -> str:
        """Store the file and return its URL."""
        from tap_reports.emit.parquet import typed_frame

        packed = io.BytesIO()
        typed_frame(self._pieces, self._kinds).write_parquet(
            packed,
            compression=self._compression,  # type: ignore[arg-type]
            compression_level=ZSTD_LEVEL if self._compression == "zstd" else None,
            statistics=False,  # whoever loads a batch reads all of it
        )
        self._pieces.clear()
        with _created(self._storage, self._name) as file:
            file.write(packed.getvalue())
        return self._storage.get_url(self._name)

    def discard(self) -> None:
        """Forget the rows, and what is stored of them."""
        self._pieces.clear()
        _remove(self._storage.get_url(self._name), self._storage.params)


FILES: dict[str, type[BatchFile[Any]]] = {
    "jsonl": JsonLinesFile,
    "parquet": ParquetFile,
}


def _created(storage: StorageTarget, name: str) -> IO[bytes]:
    """Open a new file. The SDK's way can't have two open at once: they share a transaction."""
    from upath import UPath

    root = UPath(storage.root, **storage.params).resolve()
    root.mkdir(parents=True, exist_ok=True)
    file: IO[bytes] = root.joinpath(name).open("wb")
    return file


def _packer() -> Any:
    """Return a gzip compressor; isal's is three times as fast."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(GZIP_LEVEL, wbits=31)
    return isal_zlib.compressobj(GZIP_LEVEL, wbits=31)


def _remove(url: str, options: Mapping[str, Any]) -> None:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    with contextlib.suppress(OSError):
        filesystem, path = url_to_fs(url, **options)
        filesystem.rm(path)
