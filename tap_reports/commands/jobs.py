"""`--jobs`: the ledger's jobs and runs as JSON, as text, or as a page (see `timeline`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tap_reports.commands.timeline import page
from tap_reports.console import output
from tap_reports.ledger.history import JobFilter
from tap_reports.models import Json, StreamEnd
from tap_reports.redaction import printable
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tap_reports.models import RunOutcome
    from tap_reports.sync.run import Run

NUMBERS = ("rows", "bytes", "credits")
STYLES = {
    "succeeded": "green",
    "empty": "green",
    "failed": "bold red",
    "expired": "yellow",
    "lost": "bold red",
}
DEFAULT_LIMITS = {"text": 50, "html": 1000, "json": None}
MAX_SHOWN_RUNS = 5


def jobs(run: Run, style: str, **chosen: Any) -> int:
    """Print the ledger's jobs, newest first. Returns the exit status.

    Args:
        run: Gives the ledger.
        style: text, json or html.
        chosen: The fields of `JobFilter`; None: not given.
    """
    wanted = JobFilter(
        **{"limit": DEFAULT_LIMITS[style]} | {name: value for name, value in chosen.items() if value}
    )
    if style == "json":
        output.write_json_list(run.ledger.listing(wanted))
    elif style == "html":
        history = run.ledger.job_history(wanted)
        output.write(page(history, _run_outcomes(run, wanted), run.clock.now(), limit=wanted.limit))
    else:
        runs = _run_outcomes(run, replace(wanted, limit=MAX_SHOWN_RUNS))
        console = output.stdout_console()
        listed = list(run.ledger.listing(wanted))
        output.show([*_run_lines(runs), *job_lines(listed, console, wanted)], console)
    return 0


def _run_outcomes(run: Run, wanted: JobFilter) -> list[RunOutcome]:
    """Return how runs ended, with the wanted streams only."""
    pattern = wanted.stream or "*"
    return [
        replace(
            run_outcome, streams=tuple(end for end in run_outcome.streams if fnmatchcase(end.stream, pattern))
        )
        for run_outcome in run.ledger.run_outcomes(wanted)
    ]


def _run_lines(runs: Sequence[RunOutcome]) -> Iterator[RenderableType]:
    """Yield a line for each run, and for each stream that failed in it, with the reason."""
    for run in runs:
        failed = [stream for stream in run.streams if stream.outcome is StreamEnd.FAILED]
        words, is_good = output.describe_end(run)
        rows = sum(stream.rows for stream in run.streams)
        at = run.started_at.isoformat(sep=" ", timespec="seconds")[:19]
        facts = f"{number_of(len(run.streams), 'stream')}, {len(failed)} failed, {number_of(rows, 'row')}"
        yield output.cell(f"Run of {at} UTC {words}: {facts}", "green" if is_good else "bold red")
        for stream in failed:
            yield output.cell(f"  {stream.error or stream.stream}", "red")


def job_lines(listed: Sequence[Json], console: Console, wanted: JobFilter) -> Iterator[RenderableType]:
    """Yield what the console shows of the jobs: a table if it is wide enough, else two lines a job."""
    if not listed:
        is_filtered = wanted.stream or wanted.since or wanted.failed
        text = "The ledger holds no jobs yet: a sync adds them."
        yield "No job in the ledger matches." if is_filtered else text
        return
    table = _table(listed)
    fits = table.__rich_measure__(console, console.options).maximum <= console.width
    yield from [table] if fits else map(_two_lines, listed)
    # A job that several streams share has a line for each; its files and credits count once.
    jobs = {(job["vendor"], job["job_id"], job["submitted_at"]): job for job in listed}.values()
    known = [job["credits"] for job in jobs if job["credits"] is not None]
    rows = number_of(sum(job["rows"] or 0 for job in listed), "row")
    size = output.size(sum(job["bytes"] or 0 for job in jobs))
    credits_ = f", {number_of(sum(known), 'credit')}" if known else ""
    yield output.cell(f"{number_of(len(jobs), 'job')}, {rows}, {size}{credits_}", "bold")
    if wanted.limit == len(listed):
        yield output.cell(f"These are the newest {wanted.limit:,}; --limit N shows more.", "dim")


def _table(jobs: Sequence[Json]) -> Table:
    """Return one line a job, every value whole: for wide terminals, `grep` and the like."""
    times = ("submitted_at", "finished_at", "downloaded_at")
    rows = [
        [
            job["stream"],
            output.day_range(job["slice_start"], job["slice_end"]),
            job["job_id"],
            output.cell(job["status"], STYLES.get(job["status"], "cyan")),
            *(output.utc_second(job[name]) for name in times),
            *(None if job[name] is None else str(job[name]) for name in NUMBERS),
        ]
        for job in jobs
    ]
    columns = ["stream", "slice", "job id", "status", *times, *NUMBERS]
    return output.table(columns, rows, title="Jobs (UTC)", numbers=NUMBERS)


def _two_lines(job: Json) -> Text:
    """Return two lines about a job, with whole names and ids on a terminal of 80 columns."""
    size, cost = output.size(job["bytes"]), job["credits"]
    facts = [
        printable(job["job_id"] or "no job id"),
        (output.utc_second(job["submitted_at"]) or "")[5:16],
        "" if job["rows"] is None else number_of(job["rows"], "row"),
        size or "",
        "" if cost is None else number_of(cost, "credit"),
    ]
    return Text.assemble(
        (job["stream"] or "no stream", "bold"),
        f" {output.day_range(job['slice_start'], job['slice_end'])} ",
        output.cell(job["status"], STYLES.get(job["status"], "cyan")),
        "\n",
        (" ".join(filter(None, facts)), "dim"),
    )
