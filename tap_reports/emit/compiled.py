"""Blocks of CSV or JSON -> cells, by the compiled module; what it refuses goes through the converters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import pack
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_reports import speedups
from tap_reports.emit.plan import Tally, bounds, offset_of, sources
from tap_reports.files.cells import converter
from tap_reports.files.csv_ import marked_cell
from tap_reports.files.days import compiled_format
from tap_reports.files.json_rows import JsonTable
from tap_reports.files.json_values import value_cell
from tap_reports.files.table import CsvTable
from tap_reports.models import Kind
from tap_reports.models.columns import ROW
from tap_reports.speedups import Cells, JsonKeys
from tap_reports.speedups.codes import BY_PYTHON, CODES, Code, Flag, packed

if TYPE_CHECKING:
    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.files.table import Notation, Table

MAX_CELLS = 1 << 20
"""Cells that are found at once: 8 MiB. A block of JSON may have more, where objects leave out most keys."""
REMEMBERED = 1 << 15
"""Converted cells of a column that are remembered. Days and amounts come again and again."""


DATES = frozenset({Code.DAY | BY_PYTHON, Code.INSTANT | BY_PYTHON})


class Found(NamedTuple):
    """The rows of a block, or some of them.

    Attributes:
        cells: Of the records.
        rows: How many rows of the file they were.
        records: How many records are left of these.
        end: Where in the block they end.
        tally: Counts of its rows.
    """

    cells: Cells
    rows: int
    records: int
    end: int
    tally: Tally


class CompiledTable:
    """Finds the cells of the blocks of one table; several threads may use it.

    Args:
        table: CSV or JSON.
        plan: What to emit.
        context: Where the rows come from.

    Attributes:
        fields: What differs from row to row, as the compiled module takes it.
        constants: For each field whether it is not among these.
        zone: Offset of instants that have none.
    """

    def __init__(self, table: CsvTable | JsonTable, plan: EmitPlan, context: SliceContext) -> None:
        self._table = table
        self._plan = plan
        self._bounds = bounds(context)
        positions = sources(plan.fields, table.header)
        kinds = {at: field.kind for field, at in zip(plan.fields, positions, strict=True) if at is not None}
        self._columns = sorted(kinds)
        self._at = {position: at for at, position in enumerate(self._columns)}
        self._fields = [
            (field, self._at[position])
            for field, position in zip(plan.fields, positions, strict=True)
            if position is not None
        ]
        zone = offset_of(plan.zone)
        self.zone = (zone or "").encode()
        self._flags = self._flags_of(table, is_local=zone is not None)
        self._codes = [code_of(kinds[position], plan.notation) for position in self._columns]
        self._date_format = self._compiled_format()
        self._converters = [self._converter(kinds[position]) for position in self._columns]
        self._caches: list[dict[str, Any]] = [{} for _ in self._columns]
        self._find = self._json_finder(table) if isinstance(table, JsonTable) else self._csv_finder(table)
        self.fields, self.constants = self._written(positions)

    @classmethod
    def of(cls, table: Table, plan: EmitPlan, context: SliceContext) -> CompiledTable | None:
        """Return what finds a table's cells; None if it must be read in Python."""
        if isinstance(table, CsvTable):
            is_taken = speedups.takes_csv(len(table.header), table.delimiter)
        else:
            is_taken = isinstance(table, JsonTable) and table.objects.is_plain and bool(table.objects.spelled)
        kinds: dict[int, set[Kind]] = {}
        for field, position in zip(plan.fields, sources(plan.fields, table.header), strict=True):
            if position is not None:
                kinds.setdefault(position, set()).add(field.kind)
        if (
            not is_taken
            or len(kinds) > speedups.MAX_COLUMNS
            or any(len(several) > 1 for several in kinds.values())
        ):
            return None
        return cls(table, plan, context)  # type: ignore[arg-type]

    def find(self, block: bytes, start: int = 0) -> Found | None:
        """Return the rows of a block from an offset on; None if Python must read it.

        Under `invalid_values: fail` Python also reads the block with the first cell that does not fit.
        """
        cells = self._find(block, start)
        if cells is None:
            return None
        tally = Tally()
        if cells.refused and not self._convert(cells, tally):
            return None
        records = cells.rows
        for field, at in self._fields:
            if field.required and (dropped := speedups.drop_nulls(cells, at)):
                if self._plan.invalid_values == "fail":
                    return None
                tally.left_out[field.property] += dropped
                records -= dropped
        self._note_days(cells, tally)
        return Found(cells, cells.rows, records, cells.end, tally)

    def _convert(self, cells: Cells, tally: Tally) -> bool:
        """Convert what was refused. Returns whether all of it is settled."""
        nulled: Counter[int] = Counter()
        for at, (refused, cache) in enumerate(zip(cells.refused, self._caches, strict=True)):
            is_date = refused and self._date_format and self._codes[at] in DATES
            count = speedups.dates(cells, at, self._date_format) if is_date else refused
            if not count:
                continue
            if len(cache) > REMEMBERED:
                cache.clear()
            nulled[at] = speedups.convert(cells, at, cache, self._converters[at])
            tally.by_python[self._name(at)] += count
            if nulled[at] and self._plan.invalid_values == "fail":
                return False
        for field, at in self._fields:
            if nulled[at] and not field.required:
                tally.nulled[field.property] += nulled[at]
        return True

    def _note_days(self, cells: Cells, tally: Tally) -> None:
        for field, at in self._fields:
            if field.property == self._plan.dated_by and field.kind in {Kind.DATE, Kind.DATE_TIME}:
                days = speedups.days(cells, at, *self._bounds)
                tally.first_day, tally.last_day, tally.dated, tally.outside = days

    def _compiled_format(self) -> bytes:
        """Return the user's format of dates; empty where the compiled module can't read it."""
        notation = self._plan.notation
        if notation.date_format is None or notation.null_words or not self._flags & Flag.TAKES_LOCAL:
            return b""
        return compiled_format(notation.date_format) or b""

    def _name(self, at: int) -> str:
        return next(field.property for field, position in self._fields if position == at)

    def _converter(self, kind: Kind) -> Callable[[str], bytes | None]:
        """Return what makes the text of a cell that was refused."""
        convert = converter(kind, self._plan.zone, self._plan.notation)
        is_marked = isinstance(self._table, CsvTable) and self._table.is_marked
        read = value_cell if isinstance(self._table, JsonTable) else marked_cell if is_marked else str

        def text(cell: str) -> bytes | None:
            try:
                value = convert(read(cell))
            except ValueError:
                return None
            if isinstance(value, bool):
                return b"true" if value else b"false"
            return b"" if value is None else str(value).encode()

        return text

    def _flags_of(self, table: Table, *, is_local: bool) -> Flag:
        notation, flags = self._plan.notation, Flag(0)
        if notation.takes_lone_comma or notation.decimal_separator:
            flags |= Flag.TAKES_THOUSANDS
        if notation.decimal_separator == ",":
            flags |= Flag.DECIMAL_COMMA
        if is_local:
            flags |= Flag.TAKES_LOCAL
        if isinstance(table, JsonTable) and table.objects.is_lines:
            flags |= Flag.IS_LINES
        if isinstance(table, CsvTable) and table.is_marked:
            flags |= Flag.IS_MARKED
        return flags

    def _csv_finder(self, table: CsvTable) -> Callable[[bytes, int], Cells | None]:
        codes = bytearray(len(table.header))
        for position, code in zip(self._columns, self._codes, strict=True):
            codes[position] = code
        plain, delimiter, flags = bytes(codes), table.delimiter, self._flags
        header = next(((at, cell) for at, cell in enumerate(table.first_cells) if cell), (-1, ""))
        return lambda block, _: speedups.csv_cells(block, delimiter, plain, flags, header)

    def _json_finder(self, table: JsonTable) -> Callable[[bytes, int], Cells | None]:
        spelled = table.objects.spelled
        codes = [self._codes[self._at[at]] if at in self._at else 0 for at in spelled.values()]
        columns = b"".join(pack("=H", self._at.get(at, 0)) for at in spelled.values())
        keys = JsonKeys(tuple(spelled), bytes(codes), columns, bytes(self._codes))
        most = max(1, MAX_CELLS // max(1, len(self._columns)))
        flags = self._flags
        return lambda block, start: speedups.json_cells(block, start, keys, most, flags)

    def _written(self, positions: list[int | None]) -> tuple[bytes, list[bool]]:
        fields: list[tuple[Code, int]] = []
        constants = []
        for field, position in zip(self._plan.fields, positions, strict=True):
            constants.append(position is None and field.lineage != ROW)
            if position is not None:
                fields.append((CODES[field.kind], self._at[position]))
            elif field.lineage == ROW:
                fields.append((Code.ROW, 0))
        return packed(fields), constants


def code_of(kind: Kind, notation: Notation) -> int:
    """Return the code of a column; Python converts all its cells where the notation is not the usual one."""
    is_by_python = bool(notation.null_words) or (
        notation.date_format is not None and kind in {Kind.DATE, Kind.DATE_TIME}
    )
    return CODES[kind] | (BY_PYTHON if is_by_python else 0)
