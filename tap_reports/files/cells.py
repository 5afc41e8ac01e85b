"""What a cell means: the kind of a column, and the value of each of its cells, every digit kept.

A cell is text (CSV), or a number or boolean of the file's own type (JSON). A workbook's cells come as text,
with the types of its columns (`Table.kinds`). In every format alike:

- An empty cell is null, and so is one of `file.null_words`. Spaces around a cell count only in `string`.
- `string` is the cell as it stands in the file.
- `number` and `integer` take numbers as people write them, `$1,234.50` and `44%` (see `numbers`). `1.0` is
  an integer.
- `date` and `date-time` take ISO 8601, `Aug 3, 2026` and `file.date_format` (see `days`).
- `boolean` takes true/false, t/f, yes/no and 1/0 in any case.
- Any other cell does not fit (ValueError). A workbook's error cell fits no column.

`infer` is stricter than the converters: a text is a number only where it can be nothing else, so `007`,
`1,250` and `44%` make a `string` column. `plain_columns` and the compiled module convert plain cells faster.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from tap_reports.files.days import day, instant, kind_of_text
from tap_reports.files.numbers import (
    Number,
    NumberStyle,
    number_style,
    number_text,
    stripped_text,
)
from tap_reports.files.table import USUAL, Cell, ErrorCell, Notation, without_excel_guard
from tap_reports.models import Kind

Value = str | int | Decimal | bool | None
Converter = Callable[[Cell], Value]

MAX_INTEGER_DIGITS = 4300
"""Python writes no longer integers."""

_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}


def converter(kind: Kind, zone: dt.tzinfo = dt.UTC, notation: Notation = USUAL) -> Converter:
    """Return the function that turns a cell into a value of a kind.

    Args:
        kind: The column's kind.
        zone: Time zone of instants that name none.
        notation: How the cells are written.

    Returns:
        A function that raises ValueError for a cell that does not fit. Its values: text for
        `string`, `date` (`YYYY-MM-DD`) and `date-time` (RFC 3339), `int`, `Number`, `bool`; or None.
    """
    converters: dict[Kind, Converter] = {
        Kind.STRING: string,
        Kind.NUMBER: lambda cell: number(cell, notation),
        Kind.INTEGER: lambda cell: integer(cell, notation),
        Kind.BOOLEAN: boolean,
        Kind.DATE: lambda cell: day(cell, notation),
        Kind.DATE_TIME: lambda cell: instant(cell, zone, notation),
    }
    convert, words = converters[kind], notation.null_words
    if not words:
        return convert
    return lambda cell: None if isinstance(cell, str) and cell.strip() in words else convert(cell)


def string(cell: Cell) -> str | None:
    """Return a cell as text, as it stands in the file."""
    if isinstance(cell, str):
        cell = without_excel_guard(cell)
        # JSON can spell half of a surrogate pair, which no UTF-8 output can hold.
        return (cell if cell.isascii() else cell.encode("utf-8", "replace").decode()) or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, ErrorCell):
        raise ValueError("no value")  # noqa: TRY004  # as for any cell that does not fit
    return str(cell)


def number(cell: Cell, notation: Notation = USUAL) -> Number | None:
    """Return a cell as a number with all its digits."""
    text = number_text(cell, notation)
    return None if text is None else Number(text)


def integer(cell: Cell, notation: Notation = USUAL) -> int | None:
    """Return a cell as an integer; `1.0` and `1e3` are integers."""
    if isinstance(cell, str) and _PLAIN_INTEGER.fullmatch(cell):
        return int(cell)
    text = number_text(cell, notation)
    if text is None:
        return None
    value = Decimal(text)
    if value.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError("too many digits")
    whole = int(value)
    if whole != value:
        raise ValueError("not an integer")
    return whole


def boolean(cell: Cell) -> bool | None:
    """Return a cell as a boolean: true/false, t/f, yes/no, 1/0 in any case."""
    if isinstance(cell, bool):
        return cell
    text = stripped_text(cell).lower()
    if not text:
        return None
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise ValueError("not a boolean") from None


def remedy(kind: Kind, cell: Cell) -> str:
    """Return what would help with a cell that does not fit a kind, or is empty and must not be."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return (
            "If the row is a sum at the end of the file, set file.footer_rows; else correct the report's "
            '"primary_keys", or "invalid_values": "null" leaves the row out.'
        )
    null = 'load null with "invalid_values": "null"'
    if isinstance(cell, ErrorCell):
        return f"Ask the vendor for a workbook whose formulas have values, or {null}."
    steps = ["correct the column's type in the report's \"columns\""]
    if isinstance(cell, str):
        if not any(map(str.isdigit, cell)):
            steps.insert(0, "name it in file.null_words if it means null")
            steps.insert(0, "set file.footer_rows if the row is a sum at the end of the file")
        elif kind in {Kind.INTEGER, Kind.NUMBER} and _fits_with_a_separator(kind, cell):
            steps.insert(0, "say in file.decimal_separator whether its numbers have a decimal comma or point")
        elif kind in {Kind.DATE, Kind.DATE_TIME}:
            steps.insert(0, "say in file.date_format how its dates are written")
    text = ", ".join([*steps, f"or {null}."])
    return f"{text[0].upper()}{text[1:]}"


def _fits_with_a_separator(kind: Kind, cell: str) -> bool:
    """Return whether a cell that does not fit a kind would do so with a decimal separator set."""
    for separator in (".", ","):
        with contextlib.suppress(ValueError):
            return converter(kind, notation=Notation(decimal_separator=separator))(cell) is not None
    return False


Evidence = tuple[Kind, NumberStyle | None]
"""The kind that one cell fits, and how its text is written if that may be a number."""

_OTHER_TEXT: Evidence = (Kind.STRING, None)
_TEXT_WITH_DECIMAL_COMMA: Evidence = (Kind.STRING, NumberStyle.DECIMAL_COMMA)
_WITH_DECIMAL_POINT: Evidence = (Kind.NUMBER, NumberStyle.DECIMAL_POINT)
_MAYBE_WITH_THOUSANDS: Evidence = (Kind.NUMBER, NumberStyle.ONE_POINT_THREE_DIGITS)
_NUMBERS = {(Kind.NUMBER, NumberStyle.DIGITS), _WITH_DECIMAL_POINT, _MAYBE_WITH_THOUSANDS}
_KINDS = {
    bool: Kind.BOOLEAN,
    # Never integer: a 68.5 among tomorrow's scores must not stop the run.
    int: Kind.NUMBER,
    Number: Kind.NUMBER,
}


def infer(
    rows: Iterable[list[Cell]],
    width: int,
    *,
    numbers_in_text: bool = True,
    notation: Notation = USUAL,
    known: Sequence[Kind | None] = (),
) -> list[Kind]:
    """Return the kind of each column, in one pass over the rows and constant memory.

    Args:
        rows: Rows of `width` cells.
        width: Number of columns.
        numbers_in_text: Text that is a number counts as one. True for CSV, which has only text; in JSON and
            workbooks, a number written as text was meant as text.
        notation: How the cells are written.
        known: Kinds that need no look at the cells.

    Returns:
        The kind that all cells of a column fit; `string` where they differ or there are none.
    """
    if known and None not in known:
        return [kind for kind in known if kind]
    columns: list[set[Evidence]] = [set() for _ in range(width)]
    for row in rows:
        for cell, seen in zip(row, columns, strict=True):
            if cell is None or _OTHER_TEXT in seen or isinstance(cell, ErrorCell):
                continue
            if not isinstance(cell, str):
                seen.add((_KINDS[type(cell)], None))
            elif cell.strip() not in notation.null_words:
                seen.add(_text_evidence(cell.strip(" "), notation, numbers_in_text=numbers_in_text))
    has_commas = notation.decimal_separator is None and any(
        _TEXT_WITH_DECIMAL_COMMA in seen and _OTHER_TEXT not in seen for seen in columns
    )
    return [
        kind or _kind(seen, has_commas=has_commas)
        for kind, seen in zip(known or [None] * width, columns, strict=True)
    ]


def _text_evidence(cell: str, notation: Notation, *, numbers_in_text: bool) -> Evidence:
    style = number_style(cell, notation.decimal_separator)
    is_comma = style is NumberStyle.DECIMAL_COMMA
    if style and not is_comma and numbers_in_text:
        return Kind.NUMBER, style
    if kind := kind_of_text(cell, notation.date_format):
        return kind, None
    return _TEXT_WITH_DECIMAL_COMMA if is_comma else _OTHER_TEXT


def _kind(seen: set[Evidence], *, has_commas: bool) -> Kind:
    if seen and seen <= _NUMBERS:
        is_unclear = has_commas and _MAYBE_WITH_THOUSANDS in seen and _WITH_DECIMAL_POINT not in seen
        return Kind.STRING if is_unclear else Kind.NUMBER
    return seen.pop()[0] if len(seen) == 1 else Kind.STRING
