"""A stream's slices on their way out: what there is to extract, its jobs, its tables, its bookmark."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_reports.emit.plan import SliceContext
from tap_reports.exceptions import CallError, CallsFailed, ConfigError, FileError, StreamError
from tap_reports.vendor import Bounded, ReportClient, Zoned

if TYPE_CHECKING:
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.models import ReportRequest, Slice
    from tap_reports.streams import ReportStream
    from tap_reports.tap import TapReports

logger = logging.getLogger("tap-reports")

FULL_TABLE = "FULL_TABLE"


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """A slice on its way out: its requests in row order. `days` is None for a snapshot."""

    days: Slice | None
    requests: tuple[ReportRequest, ...]


@dataclass(slots=True)
class TablePosition:
    """Where a table's rows come from, and how many there were."""

    context: SliceContext
    rows: int = 0


class Extraction:
    """One stream's extraction in one run.

    Args:
        stream: Whose.
        tap: The tap.
        client: The vendor's client.
    """

    def __init__(self, stream: ReportStream, tap: TapReports, client: ReportClient) -> None:
        self._stream = stream
        self._tap = tap
        self._client = client
        self._slice_plans: list[tuple[SlicePlan, list[Task]]] | None = None
        self._error: StreamError | None = None
        self._job_rows: Counter[str] = Counter()
        self._slice = self._job_id = ""
        self._open: TablePosition | None = None
        self._emit_began = 0.0
        self.zone: dt.tzinfo = dt.UTC
        """Where the vendor's days begin and end."""
        self.rows = 0
        """Records that are out, of finished slices."""

    @property
    def rows_in_progress(self) -> int:
        """Records of the slice at hand that are out by now."""
        place = self._open
        return place.context.first_row - 1 + place.rows if place else 0

    @property
    def current_job_id(self) -> str:
        """Id of the job whose records are being written, or ""."""
        return self._job_id

    def plan(self) -> list[SlicePlan]:
        """Return the slices to extract, ascending, with their requests.

        Raises:
            StreamError: The vendor can't be asked what is final.
        """
        stream = self._stream
        try:
            return [SlicePlan(days, self._requests(days)) for days in self._slices()]
        except CallError as error:
            raise CallsFailed.of(error).placed(vendor=stream.report.vendor, stream=stream.name) from error
        except ConfigError as error:
            # A catalog spares the vendor's discovery, which would have found this before.
            raise StreamError(str(error), remedy="Correct the report's settings.") from error

    def start(self) -> None:
        """Start all slices' jobs, once. What goes wrong is raised when the tables are asked for."""
        if self._slice_plans is not None:
            return
        self._slice_plans = []
        try:
            slice_plans = self.plan()
            if isinstance(self._client, Zoned):
                self.zone = self._client.zone()
        except StreamError as error:
            self._error = error
            return
        except CallError as error:
            self._error = CallsFailed.of(error)
            return
        state, runner = self._stream.bookmark_state, self._tap.run.runner
        known = {request.key: state.pending(request.key) for part in slice_plans for request in part.requests}
        state.keep_only(set(known))
        for part in slice_plans:
            tasks = [
                runner.start(self._stream.name, request, known[request.key]) for request in part.requests
            ]
            self._slice_plans.append((part, tasks))

    def slices(self) -> Iterator[Iterator[tuple[Table, TablePosition]]]:
        """Yield each slice's tables once all of its files are here; a slice whose tables are out is finished.

        The caller says in each table's place how many rows are out.

        Raises:
            StreamError: The slice can't be had; nothing of it or of later ones is bookmarked.
        """
        self._tap.start_all()
        if self._error:
            raise self._error
        for part, tasks in self._slice_plans or ():
            self._tap.run.runner.wait(tasks)
            for task in tasks:
                if task.error:
                    raise self._failed(task, task.error)
            self._emit_began = self._tap.run.clock.monotonic()
            yield self._tables(part, tasks)
            self._finish(part, tasks)

    def located(self, error: StreamError) -> StreamError:
        """Return an error with the places that it did not know."""
        place, job_id = (self._slice, self._job_id) if not error.job_id and not error.slice else ("", "")
        vendor, stream = self._stream.report.vendor, self._stream.name
        return error.placed(vendor=vendor, stream=stream, slice_=place, job_id=job_id)

    def _slices(self) -> Iterable[Slice | None]:
        stream, settings = self._stream, self._tap.settings
        if not stream.report.type.dated or settings.start_date is None:
            return [None]  # a dated report without a start date has ended the run before
        incremental = stream.replication_method != FULL_TABLE
        bookmark = stream.bookmark_state.bookmark if incremental else None
        found = stream.report.slices(
            start=self._first_day(settings.start_date, bookmark),
            bookmark=bookmark,
            final=self._client.final_day(stream.report.type),
            end=settings.end_date,
        )
        if not found:
            logger.info("%s: no new final day", stream.name)
        return found

    def _first_day(self, start: dt.date, bookmark: dt.date | None) -> dt.date:
        """Return the first day to extract: `start`, or later where the vendor's data begins later."""
        if not isinstance(self._client, Bounded):
            return start
        first = self._client.first_day(self._stream.report.type)
        if first is None or first <= start:
            return start
        if bookmark is None or bookmark < first:
            logger.warning(
                "%s: the data begins on %s, later than start_date (%s); it is extracted from there on.",
                self._stream.name,
                first,
                start,
            )
        return first

    def _requests(self, days: Slice | None) -> tuple[ReportRequest, ...]:
        report = self._stream.report
        settled = report.settled_on(days)
        return tuple(
            replace(request, settled_on=settled) for request in self._client.requests(report.type, days)
        )

    def _tables(self, part: SlicePlan, tasks: list[Task]) -> Iterator[tuple[Table, TablePosition]]:
        from tap_reports.files import tables_of_all

        self._slice = str(part.days or "")
        rows, type_, folder = 0, self._stream.report.type, self._tap.run.folder()
        for task in tasks:
            self._job_id = task.job_id
            for count, table in enumerate(tables_of_all(task.files, type_.layout, work_dir=folder)):
                if count and type_.infers_columns:
                    raise FileError(
                        f'the report has several sheets ("{table.sheet}" among them), and had one',
                        remedy="Run discovery again: each sheet is a stream then.",
                    )
                if not table.header:
                    continue
                place = self._open = TablePosition(self._context(part, task, rows + 1))
                yield table, place
                rows += place.rows
                self._job_rows[task.job_id] += place.rows
        self._open = None
        self.rows += rows

    def _context(self, part: SlicePlan, task: Task, first_row: int) -> SliceContext:
        return SliceContext(
            job_id=task.job_id,
            slice_start=part.days.start if part.days else None,
            slice_end=part.days.end if part.days else None,
            first_row=first_row,
            vendor=self._stream.report.vendor,
        )

    def _failed(self, task: Task, error: StreamError) -> StreamError:
        """Return a task's error; a job that ended without result is not resumed."""
        if task.is_dropped:
            self._stream.bookmark_state.drop(task.request.key)
        return error

    def _finish(self, part: SlicePlan, tasks: list[Task]) -> None:
        """Note that a slice's records are out: bookmark, jobs, STATE."""
        self._slice = self._job_id = ""
        stream, run, state = self._stream, self._tap.run, self._stream.bookmark_state
        for task in tasks:
            state.drop(task.request.key)
            rows = self._job_rows.pop(task.job_id, 0)
            if rows and rows == task.request.row_limit:
                logger.warning(
                    "%s: the result of job %s (%s) has exactly %d rows, which is the limit, so there may be "
                    'more. Raise the report\'s "limit", or ask for less at a time.',
                    stream.name,
                    task.job_id,
                    task.request.slice or "snapshot",
                    rows,
                )
            if task.job:
                run.ledger.emitted(
                    task.job,
                    stream=stream.name,
                    rows=rows,
                    seconds=run.clock.monotonic() - self._emit_began,
                    run_id=run.id,
                )
            run.runner.release(task, stream.name)
        if part.days and stream.replication_key and stream.replication_method != FULL_TABLE:
            state.advance(stream.replication_key, part.days.end)
        self._tap.write_state()
