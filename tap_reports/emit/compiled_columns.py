"""Blocks of CSV -> typed columns by the compiled module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tap_reports import speedups
from tap_reports.speedups import Code


@dataclass(frozen=True, slots=True)
class CompiledColumns:
    """Parses the blocks of one table.

    Attributes:
        delimiter: One character.
        codes: What the cells of each column must be.
        places: Positions of the wanted columns.
        fields: The same, packed.
        scales: How many of a decimal's digits are behind the point, for each of them.
    """

    delimiter: str
    codes: bytes
    places: list[int]
    fields: bytes
    scales: bytes

    def columns(self, block: bytes) -> Sequence[pl.Series | Sequence[Any]] | None:
        """Return the columns of a block, empty where one is not wanted; None if the block is refused."""
        cells = speedups.csv_cells(block, self.delimiter, self.codes, takes_local=False)
        made = cells and speedups.columns(cells, self.fields, self.scales)
        if not made:
            return None
        columns: list[pl.Series | Sequence[Any]] = [()] * len(self.codes)
        for place, column in zip(self.places, pl.DataFrame(made), strict=True):
            columns[place] = column
        return columns


def compiled_columns(
    types: Mapping[int, pl.DataType | None], width: int, delimiter: str
) -> CompiledColumns | None:
    """Return a parser into columns of these types; None if polars must read them.

    Args:
        types: Of each wanted column, by position; text, unless it is an instant, has none.
        width: Number of columns.
        delimiter: One character.
    """
    if not types or not speedups.takes_csv(width, delimiter):
        return None
    places = sorted(types)
    codes = bytearray(width)
    for place in places:
        codes[place] = _code(types[place])
    scales = bytes(one.scale if isinstance(one := types[place], pl.Decimal) else 0 for place in places)
    fields = speedups.packed([(Code(codes[place]), at) for at, place in enumerate(places)])
    return CompiledColumns(delimiter, bytes(codes), places, fields, scales)


def _code(type_: pl.DataType | None) -> Code:
    match type_:
        case pl.Int64():
            return Code.INTEGER
        case pl.Decimal():
            return Code.NUMBER
        case pl.Date():
            return Code.DAY
        case pl.String():
            return Code.MOMENT
    return Code.TEXT
