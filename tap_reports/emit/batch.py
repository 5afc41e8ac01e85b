"""Rows -> BATCH files, which hold what the RECORD messages would: selected, typed, mapped.

`jsonl` files are the records' lines, `parquet` files are made of the same columns. A file has `batch_size`
rows. Files lie under `storage.root`, on disk or wherever fsspec reaches (`s3://`); one that could not be
finished is removed. Where stream maps make several streams of one, each has files of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from tap_reports.emit.batch_files import FILES
from tap_reports.emit.blocks import encode, pieces
from tap_reports.emit.outlet import WRITERS, Outlet, Writer
from tap_reports.emit.rows import records
from tap_reports.emit.writer import ENCODER
from tap_reports.exceptions import StreamError

if TYPE_CHECKING:
    from singer_sdk import Stream
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_reports.emit.outlet import Batch, Full
    from tap_reports.emit.plan import EmitPlan, SliceContext, Tally
    from tap_reports.files.table import Table

MAPPED_AT_ONCE = 1000
"""Mapped records that are written together."""


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
        tally: Takes what is noticed in the rows.

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
        writer = Writer(1 if FILES[config.encoding.format].in_turn else WRITERS)
        if any(_changes(one) for one in maps) or len(maps) != 1:
            outlets = [Outlet.of_map(config, stream, one, writer) for one in maps]
            made = _mapped(table, plan, context, list(zip(maps, outlets, strict=True)), tally)
        else:
            kinds = {one.property: one.kind for one in plan.fields}
            outlets = [Outlet(config, stream, maps[0].stream_alias, kinds, writer)]
            made = _plain(table, plan, context, outlets[0], tally)
        for outlet in outlets:
            files.callback(outlet.discard)
        files.callback(writer.close)
        yield from made


def _changes(stream_map: StreamMap) -> bool:
    return type(stream_map) is not SameRecordTransform or stream_map.flattening_enabled


def _plain(
    table: Table, plan: EmitPlan, context: SliceContext, outlet: Outlet, tally: Tally | None
) -> Iterator[Batch]:
    is_columns = outlet.config.encoding.format == "parquet"
    found = pieces(table, plan, context) if is_columns else encode(table, plan, context, extracted=None)
    waiting: deque[Full] = deque()
    error: StreamError | None = None
    left_out = 0
    try:
        for block in found:
            if tally is not None:
                tally.add(block.tally)
            left_out += block.rows - block.records
            waiting.extend(outlet.add(block.data, block.records))
            while waiting and waiting[0].url.done():
                full = waiting.popleft()
                yield outlet.batch((outlet.told(full),), full.records)
        waiting.extend(outlet.finish())
    except StreamError as raised:
        error = raised
    for full in waiting:
        yield outlet.batch((outlet.told(full),), full.records)
    if error:
        raise error
    if left_out:
        yield outlet.batch((), left_out)


def _mapped(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    ways: list[tuple[StreamMap, Outlet]],
    tally: Tally | None,
) -> Iterator[Batch]:
    """Take each row through the stream maps."""
    waiting: list[list[Mapping[str, Any]]] = [[] for _ in ways]
    rows = told = 0
    for rows, record in enumerate(records(table, plan, context, tally), start=1):
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


def _added(outlet: Outlet, kept: list[Mapping[str, Any]]) -> Iterator[Full]:
    if kept:
        lines = ENCODER.encode_lines(kept)
        yield from outlet.add(outlet.of_lines(lines), len(kept))
        kept.clear()
