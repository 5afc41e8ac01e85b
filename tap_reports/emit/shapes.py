"""What text columns must look like to pass as they stand: the text that the row path would write."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import polars as pl

from tap_reports.emit.patterns import DAY, INTEGER, NUMBER, OFFSET, TIME
from tap_reports.emit.plan import offset_of
from tap_reports.models import Kind

ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
"""Characters as they are written within a JSON string, the backslash first."""
ESCAPED = r'["\\\x00-\x1f]'
RARELY_ESCAPED = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"


class Text(NamedTuple):
    """A column's JSON text: what is the same in all rows, what is not, what is the same again."""

    before: str = ""
    column: pl.Expr | None = None
    after: str = ""

    def with_nulls(self, column: pl.Series) -> Text:
        """Return the text of a column that may hold nulls."""
        if not column.null_count() or self.column is None:
            return self
        filled = pl.concat_str(pl.lit(self.before), self.column, pl.lit(self.after)).fill_null("null")
        return Text(column=filled)

    def bare(self) -> pl.Expr | None:
        """Return the column without JSON's quotes."""
        before, after = self.before.strip('"'), self.after.strip('"')
        if self.column is None or not (before or after):
            return self.column
        return pl.concat_str(pl.lit(before), self.column, pl.lit(after))


class Shape(NamedTuple):
    """How a text column becomes JSON text, provided that `check` (an expression on it) says true."""

    check: pl.Expr
    text: Text


def shape_of(column: pl.Series, kind: Kind, zone: dt.tzinfo) -> Shape | None:
    """Return how a column becomes JSON text if its cells are that already, quotes and escapes aside."""
    cells = pl.col(column.name)
    match kind:
        case Kind.STRING:
            return _escaped(column)
        case Kind.DATE_TIME:
            return _instants(column, zone)
        case Kind.INTEGER | Kind.NUMBER | Kind.DATE:
            pattern = {Kind.INTEGER: INTEGER, Kind.NUMBER: NUMBER, Kind.DATE: DAY}[kind]
            return Shape(cells.str.contains(f"^{pattern}$").all(), quoted(cells, kind))
    return None


def quoted(cells: pl.Expr, kind: Kind) -> Text:
    """Return cells that need no escapes as JSON text."""
    quote = "" if kind in {Kind.INTEGER, Kind.NUMBER} else '"'
    return Text(quote, cells, quote)


def all_match(column: pl.Series, pattern: str) -> bool:
    """Tell whether a pattern fits all cells that are not null."""
    return bool(column.str.contains(pattern).all())


def _instants(column: pl.Series, zone: dt.tzinfo) -> Shape | None:
    """Return instants that are all written as the first one is."""
    first = column.drop_nulls().item(0)
    separator = first[10:11]
    if separator not in {"T", " "}:
        return None
    ending, after = OFFSET, '"'
    if first.endswith("Z"):
        ending, after = "Z", '+00:00"'
    elif "+" not in first[10:] and "-" not in first[10:]:
        offset = offset_of(zone)
        if offset is None:
            return None
        ending, after = "", f'{offset}"'
    cells = pl.col(column.name)
    check = cells.str.contains(f"^{DAY}{separator}{TIME}{ending}$").all()
    if separator == " ":
        cells = cells.str.replace(" ", "T", literal=True)
    return Shape(check, Text('"', cells.str.strip_suffix("Z") if ending == "Z" else cells, after))


def _escaped(column: pl.Series) -> Shape | None:
    """Return texts as they stand within JSON's quotes."""
    cells = pl.col(column.name)
    if column.str.contains(ESCAPED).any():
        for character, written in ESCAPES.items():
            cells = cells.str.replace_all(character, written, literal=True)
    return Shape(~pl.col(column.name).str.contains(RARELY_ESCAPED).any(), quoted(cells, Kind.STRING))
