"""`--jobs --format html`: the runs as a page, drawn by `timeline.html` beside this file. It loads nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from tap_reports.commands.output import MISSING, size
from tap_reports.commands.timeline import UNFINISHED, Phase, describe_end, runs, totals
from tap_reports.ledger.records import JobRecord
from tap_reports.models import RunOutcome
from tap_reports.redaction import printable


def page(
    jobs: Sequence[JobRecord], outcomes: Sequence[RunOutcome], now: dt.datetime, *, limit: int | None = None
) -> str:
    """Return the page. `limit` is how many jobs were asked for: if there are so many, the page says it."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # A vendor's text loses its control characters; what the template made is markup and stays.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(
        length_of=_length, number=lambda value: MISSING if value is None else f"{value:,}"
    )
    environment.filters["bytes"] = lambda count: size(count or None) or MISSING
    return environment.get_template("timeline.html").render(
        runs=runs(jobs, outcomes, now),
        jobs=list({job.row: job for job in jobs}.values()),
        rows=sum(use.rows for job in jobs for use in job.uses),
        totals=totals(jobs),
        phases=list(Phase),
        open=UNFINISHED,
        describe_end=describe_end,
        now=now,
        limit=limit if limit == len(jobs) else None,
    )


def _length(seconds: float | None) -> str:
    """Return a length of time: `0.4 s`, `12 s`, `3:05 min`, `1:02:03 h`."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
