"""The numbers by which the compiled module is told what cells hold and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from struct import pack

from tap_reports.models import Kind

BY_PYTHON = 0x80
"""With a code: Python converts each cell of the column that is not empty."""


class Code(IntEnum):
    """What a cell holds, and how it is written; the numbers are those of speedups.h."""

    SKIPPED = 0
    TEXT = 1
    INTEGER = 2
    NUMBER = 3
    DAY = 4
    INSTANT = 5
    BOOLEAN = 6
    ROW = 7


class Flag(IntFlag):
    """How cells are written; the numbers are those of speedups.h.

    Attributes:
        TAKES_LOCAL: Instants may lack their offset.
        TAKES_THOUSANDS: A number may have separators of thousands: commas.
        IS_LINES: No commas separate the JSON objects.
        IS_MARKED: Cells may begin with a mark of `files.table`.
        DECIMAL_COMMA: Numbers have a decimal comma, and points separate thousands.
    """

    TAKES_LOCAL = 1
    TAKES_THOUSANDS = 2
    IS_LINES = 4
    IS_MARKED = 8
    DECIMAL_COMMA = 16


CODES = {
    Kind.STRING: Code.TEXT,
    Kind.INTEGER: Code.INTEGER,
    Kind.NUMBER: Code.NUMBER,
    Kind.DATE: Code.DAY,
    Kind.DATE_TIME: Code.INSTANT,
    Kind.BOOLEAN: Code.BOOLEAN,
}


def packed(fields: Sequence[tuple[Code, int]]) -> bytes:
    """Return codes, and positions among the wanted columns, as the compiled module takes them."""
    return b"".join(pack("=HH", code, at) for code, at in fields)
