"""One stream's slices on their way out: their jobs, their tables, and the bookmark behind them."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tap_reports.client import ReportClient
from tap_reports.emit.plan import SliceContext, TablePosition, Tally
from tap_reports.exceptions import CallError, FileError, StreamError
from tap_reports.sync.guards import EqualFiles, check_days, count_warnings, refused
from tap_reports.sync.planning import Planning, SlicePlan, StreamPlan
from tap_reports.vendor import Zoned

if TYPE_CHECKING:
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.sync.report import Report
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import StreamState

    Part = tuple["SlicePlan", list[Task]]

logger = logging.getLogger("tap-reports")


class Extraction:
    """One stream's extraction in one run.

    Args:
        report: The stream's.
        client: Its vendor's.
        run: The run.
        state: The stream's part of the state.
        is_incremental: It goes on after its bookmark, and moves it.
        write_state: Writes a STATE message if anything has changed.
        should_yield: Whether another stream has something to write.
    """

    def __init__(
        self,
        report: Report,
        client: ReportClient,
        *,
        run: Run,
        state: StreamState,
        is_incremental: bool,
        write_state: Callable[[], object],
        should_yield: Callable[[], bool],
    ) -> None:
        self.report = report
        self._client = client
        self._run = run
        self._state = state
        self._is_incremental = is_incremental
        self._write_state = write_state
        self._should_yield = should_yield
        self._parts: list[tuple[SlicePlan, list[Task]]] | None = None
        self.error: StreamError | None = None
        """Why there is nothing to extract: the vendor can't be asked what is final, for one."""
        self._job_rows: Counter[str] = Counter()
        self._contents: dict[str, str | None] = {}
        self._slice = ""
        self._open: TablePosition | None = None
        self._emit_began = 0.0
        self.current_job_id = ""
        """Id of the job whose records are being written, or ""."""
        self.zone: dt.tzinfo = dt.UTC
        """Where the vendor's days begin and end."""
        self.rows = 0
        """Records that are out, of finished slices."""
        self.slices_done = 0
        self.tally = Tally()
        """What was noticed in all of its records."""
        self.is_over = False
        """All is out, or it has failed."""

    @cached_property
    def plan(self) -> StreamPlan:
        """What there is to extract.

        Raises:
            StreamError: The vendor can't be asked what is final; the ledger failed.
        """
        return Planning(
            report=self.report,
            client=self._client,
            run=self._run,
            states=(self._state,),
            is_incremental=self._is_incremental,
        ).plan()

    @cached_property
    def _equal_files(self) -> EqualFiles:
        return EqualFiles(self.report, self._run.folder(), self._run.ledger)

    def final_day(self) -> dt.date | None:
        """Return the last day that is final; None for a snapshot, or where the vendor can't be asked."""
        try:
            return self._client.final_day(self.report.type) if self.report.type.dated else None
        except CallError:
            return None  # the stream fails for it when its slices are asked for

    @property
    def parts(self) -> list[Part]:
        """The slices, each with its jobs; none before it has begun."""
        return self._parts or []

    @property
    def rows_in_progress(self) -> int:
        """Records of the slice at hand that are out by now."""
        return self._open.context.first_row - 1 + self._open.rows if self._open else 0

    @property
    def rows_out(self) -> int:
        """Records that are out by now, those of the slice at hand included."""
        return self.rows + self.rows_in_progress

    @property
    def next_tasks(self) -> list[Task]:
        """The jobs of the slice that comes out next; none if there is no further one."""
        return self.parts[self.slices_done][1] if self.slices_done < len(self.parts) else []

    @property
    def is_ready(self) -> bool:
        """True if it need not wait for a job to go on, or to end."""
        return self._parts is not None and all(task.is_over for task in self.next_tasks)

    def start(self) -> None:
        """Start all slices' jobs, once. What goes wrong is raised when the tables are asked for."""
        if self._parts is not None:
            return
        self._parts = []
        try:
            plan = self.plan
            if isinstance(self._client, Zoned):
                self.zone = self._client.zone()
        except (StreamError, CallError) as error:
            self.error = StreamError.of(error)
            return
        for level, texts in ((logging.INFO, plan.notes), (logging.WARNING, plan.warnings)):
            for text in texts:
                logger.log(level, "%s: %s", self.report.stream, text)
        known = {request.key: self._state.pending(request.key) for request in plan.requests}
        self._state.keep_only(known.keys() | plan.later)
        start = self._run.runner.start
        for part in plan.slices:
            tasks = [start(self.report.stream, request, known[request.key]) for request in part.requests]
            self._parts.append((part, tasks))

    def slices(self) -> Iterator[Iterator[tuple[Table, TablePosition]]]:
        """Yield each slice's tables once all of its files are here; a slice whose tables are out is finished.

        Ends early where it would have to wait while another stream has something to write; the next call goes
        on from there. `is_over` says which it was.

        Raises:
            StreamError: The slice can't be had; nothing of it or of later ones is bookmarked.
        """
        self.start()
        if self.error:
            raise self.error
        runner = self._run.runner
        while tasks := self.next_tasks:
            runner.wait_until(lambda: self.is_ready or self._should_yield(), tasks)
            if not self.is_ready:
                return
            part = self.parts[self.slices_done][0]
            for task in tasks:
                if task.error:
                    if task.is_dropped:  # it ended without result, and is not resumed
                        self._state.drop(task.request.key)
                    raise task.error
            self._emit_began = self._run.clock.monotonic()
            yield self._tables(part, tasks)
            self._finish(part, tasks)
        self.is_over = True

    def fail(self, error: StreamError) -> StreamError:
        """End it; nothing more is submitted for it. Returns the error with what it did not know of where."""
        self.is_over = True
        if self._open:
            self.tally.add(self._open.tally)
        self._run.runner.abandon(self.report.stream)
        if self.current_job_id:
            refused(error)
        knows_where = error.job_id or error.slice
        slice_, job_id = ("", "") if knows_where else (self._slice, self.current_job_id)
        return error.placed(
            vendor=self.report.vendor, stream=self.report.stream, slice_=slice_, job_id=job_id
        )

    def _tables(self, part: SlicePlan, tasks: list[Task]) -> Iterator[tuple[Table, TablePosition]]:
        from tap_reports.files import tables_of_all

        self._slice = str(part.days or "")
        start, end = (part.days.start, part.days.end) if part.days else (None, None)
        context = SliceContext(job_id="", slice_start=start, slice_end=end, vendor=self.report.vendor)
        rows, type_, folder, tally = 0, self.report.type, self._run.folder(), Tally()
        for task in tasks:
            self.current_job_id = task.job_id
            self._contents[task.job_id] = self._equal_files.check(task)
            for count, table in enumerate(tables_of_all(task.files, type_.layout, work_dir=folder)):
                if count and type_.infers_columns:
                    raise FileError(
                        f'the report has several sheets ("{table.sheet}" among them), and had one',
                        remedy="Run discovery again: each sheet is a stream then.",
                    )
                if not table.header:
                    continue
                self._open = TablePosition(replace(context, job_id=task.job_id, first_row=rows + 1))
                yield table, self._open
                rows += self._open.rows
                tally.add(self._open.tally)
                self._job_rows[task.job_id] += self._open.rows
        self._open = None
        self.tally.add(tally)
        if text := check_days(part.days, tally):
            logger.warning("%s: %s", self.report.stream, text)
        self.rows += rows

    def _finish(self, part: SlicePlan, tasks: list[Task]) -> None:
        """Note that a slice's records are out: bookmark, jobs, STATE."""
        self._slice = self.current_job_id = ""
        run, stream = self._run, self.report.stream
        for task in tasks:
            self._state.drop(task.request.key)
            rows = self._job_rows.pop(task.job_id, 0)
            for text in count_warnings(task, rows):
                logger.warning("%s: %s", stream, text)
            if task.job:
                run.ledger.emitted(
                    task.job,
                    stream=stream,
                    rows=rows,
                    seconds=run.clock.monotonic() - self._emit_began,
                    run_id=run.id,
                    content=self._contents.pop(task.job_id, None),
                )
            run.runner.release(task, stream)
        self.slices_done += 1
        if part.days and self.report.replication_key and self._is_incremental:
            self._state.advance(self.report.replication_key, part.days.end)
        self._write_state()
