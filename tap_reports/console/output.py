"""Prints to standard output: JSON for programs, tables for people.

In a pipe a table is as wide as it needs to be, with every value whole; on a terminal it keeps to the width.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich import filesize
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tap_reports.models import RunOutcome
from tap_reports.redaction import printable

PIPE_WIDTH = 10_000
"""Wider than any table: nothing is cut or wrapped in a pipe."""
MISSING = "-"


def stdout_console() -> Console:
    """Return the console of standard output; it takes no vendor's text for markup."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def show(parts: Iterable[RenderableType], console: Console | None = None) -> None:
    """Print all parts at once.

    Raises:
        BrokenPipeError: The reader of standard output has left.
    """
    console = console or stdout_console()
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    write("\n".join(line.rstrip() for line in captured.get().splitlines()))


def write(text: str) -> None:
    """Print text as it is.

    Raises:
        BrokenPipeError: The reader of standard output has left.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_json(content: Any) -> None:
    """Print JSON; counts of credits as numbers."""
    write(json.dumps(content, indent=2, default=json_value, ensure_ascii=False))


def write_json_list(items: Iterable[Any]) -> None:
    """Print a JSON list of any length, an item a line; none is kept in memory."""
    separator = "["
    for item in items:
        sys.stdout.write(f"{separator}\n  {json.dumps(item, default=json_value, ensure_ascii=False)}")
        separator = ","
    write("[]" if separator == "[" else "\n]")


def json_value(value: Any) -> Any:
    """Return a value that JSON lacks as one that it has: a number of credits, anything else as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str, numbers: Iterable[str] = ()
) -> Table:
    """Return a table; the columns in `numbers` are aligned right."""
    right = set(numbers)
    made = Table(
        box=SIMPLE_HEAD,
        title=title,
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
    """Return a value as people read it, without control characters of a vendor's text."""
    if value is None or value == "":
        return Text(MISSING, style="dim")
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Text(f"{value:,}", style=style)
    return Text(printable(str(value)), style=style)


def day_range(start: object, end: object) -> str:
    """Return the days of a slice, or - for a snapshot."""
    return f"{start}..{end}" if start else MISSING


def utc_second(moment: str | None) -> str | None:
    """Return an instant of the JSON to the second, in UTC (the column's title says so)."""
    if moment is None:
        return None
    return f"{dt.datetime.fromisoformat(moment).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def size(count: int | None) -> str | None:
    """Return a number of bytes as people read it: `1.2 MB`."""
    return None if count is None else filesize.decimal(count)


def describe_end(run: RunOutcome) -> tuple[str, bool]:
    """Return how a run ended in words, and whether that is good."""
    if run.was_killed:
        return "did not end: it was killed, or its machine went down", False
    if run.exit_status is None:
        return "is under way", True
    return (f"failed, exit status {run.exit_status}", False) if run.exit_status else ("succeeded", True)
