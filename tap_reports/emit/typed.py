"""The column path for BATCH files of columns: blocks of cells -> columns of the plan's properties."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from tap_reports.emit.columnar import Frame, converted, text_column, whole
from tap_reports.emit.encoder import Encoder
from tap_reports.emit.parquet import Piece
from tap_reports.emit.plan import EmitPlan, Field, SliceContext, sources
from tap_reports.emit.rows import ROW, Columns
from tap_reports.emit.shapes import Shape, shape_of
from tap_reports.files.cells import Value
from tap_reports.files.table import Table
from tap_reports.models import Kind


class TypedBlocks(Encoder[Piece]):
    """Makes pieces of a Parquet file: columns of the text that the records would show, or of values."""

    takes_values = True

    def __init__(self, table: Table, plan: EmitPlan, context: SliceContext) -> None:
        super().__init__(table, plan, context)
        self._sources = sources(plan.fields, table.header)

    def of_values(self, found: Columns) -> Piece:
        """Return what the row path has converted."""
        names = [one.property for one in self.plan.fields]
        return piece_of(zip(names, found.values, strict=True))

    def of_frame(self, frame: Frame, start: int) -> tuple[Piece, Counter[str]]:
        """Return a frame's columns."""
        made, nulled = self._columns(frame, start)
        again = frame.again

        def texts() -> pl.DataFrame:
            return self._columns(again(), start)[0] if again else made

        return Piece(made, texts), nulled

    def _columns(self, frame: Frame, start: int) -> tuple[pl.DataFrame, Counter[str]]:
        nulled: Counter[str] = Counter()
        made: dict[int, pl.Series] = {}
        shapes: dict[int, Shape] = {}
        cells: dict[int, pl.Series | Sequence[Any]] = {}
        for position, (one, place) in enumerate(zip(self.plan.fields, self._sources, strict=True)):
            if place is None:
                made[position] = self._lineage(one, frame, start)
                continue
            cells[position] = column = text_column(frame.columns[place], one.kind)
            if not isinstance(column, pl.Series):
                continue
            if (
                place in frame.passed
                or column.dtype != pl.String
                or one.kind is Kind.STRING
                or column.null_count() == frame.rows
            ):
                made[position] = column
            elif shape := shape_of(column.alias(str(position)), one.kind, self.plan.zone):
                shapes[position] = shape
                cells[position] = column.alias(str(position))
        made.update(_bare(shapes, {position: cells[position] for position in shapes}))  # type: ignore[misc]
        for position in cells.keys() - made.keys():
            made[position] = converted(self.plan.fields[position], cells[position], self.plan, nulled, _text)
        columns = [made[position].alias(one.property) for position, one in enumerate(self.plan.fields)]
        return pl.DataFrame(columns), nulled

    def _lineage(self, one: Field, frame: Frame, start: int) -> pl.Series:
        """Return a field that the file does not have."""
        if one.lineage == ROW:
            first = self.context.first_row + start
            return pl.int_range(first, first + frame.rows, eager=True)
        value = self.context.lineage(one.lineage)
        day = one.kind is Kind.DATE and isinstance(value, str)
        return pl.repeat(
            dt.date.fromisoformat(str(value)) if day else value,
            frame.rows,
            dtype=pl.Date if day else pl.String,
            eager=True,
        )


def _bare(shapes: dict[int, Shape], columns: dict[int, pl.Series]) -> dict[int, pl.Series]:
    """Return the columns whose shape holds, as the text within JSON's quotes."""
    made = {}
    for position in whole(shapes, columns):
        text = shapes[position].text.bare()
        made[position] = columns[position].to_frame().select(text).to_series()
    return made


def json_texts(values: Sequence[Any]) -> Sequence[str | None]:
    """Return values as JSON texts, text as it is."""
    types = set(map(type, values))
    if types <= {str, type(None)}:
        return values
    if types == {msgspec.Raw}:
        texts = b"\n".join(values).decode().split("\n")  # JSON holds no line break of its own
        return [None if text == "null" else text for text in texts] if "null" in texts else texts
    return [_any_text(value) for value in values]


def _any_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    text = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    return None if text == b"null" else text.decode()


def _text(value: Value) -> str | None:
    """Return a converted value as JSON text, text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def piece_of(columns: Iterable[tuple[str, Sequence[Any]]]) -> Piece:
    """Return columns of values as JSON has them."""
    frame = pl.DataFrame([pl.Series(name, json_texts(values), dtype=pl.String) for name, values in columns])
    return Piece(frame, lambda: frame)


def piece_of_lines(lines: bytes, kinds: Mapping[str, Kind]) -> Piece:
    """Return lines of records, whole and of any values, as columns of JSON text."""
    rows = map(msgspec.structs.astuple, msgspec.json.Decoder(_record_type(kinds)).decode_lines(lines))
    return piece_of(zip(kinds, zip(*rows, strict=True), strict=True))


def _record_type(kinds: Mapping[str, Kind]) -> type[Any]:
    """Return a type whose values are the record's cells in order, numbers with their digits."""
    types = {Kind.NUMBER: msgspec.Raw, Kind.INTEGER: msgspec.Raw}
    attributes = {f"f{position}": name for position, name in enumerate(kinds)}
    fields = [(attribute, types.get(kinds[name], Any), None) for attribute, name in attributes.items()]
    return msgspec.defstruct("Record", fields, rename=attributes)
