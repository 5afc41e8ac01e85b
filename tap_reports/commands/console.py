"""Prints answers to standard output: as JSON for programs, as tables for people.

Into a pipe a table is as wide as it needs to be, with every value whole; on a terminal it keeps to the width.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tap_reports.redaction import printable

PIPE_WIDTH = 10_000
"""No table is that wide: nothing is cut or wrapped in a pipe."""
MISSING = "-"
STEP = 1000
"""From one unit of bytes to the next."""


def stdout_console() -> Console:
    """Return the console of standard output; vendors' words are never taken for markup."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print all parts at once, so that a reader who left is told to our caller.

    Raises:
        BrokenPipeError: Nobody reads standard output any more.
    """
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    lines = (line.rstrip() for line in captured.get().splitlines())
    write("\n".join(lines))


def write(text: str) -> None:
    """Print text as it is.

    Raises:
        BrokenPipeError: Nobody reads standard output any more.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_json(content: Any) -> None:
    """Print JSON; counts of credits as numbers."""
    write(json.dumps(content, indent=2, default=plain, ensure_ascii=False))


def write_json_list(items: Iterable[Any]) -> None:
    """Print JSON of any length, an item a line, none of which is kept."""
    before = "["
    for item in items:
        sys.stdout.write(f"{before}\n  {json.dumps(item, default=plain, ensure_ascii=False)}")
        before = ","
    write("[]" if before == "[" else "\n]")


def plain(value: Any) -> Any:
    """Return what JSON can write for a value: counts of credits as numbers, all else as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", numbers: Iterable[str] = ()
) -> Table:
    """Return a table; the columns named in `numbers` are aligned right."""
    right = set(numbers)
    made = Table(
        box=SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return made


def cell(value: Any, style: str = "") -> Text:
    """Return a value as people read it. Control characters of a vendor's words are not passed on."""
    if value is None or value == "":
        return Text(MISSING, style="dim")
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Text(f"{value:,}", style=style)
    return Text(printable(str(value)), style=style)


def day_range(start: object, end: object) -> str:
    """Return the days of a slice, or - for a snapshot."""
    return f"{start}..{end}" if start else MISSING


def second(moment: str | None) -> str | None:
    """Return an instant of the JSON to the second, in UTC (the column says so)."""
    if moment is None:
        return None
    return f"{dt.datetime.fromisoformat(moment).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def size(count: int | None) -> str | None:
    """Return a number of bytes as people read it: `1.2 MB`."""
    if count is None:
        return None
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < STEP:
            break
        value, unit = value / STEP, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
