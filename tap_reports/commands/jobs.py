"""`--jobs`: what the ledger knows, as JSON, as a table, or as a page to look at (`timeline`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tap_reports.commands import console as tables
from tap_reports.commands.timeline import how_it_ended
from tap_reports.commands.timeline_page import page
from tap_reports.exceptions import counted
from tap_reports.ledger.history import Wanted
from tap_reports.models import StreamEnd
from tap_reports.redaction import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tap_reports.models import RunOutcome
    from tap_reports.sync.run import Run

Json = dict[str, Any]

NUMBERS = ("rows", "bytes", "credits")
STYLES = {
    "succeeded": "green",
    "empty": "green",
    "failed": "bold red",
    "expired": "yellow",
    "lost": "bold red",
}
NEWEST = {"text": 50, "html": 1000, "json": None}
"""How many jobs are shown where `--limit` does not say it."""
SHOWN_RUNS = 5


def jobs(run: Run, style: str, **chosen: Any) -> int:
    """Print the ledger's jobs, newest first. Returns the exit status.

    Args:
        run: Whose ledger.
        style: text, json or html.
        chosen: Which jobs, as `Wanted` has them; those that are None are not given.
    """
    wanted = Wanted(**{"limit": NEWEST[style]} | {name: one for name, one in chosen.items() if one})
    if style == "json":
        tables.write_json_list(run.ledger.listing(wanted))
    elif style == "html":
        found = run.ledger.history(wanted)
        tables.write(page(found, _ended(run, wanted), run.clock.now(), limit=wanted.limit))
    else:
        runs = _ended(run, replace(wanted, limit=SHOWN_RUNS))
        console = tables.stdout_console()
        listed = list(run.ledger.listing(wanted))
        tables.show(console, [*_run_lines(runs), *_parts(listed, console, wanted)])
    return 0


def _ended(run: Run, wanted: Wanted) -> list[RunOutcome]:
    """Return how runs ended, with no other streams than those that are wanted."""
    pattern = wanted.stream or "*"
    return [
        replace(ended, streams=tuple(one for one in ended.streams if fnmatchcase(one.stream, pattern)))
        for ended in run.ledger.run_outcomes(wanted)
    ]


def _run_lines(runs: Sequence[RunOutcome]) -> Iterator[RenderableType]:
    """Yield a line for each of the newest runs, and for each stream that failed in it, with the reason."""
    for run in runs:
        failed = [one for one in run.streams if one.outcome is StreamEnd.FAILED]
        words, is_good = how_it_ended(run)
        rows = sum(one.rows for one in run.streams)
        at = run.started_at.isoformat(sep=" ", timespec="seconds")[:19]
        facts = f"{counted(len(run.streams), 'stream')}, {len(failed)} failed, {counted(rows, 'row')}"
        yield tables.cell(f"Run of {at} UTC {words}: {facts}", "green" if is_good else "bold red")
        for one in failed:
            yield tables.cell(f"  {one.error or one.stream}", "red")


def _parts(found: Sequence[Json], console: Console, wanted: Wanted) -> Iterator[RenderableType]:
    if not found:
        asked = wanted.stream or wanted.since or wanted.failed
        yield "No job in the ledger matches." if asked else "The ledger holds no jobs yet: a sync adds them."
        return
    whole = _whole_table(found)
    fits = whole.__rich_measure__(console, console.options).maximum <= console.width
    yield from [whole] if fits else map(_narrow, found)
    # A job that several streams share has a line for each of them; its files and credits count once.
    jobs = {(job["vendor"], job["job_id"], job["submitted_at"]): job for job in found}.values()
    known = [job["credits"] for job in jobs if job["credits"] is not None]
    rows = counted(sum(job["rows"] or 0 for job in found), "row")
    size = tables.size(sum(job["bytes"] or 0 for job in jobs))
    credits_ = f", {counted(sum(known), 'credit')}" if known else ""
    yield tables.cell(f"{counted(len(jobs), 'job')}, {rows}, {size}{credits_}", "bold")
    if wanted.limit == len(found):
        yield tables.cell(f"These are the newest {wanted.limit:,}; --limit N shows more.", "dim")


def _whole_table(found: Sequence[Json]) -> Table:
    """Return one line a job, every value whole: for wide terminals, `grep` and friends."""
    times = ("submitted_at", "finished_at", "downloaded_at")
    rows = [
        [
            job["stream"],
            tables.day_range(job["slice_start"], job["slice_end"]),
            job["job_id"],
            tables.cell(job["status"], STYLES.get(job["status"], "cyan")),
            *(tables.second(job[name]) for name in times),
            *(None if job[name] is None else str(job[name]) for name in NUMBERS),
        ]
        for job in found
    ]
    columns = ["stream", "slice", "job id", "status", *times, *NUMBERS]
    return tables.table(columns, rows, title="Jobs (UTC)", numbers=NUMBERS)


def _narrow(job: Json) -> Text:
    """Return two lines about a job, which keep names and ids whole on a terminal of 80 columns."""
    size, cost = tables.size(job["bytes"]), job["credits"]
    numbers = [
        (tables.second(job["submitted_at"]) or "")[5:16],
        "" if job["rows"] is None else counted(job["rows"], "row"),
        size or "",
        "" if cost is None else counted(cost, "credit"),
    ]
    return Text.assemble(
        (job["stream"] or "no stream", "bold"),
        f" {tables.day_range(job['slice_start'], job['slice_end'])} ",
        tables.cell(job["status"], STYLES.get(job["status"], "cyan")),
        "\n",
        (" ".join(filter(None, [printable(job["job_id"] or "no job id"), *numbers])), "dim"),
    )
