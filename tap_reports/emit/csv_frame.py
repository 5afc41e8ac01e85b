"""Blocks of CSV records -> columns of text, where a block is plainly well-formed.

One pattern says of a whole block that each record has all its cells, properly quoted, and that the cells of
typed columns are what the column path may pass as they stand: one look at each byte instead of two dozen
at each cell. A column that once was otherwise is looked at alone from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tap_reports.emit.columnar import Frame, NotWholeError
from tap_reports.emit.patterns import DAY, NUMBER
from tap_reports.emit.shapes import all_match
from tap_reports.models import Kind

WIDEST = 256
"""Columns up to which one pattern is small enough."""
TYPED = {
    Kind.INTEGER: "(?:0|-?[1-9][0-9]{0,17})",
    Kind.NUMBER: NUMBER,
    Kind.DATE: DAY,
    Kind.STRING: r"[^\"\\\x00-\x1f]+",
}
"""Cells that stand in JSON as they are, quotes aside."""


class CsvFrames:
    """Parses the blocks of one CSV table; several threads may use it.

    Args:
        kinds: The kind of each wanted column, by position.
        width: Number of columns.
        delimiter: One character.
    """

    def __init__(self, kinds: Mapping[int, Kind], width: int, delimiter: str) -> None:
        self._delimiter = delimiter
        self._between = {"\t": r"\t", "|": r"\|"}.get(delimiter, delimiter)
        self._schema: dict[str, pl.DataType] = {str(position): pl.String() for position in range(width)}
        # An empty cell in a single column is a blank line, which is no row; so nothing is typed there.
        self._typed = {at: kind for at, kind in kinds.items() if kind in TYPED and width > 1}
        self._any = self.records({})

    def frame(self, block: bytes) -> Frame:
        """Parse a block of whole records.

        Raises:
            NotWholeError: It is not just what RFC 4180 says: the row path's reader decides what it is.
        """
        text = text_of(block, len(self._schema))
        typed = dict(self._typed)
        if not typed or not is_all(text, self.records({at: TYPED[kind] for at, kind in typed.items()})):
            if not is_all(text, self._any):
                raise NotWholeError
            typed = {}
        columns = self.without_empty(self.read(block, self._schema).get_columns(), block, typed)
        if not typed and self._typed:
            typed = self._loosened(columns)
        return Frame(columns, len(columns[0]), typed.keys())

    def read(self, block: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Parse a block that is known to be well-formed."""
        try:
            return pl.read_csv(block, has_header=False, schema=schema, separator=self._delimiter)
        except pl.exceptions.PolarsError as error:
            raise NotWholeError from error

    def without_empty(
        self, columns: list[pl.Series], block: bytes, known: Mapping[int, Kind] | None = None
    ) -> list[pl.Series]:
        """Return columns with null for each quoted empty cell, which those that are known can't have."""
        if b'""' not in block:
            return columns
        return [one if at in (known or ()) else _without_empty(one) for at, one in enumerate(columns)]

    def records(self, typed: Mapping[int, str]) -> str:
        """Return the pattern of whole records. `typed`: patterns of the cells of some columns."""
        width, between = len(self._schema), self._between
        bare = rf'[^"{between}\n\r\x00]{"*" if width > 1 else "+"}'
        any_cell = rf'(?:"(?:[^"\x00]|"")*"|{bare})'
        cells = [_cell(typed[at], between) if at in typed else any_cell for at in range(width)]
        return rf"^(?:{between.join(cells)}\r?\n)*$"

    def _loosened(self, columns: Sequence[pl.Series]) -> dict[int, Kind]:
        """Look at each typed column alone and leave those out, from now on, that do not fit their pattern."""
        typed = {at: kind for at, kind in self._typed.items() if all_match(columns[at], f"^{TYPED[kind]}$")}
        self._typed = {at: kind for at, kind in self._typed.items() if at in typed}
        return typed


def text_of(block: bytes, width: int) -> pl.Series:
    """Return a block of so many columns as one text that ends with a line break.

    Raises:
        NotWholeError: It is no UTF-8, or too wide.
    """
    # polars would take a byte order mark at the beginning for one of the file.
    if width > WIDEST or block.startswith(b"\xef\xbb\xbf"):
        raise NotWholeError
    whole = block if block.endswith(b"\n") else block + b"\n"
    try:
        return pl.Series([whole], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError as error:  # no UTF-8
        raise NotWholeError from error


def is_all(text: pl.Series, pattern: str) -> bool:
    """Tell whether a pattern fits the only cell of `text`."""
    return bool(text.str.contains(pattern).item())


def _cell(pattern: str, between: str) -> str:
    """Return the pattern of a typed cell, bare or quoted or empty."""
    bare = rf'[^"{between}\\\x00-\x1f]+' if pattern == TYPED[Kind.STRING] else pattern
    return f'(?:{bare}|"{pattern}")?'


def _without_empty(column: pl.Series) -> pl.Series:
    return column.replace("", None) if column.dtype == pl.String and (column == "").any() else column
