"""`--jobs`: what the ledger knows, as JSON, as a table, or as a page to look at (`timeline`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from tap_reports.commands import console as tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

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
EMPTY = "The ledger holds no jobs yet: a sync fills it."


def jobs(run: Run, style: str) -> int:
    """Print the ledger's jobs, newest first; `style` is text, json or html. Returns the exit status."""
    try:
        if style == "html":
            from tap_reports.commands.timeline_html import page

            tables.write(page(run.ledger.history(), run.clock.now()))
            return 0
        found = [{name: job.get(name) for name in COLUMNS} for job in run.ledger.listing()]
    finally:
        run.close()
    if style == "json":
        tables.write_json(found)
    else:
        console = tables.stdout_console()
        tables.show(console, _parts(found, console))
    return 0


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
