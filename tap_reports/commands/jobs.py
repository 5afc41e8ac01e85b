"""`--jobs`: what the ledger knows, as JSON, as a table, or as a page to look at (`timeline`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from tap_reports.commands import console as tables
from tap_reports.ledger.history import Wanted
from tap_reports.models import StreamEnd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from tap_reports.models import RunOutcome
    from tap_reports.sync.run import Run

Json = dict[str, Any]

COLUMNS = (
    "stream",
    "vendor",
    "slice_start",
    "slice_end",
    "job_id",
    "status",
    "submitted_at",
    "finished_at",
    "downloaded_at",
    "rows",
    "bytes",
    "credits",
)
NUMBERS = ("rows", "bytes", "credits")
STYLES = {
    "succeeded": "green",
    "empty": "green",
    "failed": "bold red",
    "expired": "yellow",
    "lost": "bold red",
}
NEWEST = 50
"""Jobs that text shows."""
SHOWN_RUNS = 5
EMPTY = "The ledger holds no jobs yet: a sync fills it."


def jobs(run: Run, style: str) -> int:
    """Print the ledger's jobs, newest first; `style` is text, json or html. Returns the exit status."""
    try:
        if style == "html":
            from tap_reports.commands.timeline_html import page

            tables.write(page(run.ledger.history(), run.clock.now()))
            return 0
        wanted = Wanted(limit=None if style == "json" else NEWEST)
        found = list(run.ledger.listing(wanted))
        ended = run.ledger.run_outcomes(Wanted(limit=SHOWN_RUNS))
    finally:
        run.close()
    if style == "json":
        tables.write_json(found)
    else:
        console = tables.stdout_console()
        tables.show(console, [*_run_lines(ended), *_parts(found, console)])
    return 0


def _run_lines(ended: Sequence[RunOutcome]) -> Iterator[RenderableType]:
    """Yield a line for each of the newest runs, and for each stream that failed in it, with the reason."""
    for run in ended:
        failed = [one for one in run.streams if one.outcome is StreamEnd.FAILED]
        words, style = _ending(run)
        rows = sum(one.rows for one in run.streams)
        at = run.started_at.isoformat(sep=" ", timespec="seconds")[:19]
        yield tables.cell(
            f"Run of {at} UTC {words}: {len(run.streams)} streams, {len(failed)} failed, {rows:,} rows",
            style,
        )
        for one in failed:
            yield tables.cell(f"  {one.stream}: {one.error}", "red")


def _ending(run: RunOutcome) -> tuple[str, str]:
    """Return how a run ended, and the style to show it in."""
    if run.was_killed:
        return "ended without a word: it was killed, or its machine went down", "bold red"
    if run.exit_status is None:
        return "is under way", "cyan"
    return (
        (f"failed, exit status {run.exit_status}", "bold red") if run.exit_status else ("succeeded", "green")
    )


def _parts(found: Sequence[Json], console: Console) -> Iterator[RenderableType]:
    if not found:
        yield EMPTY
        return
    yield _short_table(found, console) if console.is_terminal else _whole_table(found)
    # A job that several streams share has a line for each of them; its files and credits count once.
    jobs = {(job["vendor"], job["job_id"], job["submitted_at"]): job for job in found}.values()
    known = [job["credits"] for job in jobs if job["credits"] is not None]
    rows = sum(job["rows"] or 0 for job in found)
    size = tables.size(sum(job["bytes"] or 0 for job in jobs))
    credits_ = f", {sum(known):,} credits" if known else ""
    yield tables.cell(f"{len(jobs)} jobs, {rows:,} rows, {size}{credits_}", "bold")


def _whole_table(found: Sequence[Json]) -> RenderableType:
    """Return one line a job, every value whole: for `grep` and friends."""
    rows = [
        [
            job["stream"],
            tables.day_range(job["slice_start"], job["slice_end"]),
            job["job_id"],
            job["status"],
            *(job[name] for name in COLUMNS[6:9]),
            *(None if job[name] is None else str(job[name]) for name in NUMBERS),
        ]
        for job in found
    ]
    return tables.table(["stream", "slice", "job id", "status", *COLUMNS[6:]], rows, numbers=NUMBERS)


def _short_table(found: Sequence[Json], console: Console) -> RenderableType:
    """Return two lines a job, which fit a terminal of 80 columns."""
    rows = [
        [
            Text.assemble(
                tables.cell(job["stream"]),
                "\n",
                (f"{tables.day_range(job['slice_start'], job['slice_end'])}  ", "dim"),
                (tables.job_id(job["job_id"], console) or "no job id", "dim"),
            ),
            Text.assemble(
                tables.cell(job["status"], STYLES.get(job["status"], "cyan")),
                "\n",
                ((tables.minute(job["submitted_at"]) or tables.MISSING)[5:], "dim"),
            ),
            job["rows"],
            tables.size(job["bytes"]),
            job["credits"],
        ]
        for job in found
    ]
    return tables.table(
        ["stream / slice, job", "status / submitted", *NUMBERS], rows, title="Jobs (UTC)", numbers=NUMBERS
    )
