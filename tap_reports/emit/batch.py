"""Rows -> BATCH files, which hold what the RECORD messages would: selected, typed, mapped.

`jsonl` files are the records' lines, `parquet` files are made of the same columns. A file has `batch_size`
rows at most. Files lie under `storage.root`, on disk or wherever fsspec reaches (`s3://`); one that could not
be finished is removed. Where stream maps make several streams of one, each has files of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.mapper import RemoveRecordTransform

from tap_reports.emit.batch_files import Background, BatchWriter, JsonLinesFile
from tap_reports.emit.blocks import columns, encode
from tap_reports.emit.maps import mapped_plan, unused_properties
from tap_reports.emit.rows import record_blocks
from tap_reports.emit.writer import ENCODER
from tap_reports.exceptions import StreamError
from tap_reports.models.columns import kind_of

if TYPE_CHECKING:
    from singer_sdk import Stream
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_reports.emit.batch_files import BatchFile
    from tap_reports.emit.plan import Block, EmitPlan, SliceContext, Tally
    from tap_reports.emit.rows import Record
    from tap_reports.files.table import Table

BATCH_SIZE = 50_000
"""Records of a file, unless `batch_config.batch_size` says otherwise."""


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

    @classmethod
    def of(cls, writer: BatchWriter, manifest: tuple[str, ...], rows: int) -> Batch:
        """Return a message of a writer's stream."""
        return cls(writer.alias, writer.config.encoding, manifest, rows)

    def message(self) -> SDKBatchMessage:
        """Return the BATCH message. The SDK's own makes one for each stream that is mapped from this one."""
        return SDKBatchMessage(stream=self.stream, encoding=self.encoding, manifest=list(self.manifest))


def batches(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    config: BatchConfig,
    stream: Stream,
    tally: Tally | None = None,
) -> Iterator[Batch]:
    """Yield a table's BATCH files, each when it is finished.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        config: `batch_config`.
        stream: For its name and its stream maps.
        tally: Counts of the rows are added to it.

    Raises:
        StreamError: A format that there is not, or that needs an extra.
        InvalidValue: A cell does not fit; unfinished files are gone.
        FileError: The file turns out damaged; likewise.
    """
    file = file_type(config.encoding.format)
    maps = [each for each in stream.stream_maps if not isinstance(each, RemoveRecordTransform)]
    plain = mapped_plan(plan, maps, stream.config)
    with ExitStack() as files:
        background = Background()

        def writer(alias: str, kinds: Mapping[str, Any]) -> BatchWriter:
            return BatchWriter(config, alias, f"{stream.tap_name}--{alias}", kinds, file, background)

        if plain:
            kinds = {field.property: field.kind for field in plain.fields}
            writers = [writer(maps[0].stream_alias, kinds)]
            messages = _without_maps(table, plain, context, writers[0], tally)
        else:
            writers = [writer(each.stream_alias, _kinds_of(each)) for each in maps]
            raw = unused_properties(plan, maps, stream.config)
            blocks = record_blocks(table, plan, context, raw=raw)
            messages = _with_maps(blocks, list(zip(maps, writers, strict=True)), tally)
        for each in writers:
            files.callback(each.discard)
        files.callback(background.close)
        yield from messages


def file_type(format_: str) -> type[BatchFile[Any]]:
    """Return what makes files of a format.

    Raises:
        StreamError: There is no such format, or it needs an extra.
    """
    if format_ == "jsonl":
        return JsonLinesFile
    if format_ != "parquet":
        raise StreamError(f'batch_config: there is no encoding "{format_}".', remedy="Use jsonl or parquet.")
    try:
        from tap_reports.emit.parquet_file import ParquetFile
    except ImportError as error:
        raise StreamError(
            "batch_config: Parquet files need the package pyarrow, which is not installed.",
            remedy="Install the extra: pip install 'tap-reports[parquet]'",
        ) from error
    return ParquetFile


def _kinds_of(stream_map: StreamMap) -> dict[str, Any]:
    properties = stream_map.transformed_schema["properties"]
    return {name: kind_of(schema) for name, schema in properties.items()}


def _without_maps(
    table: Table, plan: EmitPlan, context: SliceContext, writer: BatchWriter, tally: Tally | None
) -> Iterator[Batch]:
    is_columns = writer.config.encoding.format == "parquet"
    blocks: Iterator[Any] = (
        columns(table, plan, context) if is_columns else encode(table, plan, context, extracted=None)
    )
    error: StreamError | None = None
    left_out = 0
    try:
        for block in blocks:
            if tally is not None:
                tally.add(block.tally)
            left_out += block.rows - block.records
            writer.add(block.data, block.records)
            for url, count in writer.published():
                yield Batch.of(writer, (url,), count)
        writer.close()
    except StreamError as raised:
        error = raised
    for url, count in writer.published(is_end=True):
        yield Batch.of(writer, (url,), count)
    if error:
        raise error
    if left_out:
        yield Batch.of(writer, (), left_out)


def _with_maps(
    blocks: Iterator[Block[list[Record]]],
    outputs: Sequence[tuple[StreamMap, BatchWriter]],
    tally: Tally | None,
) -> Iterator[Batch]:
    """Take each record through the stream maps."""
    rows = published = 0

    def finished(*, is_end: bool = False) -> Iterator[Batch]:
        nonlocal published
        for _, writer in outputs:
            for url, _ in writer.published(is_end=is_end):
                yield Batch.of(writer, (url,), rows - published)
                published = rows

    for block in blocks:
        if tally is not None:
            tally.add(block.tally)
        rows += block.rows
        for stream_map, writer in outputs:
            _add(writer, [one for record in block.data if (one := stream_map.transform(record)) is not None])
        yield from finished()
    for _, writer in outputs:
        writer.close()
    yield from finished(is_end=True)
    if rows > published and outputs:  # filtered out, all of them
        yield Batch.of(outputs[0][1], (), rows - published)


def _add(writer: BatchWriter, records: list[dict[str, Any]]) -> None:
    if not records:
        return
    lines: Any = ENCODER.encode_lines(records)
    if writer.config.encoding.format == "parquet":
        from tap_reports.emit.parquet_file import batch_of_lines

        lines = batch_of_lines(lines, writer.kinds)
    writer.add(lines, len(records))
