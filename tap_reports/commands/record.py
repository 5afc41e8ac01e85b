"""`--record`: a report file cut to what others may see of it: its header, and the shape of one row."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import ConfigError, FileError
from tap_reports.files.numbers import Number, is_json_number
from tap_reports.http.record import Recorder, recording
from tap_reports.http.shareable import header_texts, masked
from tap_reports.models import Kind

if TYPE_CHECKING:
    from tap_reports.files.table import Table

MOST_HEAD = 100
_WORDS = re.compile(rb"[A-Za-z][A-Za-z ,.']*")
_NO_DATA = re.compile(
    r"no (?:data|results?|records?|rows)(?: (?:returned|found|available))?\.?", re.IGNORECASE
)
LOOKED_AT = 50
"""Rows in which a cell is looked for."""
RECORDS = ("Records", "Clicks")
TYPES: Mapping[Kind, Callable[[str], Any]] = {
    Kind.NUMBER: Number,
    Kind.BOOLEAN: "true".__eq__,
    Kind.DATE: dt.date.fromisoformat,
    Kind.DATE_TIME: dt.datetime.fromisoformat,
}


def recorded(path: Path, version: str) -> AbstractContextManager[None]:
    """Return a context whose calls are recorded in a file.

    Raises:
        ConfigError: The file can't be written.
    """
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(
            [f"--record {path}: can't be written ({error.strerror}); check the path."]
        ) from error
    return recording(path, Recorder(version, cut))


def cut(path: Path) -> dict[str, Any]:
    """Return a file's tables without their rows: `{"format", "sheets": [{"sheet", "header", "row"}]}`.

    Of what can't be read as a report only this is said: `{"format": "html"}`, a message with its `text`.
    """
    from tap_reports.files.tables import tables
    from tap_reports.models import Layout, ReportFile

    with tempfile.TemporaryDirectory() as folder:
        try:
            found = list(
                tables(ReportFile(path=path, job_id=""), Layout(records=RECORDS), work_dir=Path(folder))
            )
            return {
                "format": str(found[0].format) if found else "empty",
                "sheets": [
                    {"sheet": table.sheet, "header": header_texts(table.header), "row": _row(table)}
                    for table in found
                ],
            }
        except FileError:
            return _beginning(path)


def _row(table: Table) -> list[Any] | None:
    """Return the shape of a row: in each column the first cell that is not empty. None without rows."""
    rows: list[list[Any]] = []
    with contextlib.suppress(FileError, OSError, ValueError, EOFError):  # the file may be cut short
        rows.extend(itertools.islice(table.rows(), LOOKED_AT))
    if not rows:
        return None
    kinds = table.kinds or [None] * len(table.header)
    return [_shape(_typed(next(_filled(rows, at), None), kind)) for at, kind in enumerate(kinds)]


def _filled(rows: Sequence[Sequence[Any]], at: int) -> Iterator[Any]:
    """Yield the cells of a column that are not empty: words first, then other texts that are not numbers."""
    cells = [row[at] for row in rows if at < len(row) and row[at] not in (None, "")]
    texts = [cell for cell in cells if isinstance(cell, str) and not is_json_number(cell)]
    yield from (cell for cell in texts if any(map(str.isalpha, cell)))
    yield from texts
    yield from cells


def _typed(cell: Any, kind: Kind | None) -> Any:
    """Return a cell that a table holds as text though its file has types, as a cell of its column's type."""
    as_type = TYPES.get(kind) if kind and isinstance(cell, str) else None
    return as_type(cell) if as_type else cell


def _shape(cell: Any) -> Any:
    """Return the shape of a cell, as JSON; a day or a time of a workbook as an object that says so."""
    if isinstance(cell, dt.datetime):
        return {"date-time": cell.isoformat()}
    if isinstance(cell, dt.date):
        return {"date": cell.isoformat()}
    if isinstance(cell, dt.timedelta):
        return {"seconds": 60}
    if isinstance(cell, bool) or cell is None:
        return cell
    if isinstance(cell, int | Decimal):
        number = Decimal(masked(format(cell, "f")))
        return int(number) if number == number.to_integral_value() else float(number)
    return masked(str(cell))


def _beginning(path: Path) -> dict[str, str]:
    """Return what a file that is not a report is. Words are a message, such as `No data returned`."""
    with path.open("rb") as file:
        head = file.read(MOST_HEAD).strip()
    if _WORDS.fullmatch(head):
        text = head.decode()  # of somebody's, unless it says that there is nothing
        return {"format": "words", "text": text if _NO_DATA.fullmatch(text) else masked(text)}
    if head.startswith(b"<"):
        return {"format": "html" if b"html" in head.lower() else "xml"}
    return {"format": "json" if head.startswith((b"{", b"[")) else "unknown"}
