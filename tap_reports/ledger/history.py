"""What the ledger shows people: its jobs, and how each run and stream ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tap_reports.ledger.records import LOST, EmitRecord, JobRecord, decimal_of, record
from tap_reports.ledger.schema import UNKNOWN_DAY, UNKNOWN_TIME, jobs, run_streams, runs, streams, uses
from tap_reports.models import JobStatus, RunOutcome, StreamEnd, StreamOutcome
from tap_reports.models.columns import SHEET_IN_NAME
from tap_reports.process import is_gone, this_process

BATCH_ROWS = 1000
MAX_RUN_TIME = dt.timedelta(days=2)
"""A run of another machine that has not ended after this time was killed."""
FAILED = (JobStatus.FAILED.value, JobStatus.FAILED_RETRYABLE.value, JobStatus.EXPIRED.value, LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are wanted.

    Attributes:
        stream: A pattern with `*` and `?`; None for all.
        since: Sent at or after this.
        failed: Only those that failed, or whose stream failed in the run that submitted them.
        limit: Maximum number of lines, the newest first; None for all.
    """

    stream: str | None = None
    since: dt.datetime | None = None
    failed: bool = False
    limit: int | None = None


ALL_JOBS = JobFilter()


def listing(db: sa.Connection, wanted: JobFilter) -> Iterator[dict[str, Any]]:
    """Yield jobs as `--jobs` shows them, a line for each stream, newest first: JSON values, no handle."""
    columns = (
        streams.c.stream,
        jobs.c.vendor,
        jobs.c.slice_start,
        jobs.c.slice_end,
        jobs.c.job_id,
        jobs.c.status,
        jobs.c.sent_at,
        jobs.c.finished_at,
        jobs.c.downloaded_at,
        sa.func.coalesce(streams.c.rows, jobs.c.rows),
        jobs.c.bytes,
        jobs.c.credits,
    )
    for row in db.execute(_filtered(columns, wanted)).yield_per(BATCH_ROWS):
        stream, vendor, start, end, job_id, status, sent, finished, downloaded, rows, size, credits_ = row
        yield {
            "stream": stream,
            "vendor": vendor,
            "slice_start": _iso(start),
            "slice_end": _iso(end),
            "job_id": job_id or None,
            "status": status,
            "submitted_at": _iso(sent),
            "finished_at": _iso(finished),
            "downloaded_at": _iso(downloaded),
            "rows": rows,
            "bytes": size,
            "credits": credits_ and _json_number(credits_),
        }


def job_history(db: sa.Connection, wanted: JobFilter) -> list[JobRecord]:
    """Return jobs with all their times, as `listing` yields them."""
    columns = (jobs, streams.c.stream, streams.c.rows.label("stream_rows"))
    rows = db.execute(_filtered(columns, wanted)).mappings().all()
    uses_by_stream = _emit_records(db, min((row["id"] for row in rows), default=0))
    return [
        record(
            row,
            stream=row["stream"] or "",
            rows=row["rows"] if row["stream_rows"] is None else row["stream_rows"],
            uses=tuple(uses_by_stream.get((row["id"], row["stream"]), ())),
        )
        for row in rows
    ]


def run_outcomes(db: sa.Connection, wanted: JobFilter, now: dt.datetime) -> list[RunOutcome]:
    """Return how the runs ended, newest first; with `failed` those that failed or were killed, with `stream`
    those that extracted it.
    """
    statement = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.id).limit(wanted.limit)
    if wanted.since:
        statement = statement.where(runs.c.started_at >= wanted.since)
    if wanted.failed:
        statement = statement.where(runs.c.exit_status.is_(None) | (runs.c.exit_status != 0))
    if wanted.stream:
        like = _is_like(run_streams.c.stream, wanted.stream)
        statement = statement.where(sa.exists().where(run_streams.c.run == runs.c.id, like))
    run_rows = db.execute(statement).mappings().all()
    streams_by_run: dict[str, list[StreamOutcome]] = {}
    chosen = statement.with_only_columns(runs.c.id).order_by(None).limit(None)
    of_runs = sa.select(run_streams).where(run_streams.c.run.in_(chosen)).order_by(run_streams.c.stream)
    for row in db.execute(of_runs).mappings():
        values = {name: row[name] for name in row if name not in {"run", "outcome"}}
        outcome = StreamOutcome(outcome=StreamEnd(row["outcome"]), **values)
        streams_by_run.setdefault(row["run"], []).append(outcome)
    names = ("version", "started_at", "seconds", "exit_status", "signal")
    outcomes = [
        RunOutcome(
            run_id=row["id"],
            streams=tuple(streams_by_run.get(row["id"], ())),
            was_killed=_was_killed(row, now),
            **{name: row[name] for name in names},
        )
        for row in run_rows
    ]
    return [run for run in outcomes if run.exit_status or run.was_killed or not wanted.failed]


def write_run(db: sa.Connection, run: RunOutcome) -> None:
    """Write how a run stands or ended, in place of what was written before."""
    db.execute(runs.delete().where(runs.c.id == run.run_id))
    names = ("version", "started_at", "seconds", "exit_status", "signal")
    values = {name: getattr(run, name) for name in names}
    db.execute(runs.insert().values(id=run.run_id, owner=this_process(), **values))
    columns = [column.name for column in run_streams.c if column.name not in {"run", "outcome"}]
    rows = [
        {"run": run.run_id, "outcome": end.outcome.value, **{name: getattr(end, name) for name in columns}}
        for end in run.streams
    ]
    if rows:
        db.execute(run_streams.insert().values(rows))


def _was_killed(row: sa.RowMapping, now: dt.datetime) -> bool:
    """Return whether a run ended without storing how. For a run of another machine, only its age tells."""
    is_old = now - row["started_at"] > MAX_RUN_TIME
    return row["exit_status"] is None and (is_old or is_gone(row["owner"] or ""))


def _filtered(columns: Sequence[Any], wanted: JobFilter) -> sa.Select[Any]:
    """Return jobs with their streams. A report of several sheets was requested under its own name before its
    sheets were known: once they are, that name is left out.
    """
    sheets = streams.alias()
    has_sheets = sa.exists().where(
        sheets.c.job == jobs.c.id, sheets.c.stream.startswith(streams.c.stream + SHEET_IN_NAME)
    )
    statement = (
        sa.select(*columns)
        .select_from(jobs.outerjoin(streams))
        .where(streams.c.stream.is_(None) | ~has_sheets)
        .order_by(jobs.c.sent_at.desc(), jobs.c.id.desc(), streams.c.stream)
        .limit(wanted.limit)
    )
    if wanted.stream:
        statement = statement.where(_is_like(streams.c.stream, wanted.stream))
    if wanted.since:
        statement = statement.where(jobs.c.sent_at >= wanted.since)
    if wanted.failed:
        has_failed = sa.exists().where(
            run_streams.c.run == jobs.c.run_id,
            run_streams.c.stream == streams.c.stream,
            run_streams.c.outcome == StreamEnd.FAILED.value,
        )
        statement = statement.where(jobs.c.status.in_(FAILED) | has_failed)
    return statement


def _is_like(column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")


def _emit_records(db: sa.Connection, oldest: int) -> dict[tuple[int, str], list[EmitRecord]]:
    """Return all uses of jobs from row `oldest` on, by job and stream, oldest first."""
    uses_by_stream: dict[tuple[int, str], list[EmitRecord]] = {}
    statement = sa.select(uses).where(uses.c.job >= oldest).order_by(uses.c.emitted_at)
    for row in db.execute(statement).mappings():
        values = {name: row[name] for name in row if name not in {"job", "stream"}}
        uses_by_stream.setdefault((row["job"], row["stream"]), []).append(EmitRecord(**values))
    return uses_by_stream


def _json_number(text: str) -> int | float | None:
    value = decimal_of(text)
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _iso(value: dt.date | None) -> str | None:
    """Return a day or a time as text; None for what can't be read in the table."""
    return value.isoformat() if value and value not in {UNKNOWN_DAY, UNKNOWN_TIME} else None
