"""The column path: a block of cells -> JSON lines, whole columns at a time.

It gives the same bytes as the row path, or nothing. A column passes as it stands only if each of its cells
fits one pattern: that of the text which the row path would write. Any other column goes cell by cell through
the row path's converters, so there is one place where cells are understood.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from tap_reports.emit.plan import EmitPlan, Field, SliceContext, sources
from tap_reports.emit.rows import ROW
from tap_reports.emit.shapes import Shape, Text, quoted, shape_of
from tap_reports.emit.writer import ENCODER
from tap_reports.files.cells import Value, converter
from tap_reports.files.numbers import Number
from tap_reports.models import Kind


class NotWholeError(Exception):
    """Only the row path can take this block."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The cells of some rows by column.

    Attributes:
        columns: Text columns (null for an empty cell), lists of cells of any type, or columns of values.
        rows: How many rows.
        passed: Positions of columns that are known to stand in JSON as they are, quotes aside.
        again: Parses the same rows as text; None if no column is of values.
    """

    columns: Sequence[pl.Series | Sequence[Any]]
    rows: int
    passed: Collection[int] = ()
    again: Callable[[], Frame] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """The text of each field that a file has, by position.

    Attributes:
        texts: JSON text, of `columns` by the names that these have.
        columns: What the texts are made of; each is named by its field's position.
        nulled: How many cells became null, by property.
    """

    texts: dict[int, Text]
    columns: dict[int, pl.Series]
    nulled: Counter[str]


class ColumnEncoder:
    """Writes frames of one table as JSON lines.

    Args:
        header: The table's.
        plan: What to emit.
        context: Where the rows come from.
        envelope: What stands before and after each record.
    """

    def __init__(
        self, header: Sequence[str], plan: EmitPlan, context: SliceContext, envelope: tuple[bytes, bytes]
    ) -> None:
        self._plan = plan
        self._context = context
        self._sources = sources(plan.fields, header)
        self._keys = [ENCODER.encode(one.property).decode() for one in plan.fields]
        self._start, self._end = (part.decode() for part in envelope)

    def encode(self, frame: Frame, start: int) -> tuple[bytes, Counter[str]]:
        """Return a frame's lines and how many cells became null, by property.

        Args:
            frame: The cells.
            start: Number of table rows before them.

        Raises:
            NotWholeError: A cell does not fit its column.
        """
        made = texts_of(frame, self._plan, self._sources)
        template, columns = _literal(f"{self._start}{{"), []
        for position, (one, key, source) in enumerate(
            zip(self._plan.fields, self._keys, self._sources, strict=True)
        ):
            text = self._lineage(one, frame, start) if source is None else made.texts[position]
            template += _literal(f"{',' if position else ''}{key}:{text.before}")
            if text.column is not None:
                template += "{}"
                columns.append(text.column)
            template += _literal(text.after)
        template += _literal(f"}}{self._end}\n")
        if not columns:
            return template.format().encode() * frame.rows, made.nulled
        lines = pl.format(template, *columns).str.join("").cast(pl.Binary)
        data: bytes = pl.DataFrame(list(made.columns.values())).select(lines).item()
        return data, made.nulled

    def _lineage(self, one: Field, frame: Frame, start: int) -> Text:
        """Return the text of a field that the file does not have."""
        if one.lineage == ROW:
            first = self._context.first_row + start
            return Text(column=pl.int_range(first, first + frame.rows).cast(pl.String))
        return Text(ENCODER.encode(self._context.lineage(one.lineage)).decode())


def texts_of(frame: Frame, plan: EmitPlan, places: Sequence[int | None]) -> Texts:
    """Return the text of each field that the file has.

    Args:
        frame: The cells.
        plan: What to emit.
        places: For each field the position of its column.

    Raises:
        NotWholeError: A cell does not fit its column.
    """
    made = Texts({}, {}, Counter())
    shapes: dict[int, Shape] = {}
    cells: dict[int, pl.Series | Sequence[Any]] = {}
    for position, (one, place) in enumerate(zip(plan.fields, places, strict=True)):
        if place is None:
            continue
        cells[position] = column = text_column(frame.columns[place], one.kind)
        if not isinstance(column, pl.Series):
            continue
        made.columns[position] = column = column.alias(str(position))
        if column.null_count() == frame.rows:
            made.texts[position] = Text("null")
        elif place in frame.passed:
            made.texts[position] = quoted(pl.col(column.name), one.kind).with_nulls(column)
        elif shape := shape_of(column, one.kind, plan.zone):
            shapes[position] = shape
    made.texts.update(whole(shapes, made.columns))
    for position in cells.keys() - made.texts.keys():
        one, name = plan.fields[position], str(position)
        made.columns[position] = converted(one, cells[position], plan, made.nulled, _json).alias(name)
        made.texts[position] = Text(column=pl.col(name))
    return made


def whole(shapes: dict[int, Shape], columns: dict[int, pl.Series]) -> dict[int, Text]:
    """Return the texts of the shapes whose check holds."""
    if not shapes:
        return {}
    checks = [shape.check.alias(str(position)) for position, shape in shapes.items()]
    passed = pl.DataFrame([columns[position] for position in shapes]).select(checks).row(0)
    return {
        position: shape.text.with_nulls(columns[position])
        for (position, shape), is_whole in zip(shapes.items(), passed, strict=True)
        if is_whole
    }


def converted(
    one: Field,
    column: pl.Series | Sequence[Any],
    plan: EmitPlan,
    nulled: Counter[str],
    written: Callable[[Value], str | None],
) -> pl.Series:
    """Return a column's text by the row path's converter.

    Args:
        one: The field.
        column: Its cells.
        plan: What to emit.
        nulled: Counts the cells set to null.
        written: Makes text of a value.

    Raises:
        NotWholeError: A cell does not fit, under `invalid_values: fail`.
    """
    convert = converter(one.kind, plan.zone)

    def text(cell: Any, rows: int = 1) -> str | None:
        try:
            return written(convert(cell))
        except ValueError:
            if plan.invalid_values == "fail":
                raise NotWholeError from None
            nulled[one.property] += rows
            return written(None)

    if not isinstance(column, pl.Series):
        return pl.Series(list(map(text, column)), dtype=pl.String)
    cells = column.to_list()
    # Days and the like come again and again.
    texts = {cell: text(cell, rows) for cell, rows in Counter(cells).items()}
    return pl.Series(list(map(texts.__getitem__, cells)), dtype=pl.String)


def text_column(column: pl.Series | Sequence[Any], kind: Kind) -> pl.Series | Sequence[Any]:
    """Return cells as a text column if their kind's converter sees in them nothing but their text."""
    if isinstance(column, pl.Series):
        return column
    types = set(map(type, column)) - {type(None)}
    if kind in {Kind.INTEGER, Kind.NUMBER} and types <= {int, Decimal, Number}:
        column = [None if cell is None else str(cell) for cell in column]
    elif not types <= {str}:
        return column
    try:
        return pl.Series(column, dtype=pl.String)
    except UnicodeEncodeError:  # half a surrogate pair
        return column


def _json(value: Value) -> str:
    return ENCODER.encode(value).decode()


def _literal(text: str) -> str:
    """Return a text as it stands in a template."""
    return text.replace("{", "{{").replace("}", "}}")
