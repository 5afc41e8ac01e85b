"""Draws the timeline as one HTML page without any outside resource or script.

Each run is a table, so that it can be read without seeing the bars; the bars are its one column for the eye.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from itertools import groupby
from pathlib import Path

from tap_reports.commands.console import size
from tap_reports.commands.timeline import JobInRun, Phase, Run, Span, runs, total_bytes, total_credits
from tap_reports.ledger.records import JobRecord

NOTHING = "\N{EN DASH}"
LONGEST_ID = 12
LENGTH_IN_TENTHS = 10
"""Seconds; shorter times are shown with a tenth."""
MARKS = 4
"""Equal parts into which the time axis is divided."""
EXPLAINED = {
    Phase.QUEUED: "waiting at the vendor",
    Phase.RUNNING: "the vendor works on it",
    Phase.DOWNLOAD: "the files are fetched",
    Phase.EMIT: "the records are written",
}
REUSED = '<span class="tag">reused</span>'
GOOD = {"succeeded", "empty"}
OPEN = {"intent", "pending", "running"}

STYLE = Path(__file__).with_name("timeline.css")


def page(passages: Sequence[JobRecord], now: dt.datetime) -> str:
    """Return the whole page, which needs nothing but itself.

    Args:
        passages: The ledger's jobs.
        now: Where jobs that are still under way end for now.
    """
    return _document(runs(passages, now), passages, now)


def _document(runs: Sequence[Run], passages: Sequence[JobRecord], now: dt.datetime) -> str:
    body = "\n".join(_run(run, is_open=index == 0) for index, run in enumerate(runs))
    if not runs:
        body = "<p>The ledger holds no jobs yet: a sync fills it.</p>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>tap-reports: jobs</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>Report jobs</h1>
<p class="soft">What tap-reports asked its vendors for, and what became of it. Newest run first; as of
{_moment(now)}. All times in UTC.</p>
<p class="soft">A stream is one report; a job is that report for one slice of days. All jobs run at once, but
their records are written one after the other: the gap before the last bar is a job that waits its turn.</p>
{_facts(runs, passages)}
<ul class="legend" aria-label="Colours of the timeline">
{_legend()}
</ul>
{body}
</main>
</body>
</html>"""


def _facts(runs: Sequence[Run], passages: Sequence[JobRecord]) -> str:
    jobs = {(one.vendor, one.job_id, one.submitted_at): one for one in passages}.values()
    failed = sum(one.status not in GOOD | OPEN for one in jobs)
    facts = {
        "runs": f"{len(runs):,}",
        "jobs": f"{len(jobs):,}",
        "not finished": f"{sum(one.status in OPEN for one in jobs):,}",
        "failed": f"{failed:,}",
        "reused later": f"{sum(any(use.run_id != one.run_id for use in one.uses) for one in jobs):,}",
        "rows": f"{sum(one.rows or 0 for one in passages):,}",
        "downloaded": size(total_bytes(passages)) or NOTHING,
        "credits": _number(total_credits(passages)),
    }
    items = "\n".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">\n{items}\n</dl>'


def _legend() -> str:
    items = [
        f'<li><i class="{phase}" aria-hidden="true"></i>{phase}: {text}</li>'
        for phase, text in EXPLAINED.items()
    ]
    return "\n".join([*items, f"<li>{REUSED} submitted by an earlier run, so not paid for again</li>"])


def _run(run: Run, *, is_open: bool) -> str:
    done = [f"{run.submitted:,} submitted"] if run.submitted else []
    done += [f"{run.reused:,} reused"] if run.reused else []
    done += [f"{run.rows:,} rows"]
    done += [f"{_number(run.credits)} credits"] if run.credits is not None else []
    bodies = "\n".join(
        _stream(run, stream, list(jobs))
        for stream, jobs in groupby(run.jobs, key=lambda job: job.passage.stream)
    )
    title = f"Run of {_moment(run.start)}"
    marks = "".join(f"<span>{_length(run.seconds * mark / MARKS)}</span>" for mark in range(MARKS + 1))
    return f"""<details{" open" if is_open else ""}>
<summary><h2>{title}</h2> <span class="soft">took {_length(run.seconds)}: {", ".join(done)}</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="Jobs of the run of {run.start:%Y-%m-%d %H:%M:%S}">
<table>
<caption>One line a job, by stream. The timeline begins at {_moment(run.start)}.</caption>
<thead><tr>
<th scope="col">slice</th><th scope="col">job</th><th scope="col">status</th>
<th scope="col" class="time">timeline<div class="axis" aria-hidden="true">{marks}</div></th>
<th scope="col" class="number">queued</th><th scope="col" class="number">running</th>
<th scope="col" class="number">download</th><th scope="col" class="number">emit</th>
<th scope="col" class="number">rows</th><th scope="col" class="number">size</th>
<th scope="col" class="number">credits</th>
</tr></thead>
{bodies}
</table>
</div>
</details>"""


def _stream(run: Run, stream: str, jobs: Sequence[JobInRun]) -> str:
    rows = "\n".join(_job(run, job) for job in jobs)
    name = escape(_clean(stream or "no stream"))
    return f'<tbody>\n<tr><th scope="rowgroup" colspan="11">{name}</th></tr>\n{rows}\n</tbody>'


def _job(run: Run, job: JobInRun) -> str:
    one = job.passage
    bars = "".join(_bar(run, span) for span in job.spans)
    numbers = [
        *(_length(job.seconds(phase)) for phase in Phase),
        _number(job.rows),
        size(one.bytes) or NOTHING,
        _number(None if job.is_reused else one.credits),
    ]
    return "\n".join(
        [
            "<tr>",
            f"<td>{escape(str(one.slice).replace('..', ' to ')) if one.slice else 'snapshot'}</td>",
            f'<td class="id" title="{escape(_clean(one.job_id))}">{escape(_short(_clean(one.job_id)))}</td>',
            f"<td>{''.join(_status(job))}</td>",
            f'<td class="time"><div class="track" aria-hidden="true">{bars}</div></td>',
            *(f'<td class="number">{escape(text)}</td>' for text in numbers),
            "</tr>",
        ]
    )


def _status(job: JobInRun) -> Iterator[str]:
    one = job.passage
    kind = "good" if one.status in GOOD else "" if one.status in OPEN else "bad"
    yield f'<span class="{kind}">{escape(one.status)}</span>'
    if job.is_reused:
        yield f' {REUSED}<div class="soft">submitted {_moment(one.submitted_at)}</div>'
    elif job.use is None and one.uses:
        later = one.uses[0].emitted_at
        yield f' <span class="tag">used later</span><div class="soft">written {_moment(later)}</div>'
    if one.message and one.status not in GOOD:
        yield f'<div class="message">{escape(_clean(one.message))}</div>'


def _bar(run: Run, span: Span) -> str:
    left = (span.start - run.start).total_seconds() / run.seconds * 100
    width = span.seconds / run.seconds * 100
    text = f"{span.phase} {_length(span.seconds)}, from {span.start:%H:%M:%S} to {span.end:%H:%M:%S}"
    # A short bar at the end keeps its least width inside the track.
    place = f"left:min({left:.3f}%, 100% - 3px);width:{width:.3f}%"
    return f'<i class="{span.phase}" style="{place}" title="{text}"></i>'


def _moment(moment: dt.datetime) -> str:
    utc = moment.astimezone(dt.UTC)
    return f'<time datetime="{utc.isoformat(timespec="seconds")}">{utc:%Y-%m-%d %H:%M:%S}</time>'


def _length(seconds: float | None) -> str:
    """Return a length of time: `0.4 s`, `12 s`, `3:05 min`, `1:02:03 h`."""
    if seconds is None:
        return NOTHING
    if seconds < LENGTH_IN_TENTHS:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def _number(value: Decimal | int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _short(job_id: str) -> str:
    return job_id if len(job_id) <= LONGEST_ID else f"{job_id[:8]}…" if job_id else NOTHING


def _clean(text: str) -> str:
    """Return text without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)
