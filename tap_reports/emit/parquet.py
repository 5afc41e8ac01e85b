"""Frames of text -> the typed columns of a Parquet file.

Integers are 64 bits, or text where one is larger. Numbers are decimals of as many digits behind the point
as the file's longest, so nothing is rounded; text where that would take more than 38 digits. Dates are
dates; instants are in UTC with microseconds, as databases hold them. What does not fit stays the text that
it is in the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from tap_reports.models import Kind

PRECISION = 38
"""Digits of a Parquet decimal."""
INSTANT = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file.

    Attributes:
        frame: A column for each property: JSON text (text as it is, numbers and booleans as JSON has them),
            or values.
        texts: Makes the same rows as text.
    """

    frame: pl.DataFrame
    texts: Callable[[], pl.DataFrame]

    def cut(self, count: int) -> tuple[Piece, Piece]:
        """Return the first rows, and the others."""
        texts = self.texts
        return (
            Piece(self.frame.slice(0, count), lambda: texts().slice(0, count)),
            Piece(self.frame.slice(count), lambda: texts().slice(count)),
        )


class Size(NamedTuple):
    """Digits of a column's numbers before the point and behind it, the most of each."""

    whole: int
    scale: int


def typed_frame(pieces: Sequence[Piece], kinds: Mapping[str, Kind]) -> pl.DataFrame:
    """Return all rows of a file, typed."""
    types = pieces[0].frame.dtypes
    if any(piece.frame.dtypes != types for piece in pieces):
        return pl.DataFrame([_column(pieces, name, kind) for name, kind in kinds.items()])
    whole = pl.concat([piece.frame for piece in pieces])
    texts = [name for name, type_ in whole.schema.items() if type_ == pl.String and kinds[name] in _TYPED]
    return whole.with_columns(typed_column(whole[name], kinds[name]) for name in texts) if texts else whole


def _column(pieces: Sequence[Piece], name: str, kind: Kind) -> pl.Series:
    parts = [piece.frame[name] for piece in pieces]
    types = {part.dtype for part in parts}
    if len(types) > 1:
        parts = [typed_column(part, kind) for part in parts]
        types = {part.dtype for part in parts}
        scales = [type_.scale for type_ in types if isinstance(type_, pl.Decimal)]
        if len(scales) == len(types):
            parts = [
                _unless_lost(part, part.cast(pl.Decimal(PRECISION, max(scales)), strict=False))
                for part in parts
            ]
            types = {part.dtype for part in parts}
        if len(types) > 1:
            parts = [piece.texts()[name] for piece in pieces]
    return typed_column(pl.concat(parts), kind)


def typed_column(texts: pl.Series, kind: Kind) -> pl.Series:
    """Return JSON texts as values of a kind; values as they are."""
    make = _TYPED.get(kind)
    return texts if make is None or texts.dtype != pl.String else make(texts)


def size_of(numbers: pl.Series) -> Size:
    """Return the size of JSON numbers without exponent; a sign may count as a digit."""
    length, point = numbers.str.len_bytes(), numbers.str.find(".", literal=True)
    before = pl.select(pl.coalesce(point, length)).to_series()
    return Size(_most(before), _most(length - point - 1))


def _most(counts: pl.Series) -> int:
    return int(counts.max() or 0)  # type: ignore[arg-type]


def _unless_lost(texts: pl.Series, values: pl.Series) -> pl.Series:
    """Return the values, or the texts if one of them could not be read."""
    return values if values.null_count() == texts.null_count() else texts


def _instants(texts: pl.Series) -> pl.Series:
    if texts.str.ends_with("+00:00").all():
        # One fixed form is read in a third of the time.
        values = texts.str.to_datetime(f"{INSTANT}+00:00", time_unit="us", strict=False).dt.replace_time_zone(
            "UTC"
        )
        if values.null_count() == texts.null_count():
            return values
    instants = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return _unless_lost(texts, instants)


def _decimals(texts: pl.Series) -> pl.Series:
    has_exponent = texts.str.contains("[eE]")
    sizes = [size_of(texts.filter(~has_exponent))]
    sizes += [_size(text) for text in texts.filter(has_exponent).unique()]
    whole, scale = max(size.whole for size in sizes), max(size.scale for size in sizes)
    if whole + scale > PRECISION + 1:  # one may be a sign
        return texts
    return _unless_lost(texts, texts.cast(pl.Decimal(PRECISION, min(scale, PRECISION)), strict=False))


def _size(text: str) -> Size:
    """Return the size of a number with exponent, written without one."""
    value = Decimal(text)
    digits = len(value.as_tuple().digits)
    last = value.adjusted() - digits + 1
    return Size(max(value.adjusted() + 1, 1), max(-last, 0))


def _integers(texts: pl.Series) -> pl.Series:
    return _unless_lost(texts, texts.cast(pl.Int64, strict=False))


def _booleans(texts: pl.Series) -> pl.Series:
    return _unless_lost(texts, texts.replace_strict({"true": True, "false": False}, default=None))


def _dates(texts: pl.Series) -> pl.Series:
    return _unless_lost(texts, texts.str.to_date("%Y-%m-%d", strict=False))


_TYPED = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _decimals,
    Kind.BOOLEAN: _booleans,
    Kind.DATE: _dates,
    Kind.DATE_TIME: _instants,
}
