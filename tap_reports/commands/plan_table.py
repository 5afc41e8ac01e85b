"""`--plan` as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tap_reports.commands import output
from tap_reports.models import Json
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STYLES = {"submit": "bold yellow", "resume": "cyan", "reuse": "green", "replay": "magenta"}
SLICE_WIDTH, ACTION_WIDTH = 24, 6
"""In columns of a terminal."""


def plan_lines(content: Json, console: Console) -> Iterator[RenderableType]:
    """Yield what the console shows of a plan."""
    if not content["streams"]:
        yield "No stream can be planned."
    elif console.is_terminal:
        for stream in content["streams"]:
            yield from _stream_lines(stream)
    else:
        columns = ["stream", "slice", "action", "job id", "credits"]
        rows = [row for stream in content["streams"] for row in _table_rows(stream)]
        yield output.table(columns, rows, title="Plan", numbers=["credits"])
    if content["quotas"]:
        keys = ("vendor", "quota", "used", "limit", "remaining")
        rows = [
            [*(one[key] for key in keys), output.utc_second(one["resets_at"])] for one in content["quotas"]
        ]
        columns = ["vendor", "quota", "used", "limit", "left", "resets at (UTC)"]
        yield output.table(columns, rows, title="Quotas", numbers=columns[2:5])
    for stream in content["streams"]:
        for text in stream["warnings"]:
            yield output.cell(f"{stream['stream']}: {text}", "yellow")
    yield output.cell(_total(content["totals"]), "bold")
    if why := content["verdict"]["why"]:
        yield output.cell(f"Does not fit today. {why}", "bold red")


def _stream_lines(stream: Json) -> Iterator[RenderableType]:
    """Yield a stream's name and days, and a line for each slice, within 80 columns."""
    days = output.day_range(stream["first_day"], stream["last_day"])
    count = len(stream["slices"])
    about = f"{days}, {number_of(count, 'job')}" if stream["first_day"] else "snapshot"
    yield Text.assemble((stream["stream"], "bold"), (f"  {about if count else 'nothing new'}", "dim"))
    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in (SLICE_WIDTH, ACTION_WIDTH, None):
        grid.add_column(width=width)
    for one in stream["slices"]:
        cost = one["estimated_credits"]
        grid.add_row(
            f"  {output.day_range(one['start'], one['end'])}",
            output.cell(one["action"], STYLES[one["action"]]),
            " ".join(filter(None, [one["job_id"], number_of(cost, "credit") if cost is not None else ""])),
        )
    yield grid


def _table_rows(stream: Json) -> Iterator[list[Any]]:
    """Yield one line a slice with every value, for `grep` and the like."""
    for one in stream["slices"]:
        days = output.day_range(one["start"], one["end"])
        yield [stream["stream"], days, one["action"], one["job_id"], one["estimated_credits"]]
    if not stream["slices"]:
        yield [stream["stream"], None, "nothing new", None, None]


def _total(totals: Json) -> str:
    counts = {name: count for name, count in totals.items() if name in STYLES and count}
    if not counts:
        return "Nothing to do."
    total = sum(counts.values())
    text = f"{number_of(total, 'job')}: " + ", ".join(f"{count} to {name}" for name, count in counts.items())
    cost = totals["estimated_credits"]
    return f"{text}; about {number_of(cost, 'credit')}" if cost is not None else text
