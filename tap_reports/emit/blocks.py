"""A table -> blocks of Singer messages or of columns, as fast as the file's format allows.

CSV, and JSON whose objects are written alike, go through in blocks of whole records, by column, some blocks
at the same time. What the column path can't take, and files too small to be worth loading it, go by row.
Other files are read by row and written by column. The blocks come out in the file's order and hold what the
row path would write.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from tap_reports.emit.csv_tasks import csv_blocks
from tap_reports.emit.encoder import Block, Encoder, LineBlocks
from tap_reports.emit.json_tasks import json_blocks
from tap_reports.emit.row_tasks import row_blocks
from tap_reports.emit.rows import chunks
from tap_reports.emit.writer import envelope
from tap_reports.files.json_blocks import JsonTable
from tap_reports.files.table import CsvTable

if TYPE_CHECKING:
    from tap_reports.emit.parquet import Piece
    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.files.table import Table

__all__ = ["Block", "encode", "pieces"]

T = TypeVar("T")

LINES_SIZE = 3 << 19
"""Bytes of a block: enough to hide what a block costs, little enough to be held several times over."""
COLUMNS_SIZE = 3 << 20
"""The same for columns, which take less memory than lines."""


def encode(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    *,
    extracted: dt.datetime | None,
    size: int = LINES_SIZE,
) -> Iterator[Block[bytes]]:
    """Yield a table's RECORD messages in blocks.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        extracted: `time_extracted` of the messages; None: lines of bare records, as in BATCH files.
        size: Bytes of a CSV block.

    Raises:
        InvalidValue: A cell does not fit, under `invalid_values: fail`; the rows before it have come out.
        FileError: The file turns out damaged; likewise.
    """
    around = (b"", b"") if extracted is None else envelope(plan.stream, plan.version, extracted)
    return _blocks(table, LineBlocks(table, plan, context, around), size)


def pieces(
    table: Table, plan: EmitPlan, context: SliceContext, *, size: int = COLUMNS_SIZE
) -> Iterator[Block[Piece]]:
    """Yield a table's records in blocks of columns.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        size: Bytes of a CSV block.

    Raises:
        InvalidValue: A cell does not fit, under `invalid_values: fail`; the rows before it have come out.
        FileError: The file turns out damaged; likewise.
    """
    from tap_reports.emit.typed import TypedBlocks

    return _blocks(table, TypedBlocks(table, plan, context), size)


def _blocks(table: Table, encoder: Encoder[T], size: int) -> Iterator[Block[T]]:
    plan = encoder.plan
    if not plan.notation.is_usual or plan.dated_by or any(one.required for one in plan.fields):
        return _by_row(encoder)
    if isinstance(table, CsvTable):
        return csv_blocks(table, encoder, size)
    if isinstance(table, JsonTable) and table.header:
        return json_blocks(table, encoder)
    return row_blocks(encoder)


def _by_row(encoder: Encoder[T]) -> Iterator[Block[T]]:
    start = 0
    for rows in chunks(encoder.table.rows()):
        done = encoder.by_row(rows, start)
        yield from done.blocks
        if done.error:
            raise done.error
        start += len(rows)
