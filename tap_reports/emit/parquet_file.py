"""Record batches -> Parquet files. Rows that can't be added to a file go into another one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tap_reports.emit.batch_files import created, remove
from tap_reports.emit.parquet import batch_of
from tap_reports.models import Kind

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig

GROUP_BYTES = 1 << 25
"""Bytes of columns that are written at once, and held until then."""
SAMPLE = 4096
"""Rows by which it is decided whether a column of texts gets a dictionary."""
WRITE_ROWS = 1 << 14
"""Values that are encoded at once: the usual 1,024 cost a twentieth more."""
ZSTD_LEVEL = 1
"""Two thirds of the time of the usual level, for no more bytes."""

pa.set_memory_pool(pa.system_memory_pool())  # a pool of Arrow's own in addition keeps 40 MiB more


class ParquetFile:
    """Records by column. Columns that hold nothing but nulls so far take any type."""

    def __init__(self, config: BatchConfig, name: str, kinds: Mapping[str, Kind]) -> None:
        del kinds
        asked = config.encoding.compression or "snappy"
        self._compression = "none" if asked == "uncompressed" else asked
        self._storage = config.storage
        self._name = f"{name}.parquet"
        self._schema: pa.Schema | None = None
        self._is_fixed = False
        self._held: list[pa.RecordBatch] = []
        self.held = 0
        self._file: Any = None
        self._writer: Any = None

    @staticmethod
    def cut(chunk: pa.RecordBatch, count: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Return the first rows, and the others."""
        return chunk.slice(0, count), chunk.slice(count)

    @staticmethod
    def size_of(chunk: list[pa.RecordBatch]) -> int:
        """Return how many bytes a chunk takes in memory."""
        return sum(batch.nbytes for batch in chunk)

    def fitted(self, chunk: pa.RecordBatch) -> list[pa.RecordBatch] | None:
        """Return the rows that are to be written now, with those held so far; None: it needs another file."""
        fitted = self._unified(chunk)
        if fitted is None:
            return None
        self._held.append(fitted)
        self.held += fitted.nbytes
        if self.held < GROUP_BYTES:
            return []
        self._is_fixed = True
        group, self._held, self.held = self._held, [], 0
        return group

    def write(self, chunk: list[pa.RecordBatch]) -> None:
        """Write rows as a group of the file."""
        if not chunk:
            return
        group = pa.Table.from_batches(chunk)
        if self._writer is None:
            self._file = created(self._storage, self._name)
            self._writer = pq.ParquetWriter(
                self._file,
                group.schema,
                compression=self._compression,
                compression_level=ZSTD_LEVEL if self._compression == "zstd" else None,
                use_dictionary=_repeated(group.slice(0, SAMPLE)) or False,
                write_statistics=False,  # whoever loads a batch reads all of it
                write_batch_size=WRITE_ROWS,
            )
        self._writer.write_table(group, row_group_size=1 << 30)

    def finish(self) -> str:
        """Write what is held, close the file and return its URL."""
        self.write(self._held)
        self._held = []
        self._writer.close()
        self._file.close()
        return self._storage.get_url(self._name)

    def discard(self) -> None:
        """Forget the rows, and what is stored of them."""
        self._held = []
        for open_ in (self._writer, self._file):
            with contextlib.suppress(OSError, pa.ArrowException):  # the disk is full, say
                if open_ is not None:
                    open_.close()
        remove(self._storage.get_url(self._name), self._storage.params)

    def _unified(self, chunk: pa.RecordBatch) -> pa.RecordBatch | None:
        """Return a chunk with the types of the file, which are widened for it where that is possible."""
        if self._schema is None:
            self._schema = chunk.schema
        if chunk.schema.equals(self._schema):
            return chunk
        types = [self._type(chunk, at) for at in range(chunk.num_columns)]
        if None in types:
            return None
        schema = pa.schema(list(zip(chunk.schema.names, types, strict=True)))
        try:
            fitted = _cast(chunk, schema)
            if not schema.equals(self._schema):
                self._held = [_cast(batch, schema) for batch in self._held]
        except pa.ArrowInvalid:  # a number would have too many digits
            return None
        self._schema = schema
        return fitted

    def _type(self, chunk: pa.RecordBatch, at: int) -> Any:
        """Return a type for the file's column and the chunk's; None if there is none."""
        assert self._schema is not None  # noqa: S101  # `_unified` has set it
        have, new = self._schema.field(at).type, chunk.schema.field(at).type
        if have == new or _is_null(chunk, at):
            return have
        if self._is_fixed:
            is_wide = pa.types.is_decimal(have) and pa.types.is_decimal(new) and have.scale >= new.scale
            return have if is_wide else None
        if all(_is_null(batch, at) for batch in self._held):
            return new
        if pa.types.is_decimal(have) and pa.types.is_decimal(new):
            return max(have, new, key=lambda type_: int(type_.scale))
        return None


def _repeated(rows: pa.Table) -> list[str]:
    """Return the columns of texts that have each value twice or more, on average."""
    return [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if column.type == pa.string() and 2 * pc.count_distinct(column).as_py() <= rows.num_rows
    ]


def batch_of_lines(lines: bytes, kinds: Mapping[str, Kind]) -> pa.RecordBatch:
    """Return lines of records, whole and of any values, as columns."""
    decoded = msgspec.json.Decoder(_record_type(kinds)).decode_lines(lines)
    columns = list(zip(*map(msgspec.structs.astuple, decoded), strict=True))
    return batch_of(kinds, columns, len(decoded))


def _record_type(kinds: Mapping[str, Kind]) -> type[Any]:
    """Return a type whose values are the record's cells in order, numbers with their digits."""
    types = {Kind.NUMBER: msgspec.Raw, Kind.INTEGER: msgspec.Raw}
    attributes = {f"f{position}": name for position, name in enumerate(kinds)}
    fields = [(attribute, types.get(kinds[name], Any), None) for attribute, name in attributes.items()]
    return msgspec.defstruct("Record", fields, rename=attributes)


def _is_null(batch: pa.RecordBatch, at: int) -> bool:
    return bool(batch.column(at).null_count == batch.num_rows)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return columns as those of other types.

    Raises:
        ArrowInvalid: A number would have too many digits.
    """
    arrays = []
    for at, (column, type_) in enumerate(zip(batch.columns, schema.types, strict=True)):
        if column.type == type_:
            arrays.append(column)
        elif _is_null(batch, at):
            arrays.append(pa.nulls(len(column), type_))
        else:  # pyarrow does not look whether there is room for the digits
            ends = pc.min_max(column).as_py()
            largest = max(abs(value) for value in ends.values())
            if largest.adjusted() + 1 + type_.scale > type_.precision:
                raise pa.ArrowInvalid("too many digits")
            arrays.append(column.cast(type_))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
