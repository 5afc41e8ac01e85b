"""Blocks of CSV or JSON -> JSON lines by the compiled module, where a plan is one that it can carry out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tap_reports import speedups
from tap_reports.emit.plan import EmitPlan, SliceContext, offset_of, sources
from tap_reports.emit.rows import ROW
from tap_reports.emit.writer import ENCODER
from tap_reports.files.json_blocks import JsonTable
from tap_reports.files.table import CsvTable, Table
from tap_reports.speedups import CODES, Cells, Code


@dataclass(frozen=True, slots=True)
class CompiledLines:
    """Writes the lines of one table.

    Attributes:
        cells: Finds the cells of a block; None if the block is refused.
        fields: What is written, packed.
        texts: What stands around the fields' values.
        first_row: Number of the table's first row.
        zone: Offset of instants that have none.
    """

    cells: Callable[[bytes], Cells | None]
    fields: bytes
    texts: tuple[bytes, ...]
    first_row: int
    zone: bytes

    def write(self, cells: Cells, start: int) -> bytes:
        """Return a block's lines; `start` is the number of table rows before it."""
        return speedups.lines(cells, self.fields, self.texts, self.first_row + start, self.zone)


def compiled_lines(
    table: Table, plan: EmitPlan, context: SliceContext, envelope: tuple[bytes, bytes]
) -> CompiledLines | None:
    """Return a writer of a table's lines; None if Python must write them.

    Args:
        table: The rows.
        plan: What to emit.
        context: Where the rows come from.
        envelope: What stands before and after each record.
    """
    width = len(table.form.keys) if isinstance(table, JsonTable) else len(table.header)
    places = [
        place if place is not None and place < width else None for place in sources(plan.fields, table.header)
    ]
    kinds = {place: one.kind for one, place in zip(plan.fields, places, strict=True) if place is not None}
    codes = bytearray(width)
    for place, kind in kinds.items():
        codes[place] = CODES[kind]
    zone = offset_of(plan.zone)
    find = _finder(table, bytes(codes), takes_local=zone is not None)
    is_each_once = len(kinds) + places.count(None) == len(places)
    if find is None or not is_each_once:
        return None
    wanted: dict[int | None, int] = {place: at for at, place in enumerate(sorted(kinds))}
    fields, texts = _written(plan, context, [wanted.get(place) for place in places], envelope)
    return CompiledLines(find, fields, texts, context.first_row, (zone or "").encode())


def _finder(table: Table, codes: bytes, *, takes_local: bool) -> Callable[[bytes], Cells | None] | None:
    if isinstance(table, CsvTable) and speedups.takes_csv(len(table.header), table.delimiter):
        delimiter = table.delimiter
        return lambda block: speedups.csv_cells(block, delimiter, codes, takes_local=takes_local)
    if isinstance(table, JsonTable) and speedups.is_compiled() and len(codes) <= speedups.WIDEST:
        around = table.form.texts
        return lambda block: speedups.json_cells(block, around, codes, takes_local=takes_local)
    return None


def _written(
    plan: EmitPlan,
    context: SliceContext,
    wanted: list[int | None],
    envelope: tuple[bytes, bytes],
) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the fields that differ from row to row, and the texts around them: envelope, keys, constants.

    Args:
        plan: What to emit.
        context: Where the rows come from.
        wanted: For each field its place among the wanted columns.
        envelope: What stands before and after each record.
    """
    fields: list[tuple[Code, int]] = []
    texts = [envelope[0] + b"{"]
    for number, (one, at) in enumerate(zip(plan.fields, wanted, strict=True)):
        texts[-1] += b"%b%b:" % (b"," if number else b"", ENCODER.encode(one.property))
        if at is not None:
            fields.append((CODES[one.kind], at))
        elif one.lineage == ROW:
            fields.append((Code.ROW, 0))
        else:
            texts[-1] += ENCODER.encode(context.lineage(one.lineage))
            continue
        texts.append(b"")
    texts[-1] += b"}%b\n" % envelope[1]
    return speedups.packed(fields), tuple(texts)
