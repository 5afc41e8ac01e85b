"""Blocks of CSV records -> columns of values at once, where each cell is written as in the first block.

The pattern of a whole block then also bounds the digits of each number, so that nothing can be rounded when
polars reads it as a decimal. The first block alone says what is expected: what a file's columns become does
not hang on which thread was faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from tap_reports.emit.columnar import Frame, NotWholeError
from tap_reports.emit.compiled_columns import compiled_columns
from tap_reports.emit.csv_frame import CsvFrames, is_all, text_of
from tap_reports.emit.parquet import INSTANT, PRECISION, Size, size_of
from tap_reports.emit.patterns import DAY
from tap_reports.emit.shapes import all_match
from tap_reports.models import Kind

EXPONENT = 9
"""Largest negative exponent that is expected: `9.1e-06`."""
LONG = 9
"""With more digits behind the point it is no money, and some more may follow."""
MORE = 4
LARGEST_SCALE = 30

MOMENT = rf"{DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z|\+00:00)"


class Form(NamedTuple):
    """How the cells of a column are written, and what they are read as."""

    pattern: str
    type: pl.DataType


class TypedCsvFrames(CsvFrames):
    """Parses the blocks of one CSV table into typed columns; several threads may use it.

    Args:
        kinds: The kind of each wanted column, by position.
        width: Number of columns.
        delimiter: One character.
        first: The first block.
    """

    def __init__(self, kinds: Mapping[int, Kind], width: int, delimiter: str, first: bytes) -> None:
        super().__init__({}, width, delimiter)
        self._forms = self._learned(kinds, first) if width > 1 else {}
        self._pattern = self.records({at: form.pattern for at, form in self._forms.items()})
        self._types = self._schema | {str(at): form.type for at, form in self._forms.items()}
        self._moments = [at for at, form in self._forms.items() if form.type == pl.String]
        types = {at: form.type if (form := self._forms.get(at)) else None for at in kinds}
        self._native = compiled_columns(types, width, delimiter)

    def frame(self, block: bytes) -> Frame:
        """Parse a block of whole records.

        Raises:
            NotWholeError: It is not just what RFC 4180 says: the row path's reader decides what it is.
        """
        if self._native and (found := self._native.columns(block)):
            rows = len(found[self._native.places[0]])
            return Frame(found, rows, again=lambda: super(TypedCsvFrames, self).frame(block))
        if not self._forms or not is_all(text_of(block, len(self._schema)), self._pattern):
            return super().frame(block)
        frame = self.read(block, self._types)
        columns = self.without_empty(frame.get_columns(), block)
        for at in self._moments:
            columns[at] = (
                columns[at].str.slice(0, 19).str.to_datetime(INSTANT, time_unit="us", time_zone="UTC")
            )
        return Frame(columns, frame.height, again=lambda: super(TypedCsvFrames, self).frame(block))

    def _learned(self, kinds: Mapping[int, Kind], first: bytes) -> dict[int, Form]:
        try:
            columns = super().frame(first).columns
        except NotWholeError:
            return {}
        forms = {at: _form(columns[at], kind) for at, kind in kinds.items()}  # type: ignore[arg-type]
        return {at: form for at, form in forms.items() if form}


def _form(cells: pl.Series, kind: Kind) -> Form | None:
    form = None
    match kind:
        case Kind.INTEGER:
            form = Form("(?:0|-?[1-9][0-9]{0,17})", pl.Int64())
        case Kind.NUMBER:
            form = _number(cells)
        case Kind.DATE:
            form = Form(DAY, pl.Date())
        case Kind.DATE_TIME:
            form = Form(MOMENT, pl.String())
    return form if form and all_match(cells, f"^{form.pattern}$") else None


def _number(cells: pl.Series) -> Form | None:
    """Return the form of numbers of about as many digits as these have."""
    size = size_of(cells.str.extract(r"^([^eE]*)"))
    exponent = EXPONENT if cells.str.contains("[eE]").any() else 0
    most = LARGEST_SCALE - exponent
    scale = min(size.scale + (MORE if size.scale > LONG else 0), most)
    if size.scale > most:
        return None
    return Form(
        _number_pattern(Size(PRECISION - scale - exponent, scale), exponent),
        pl.Decimal(PRECISION, scale + exponent),
    )


def _number_pattern(size: Size, exponent: int) -> str:
    fraction = rf"(?:\.[0-9]{{1,{size.scale}}})?" if size.scale else ""
    power = f"(?:[eE]-0?[1-{exponent}])?" if exponent else ""
    return rf"-?(?:0|[1-9][0-9]{{0,{size.whole - 1}}}){fraction}{power}"
