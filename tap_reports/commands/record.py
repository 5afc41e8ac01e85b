"""`--record`: a report file is cut to what others may see: its header, and the shape of one row."""

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

MAX_HEAD_BYTES = 100
_WORDS = re.compile(rb"[A-Za-z][A-Za-z ,.']*")
_NO_DATA = re.compile(
    r"no (?:data|results?|records?|rows)(?: (?:returned|found|available))?\.?", re.IGNORECASE
)
MAX_SEARCHED_ROWS = 50
"""The first rows of a file, in which a cell that is not empty is searched for each column."""
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

    A file that is not a report becomes `{"format": "html"}`, a message `{"format": "words", "text"}`.
    """
    from tap_reports.files.tables import tables
    from tap_reports.models import Layout, ReportFile

    with tempfile.TemporaryDirectory() as folder:
        try:
            sheets = list(
                tables(ReportFile(path=path, job_id=""), Layout(records=RECORDS), work_dir=Path(folder))
            )
            return {
                "format": str(sheets[0].format) if sheets else "empty",
                "sheets": [
                    {"sheet": table.sheet, "header": header_texts(table.header), "row": _row(table)}
                    for table in sheets
                ],
            }
        except FileError:
            return _kind_of_other_file(path)


def _row(table: Table) -> list[Any] | None:
    """Return the shape of a row, from the first cell of each column that is not empty. None without rows."""
    rows: list[list[Any]] = []
    with contextlib.suppress(FileError, OSError, ValueError, EOFError):  # the file may be cut short
        rows.extend(itertools.islice(table.rows(), MAX_SEARCHED_ROWS))
    if not rows:
        return None
    kinds = table.kinds or [None] * len(table.header)
    return [_shape(_typed(next(_cells(rows, at), None), kind)) for at, kind in enumerate(kinds)]


def _cells(rows: Sequence[Sequence[Any]], at: int) -> Iterator[Any]:
    """Yield a column's cells that are not empty: words first, then other texts, then numbers."""
    cells = [row[at] for row in rows if at < len(row) and row[at] not in (None, "")]
    texts = [cell for cell in cells if isinstance(cell, str) and not is_json_number(cell)]
    yield from (cell for cell in texts if any(map(str.isalpha, cell)))
    yield from texts
    yield from cells


def _typed(cell: Any, kind: Kind | None) -> Any:
    """Return a cell in its column's type, if the file has types and the table holds it as text."""
    as_type = TYPES.get(kind) if kind and isinstance(cell, str) else None
    return as_type(cell) if as_type else cell


def _shape(cell: Any) -> Any:
    """Return the shape of a cell as JSON; days and times of a workbook become objects."""
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


def _kind_of_other_file(path: Path) -> dict[str, str]:
    """Return the kind of a file that is not a report. Words are a message, such as `No data returned`."""
    with path.open("rb") as file:
        head = file.read(MAX_HEAD_BYTES).strip()
    if _WORDS.fullmatch(head):
        text = head.decode()  # shown only if it is a plain "no data"
        return {"format": "words", "text": text if _NO_DATA.fullmatch(text) else masked(text)}
    if head.startswith(b"<"):
        return {"format": "html" if b"html" in head.lower() else "xml"}
    return {"format": "json" if head.startswith((b"{", b"[")) else "unknown"}
