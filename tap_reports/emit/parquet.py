"""Columns of records -> the typed columns of Parquet files, by pyarrow.

Integers are 64 bits. Numbers are decimals of as many digits after the point as the longest, so nothing is
rounded. Days are dates; instants are in UTC with microseconds, as databases hold them. A column in which some
value does not fit its type is text, as in the records.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from tap_reports import speedups
from tap_reports.emit.encode import Encoder
from tap_reports.emit.writer import ENCODER
from tap_reports.models import Kind

if TYPE_CHECKING:
    from tap_reports.emit.compiled import Found
    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.emit.rows import ConvertedColumns
    from tap_reports.files.table import Table

PRECISION = 38
"""Digits of a Parquet decimal."""
MICROSECONDS = 6
TYPES: dict[Kind, Any] = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.decimal128(PRECISION, 0),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.DATE_TIME: pa.timestamp("us", "UTC"),
}
"""Types of columns; those of numbers differ in their scale."""


class ColumnBlocks(Encoder[pa.RecordBatch]):
    """Makes record batches: a column for each property."""

    def __init__(self, table: Table, plan: EmitPlan, context: SliceContext) -> None:
        super().__init__(table, plan, context)
        self._kinds = {field.property: field.kind for field in plan.fields}

    def from_python(self, found: ConvertedColumns) -> pa.RecordBatch:
        """Return the columns of what Python has converted."""
        return batch_of(self._kinds, found.values, found.records)

    def from_compiled(self, found: Found, first_row: int, records: tuple[int, int]) -> pa.RecordBatch:
        """Return the columns of cells."""
        assert self.compiled is not None  # noqa: S101  # it has found them
        made = speedups.columns(found.cells, self.compiled.fields, first_row, self.compiled.zone)
        columns = iter(pa.record_batch(made).columns)
        arrays = [
            constant(field.kind, self.context.constant(field), found.records)
            if is_constant
            else next(columns)
            for field, is_constant in zip(self.plan.fields, self.compiled.constants, strict=True)
        ]
        return _record_batch(list(self._kinds), arrays, found.records)


def _record_batch(names: Sequence[str], arrays: Sequence[Any], rows: int) -> pa.RecordBatch:
    if not names:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(list(arrays), names=list(names))


def batch_of(kinds: Mapping[str, Kind], values: Sequence[Sequence[Any]], rows: int) -> pa.RecordBatch:
    """Return columns of values: as the row path makes them, or as JSON has them, numbers as their text."""
    arrays = [array_of(kind, column) for kind, column in zip(kinds.values(), values, strict=True)]
    return _record_batch(list(kinds), arrays, rows)


def constant(kind: Kind, value: Any, count: int) -> Any:
    """Return a column that has one value."""
    return pa.nulls(count, TYPES[kind]) if value is None else pa.repeat(array_of(kind, [value])[0], count)


def array_of(kind: Kind, values: Sequence[Any]) -> Any:
    """Return values as a column of their kind's type, or of text where some value does not fit."""
    texts = [json_text(value) for value in values]
    if kind is not Kind.STRING:
        try:
            return _ARRAYS[kind](texts)
        except (ValueError, OverflowError, ArithmeticError, pa.ArrowException):
            pass
    return pa.array(texts, pa.string())


def json_text(value: Any) -> str | None:
    """Return a value as JSON has it, text as it is."""
    if value is None or isinstance(value, str):
        return value
    text = bytes(value) if isinstance(value, msgspec.Raw) else ENCODER.encode(value)
    return None if text == b"null" else text.decode()


def _integers(texts: list[str | None]) -> Any:
    return pa.array([None if text is None else int(text) for text in texts], pa.int64())


def _decimals(texts: list[str | None]) -> Any:
    numbers = [None if text is None else Decimal(text) for text in texts]
    whole = scale = 0
    for number in numbers:
        if number is not None:
            scale = max(scale, -int(number.as_tuple().exponent))
            whole = max(whole, number.adjusted() + 1 if number else 0)
    if whole + scale > PRECISION:
        raise ValueError("too many digits")
    values = [number if number or number is None else Decimal(0) for number in numbers]  # not `0E60`
    return pa.array(values, pa.decimal128(PRECISION, scale))


def _booleans(texts: list[str | None]) -> Any:
    values = {"true": True, "false": False}
    if any(text is not None and text not in values for text in texts):
        raise ValueError("not a boolean")
    return pa.array([None if text is None else values[text] for text in texts], pa.bool_())


def _dates(texts: list[str | None]) -> Any:
    return pa.array([None if text is None else dt.date.fromisoformat(text) for text in texts], pa.date32())


def _instants(texts: list[str | None]) -> Any:
    if any(text is not None and _is_finer(text) for text in texts):
        raise ValueError("finer than microseconds")
    values = [None if text is None else dt.datetime.fromisoformat(text).astimezone(dt.UTC) for text in texts]
    return pa.array(values, pa.timestamp("us", "UTC"))


def _is_finer(text: str) -> bool:
    fraction = text[19:].partition("+")[0].partition("-")[0].removeprefix(".")
    return bool(fraction[MICROSECONDS:].strip("0"))


_ARRAYS: dict[Kind, Callable[[list[str | None]], Any]] = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _decimals,
    Kind.BOOLEAN: _booleans,
    Kind.DATE: _dates,
    Kind.DATE_TIME: _instants,
}
