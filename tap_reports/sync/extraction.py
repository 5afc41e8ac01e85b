"""One stream's extraction: the jobs and tables of its slices, and its bookmark."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tap_reports.client import ReportClient
from tap_reports.emit.plan import SliceContext, TablePosition, Tally
from tap_reports.exceptions import CallError, FileError, StreamError
from tap_reports.sync.guards import EqualFiles, check_days, row_count_warnings, with_job_remedy
from tap_reports.sync.planning import SlicePlan, StreamPlan, StreamPlanner
from tap_reports.vendor import Zoned

if TYPE_CHECKING:
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.sync.report import Report
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import StreamState

    SliceTasks = tuple[SlicePlan, list[Task]]

logger = logging.getLogger("tap-reports")


@dataclass(eq=False, kw_only=True)
class Extraction:
    """One stream's extraction in one run.

    Attributes:
        state: The stream's part of the state.
        is_incremental: Continue after the bookmark, and move it.
        write_state: Writes a STATE message if anything has changed.
        should_yield: Returns True if another stream has something to write.
        error: Why it can't start: for example, the vendor did not say which day is final.
        current_job_id: The job whose records are being written, or "".
        zone: Time zone of the vendor's days.
        rows: Records of finished slices.
        is_over: All records are emitted, or it has failed.
    """

    report: Report
    client: ReportClient
    run: Run
    state: StreamState
    is_incremental: bool
    write_state: Callable[[], object]
    should_yield: Callable[[], bool]
    error: StreamError | None = None
    current_job_id: str = ""
    zone: dt.tzinfo = dt.UTC
    rows: int = 0
    slices_done: int = 0
    tally: Tally = field(default_factory=Tally)
    is_over: bool = False
    _slice_tasks: list[SliceTasks] | None = None
    _current_slice: str = ""
    _current_table: TablePosition | None = None
    _rows_by_job: Counter[str] = field(default_factory=Counter)
    _digests: dict[str, str | None] = field(default_factory=dict)
    _emit_started: float = 0.0

    @cached_property
    def plan(self) -> StreamPlan:
        """What there is to extract.

        Raises:
            StreamError: The vendor did not say which day is final, or the ledger failed.
        """
        return StreamPlanner(
            report=self.report,
            client=self.client,
            run=self.run,
            states=(self.state,),
            is_incremental=self.is_incremental,
        ).plan()

    @cached_property
    def _equal_files(self) -> EqualFiles:
        return EqualFiles(self.report, self.run.folder(), self.run.ledger)

    def final_day(self) -> dt.date | None:
        """Return the last final day; None for a snapshot, or if the vendor does not answer."""
        try:
            return self.client.final_day(self.report.type) if self.report.type.dated else None
        except CallError:
            return None  # `start` notes the error

    @property
    def slice_tasks(self) -> list[SliceTasks]:
        """The slices, each with its tasks; none before `start`."""
        return self._slice_tasks or []

    @property
    def rows_in_progress(self) -> int:
        """Records of the current slice that are emitted so far."""
        table = self._current_table
        return table.context.first_row - 1 + table.rows if table else 0

    @property
    def rows_emitted(self) -> int:
        """Records that are emitted so far."""
        return self.rows + self.rows_in_progress

    @property
    def next_tasks(self) -> list[Task]:
        """The tasks of the slice that is emitted next; none after the last one."""
        return self.slice_tasks[self.slices_done][1] if self.slices_done < len(self.slice_tasks) else []

    @property
    def is_ready(self) -> bool:
        """True if it can continue, or end, without waiting for a job."""
        return self._slice_tasks is not None and all(task.is_over for task in self.next_tasks)

    def start(self) -> None:
        """Start all slices' jobs, once. `slices` raises what goes wrong here."""
        if self._slice_tasks is not None:
            return
        self._slice_tasks = []
        try:
            plan = self.plan
            if isinstance(self.client, Zoned):
                self.zone = self.client.zone()
        except (StreamError, CallError) as error:
            self.error = StreamError.from_error(error)
            return
        for level, texts in ((logging.INFO, plan.notes), (logging.WARNING, plan.warnings)):
            for text in texts:
                logger.log(level, "%s: %s", self.report.stream, text)
        known = {request.key: self.state.pending(request.key) for request in plan.requests}
        self.state.keep_only(known.keys() | plan.later)
        start = self.run.engine.start
        for slice_plan in plan.slices:
            requests = slice_plan.requests
            tasks = [start(self.report.stream, request, known[request.key]) for request in requests]
            self._slice_tasks.append((slice_plan, tasks))

    def slices(self) -> Iterator[Iterator[tuple[Table, TablePosition]]]:
        """Yield each slice's tables once all its files are downloaded. When they are read, it is finished.

        Ends early if it would have to wait while another stream has something to write; the next call
        continues there. `is_over` says whether it is complete.

        Raises:
            StreamError: The slice failed; nothing of it or of later ones is bookmarked.
        """
        self.start()
        if self.error:
            raise self.error
        engine = self.run.engine
        while tasks := self.next_tasks:
            engine.wait_until(lambda: self.is_ready or self.should_yield(), tasks)
            if not self.is_ready:
                return
            slice_plan = self.slice_tasks[self.slices_done][0]
            for task in tasks:
                if task.error:
                    if task.has_no_result:  # ended without a result, so nothing to resume
                        self.state.drop_job(task.request.key)
                    raise task.error
            self._emit_started = self.run.clock.monotonic()
            yield self._tables(slice_plan, tasks)
            self._finish(slice_plan, tasks)
        self.is_over = True

    def fail(self, error: StreamError) -> StreamError:
        """End it; nothing more is submitted for it. Returns the error with stream, slice and job."""
        self.is_over = True
        if self._current_table:
            self.tally.add(self._current_table.tally)
        self.run.engine.abandon(self.report.stream)
        if self.current_job_id:
            with_job_remedy(error)
        knows_where = error.job_id or error.slice
        slice_, job_id = ("", "") if knows_where else (self._current_slice, self.current_job_id)
        return error.with_location(
            vendor=self.report.vendor, stream=self.report.stream, slice_=slice_, job_id=job_id
        )

    def _tables(self, plan: SlicePlan, tasks: list[Task]) -> Iterator[tuple[Table, TablePosition]]:
        from tap_reports.files import tables_of_all

        days = plan.days
        self._current_slice = str(days or "")
        start, end = (days.start, days.end) if days else (None, None)
        context = SliceContext(job_id="", slice_start=start, slice_end=end, vendor=self.report.vendor)
        rows, type_, folder, tally = 0, self.report.type, self.run.folder(), Tally()
        for task in tasks:
            self.current_job_id = task.job_id
            self._digests[task.job_id] = self._equal_files.check(task)
            for count, table in enumerate(tables_of_all(task.files, type_.layout, work_dir=folder)):
                if count and type_.infers_columns:
                    raise FileError(
                        f'the report has several sheets ("{table.sheet}" among them), and had one',
                        remedy="Run discovery again: each sheet is a stream then.",
                    )
                if not table.header:
                    continue
                position = TablePosition(replace(context, job_id=task.job_id, first_row=rows + 1))
                self._current_table = position
                yield table, position
                rows += position.rows
                tally.add(position.tally)
                self._rows_by_job[task.job_id] += position.rows
        self._current_table = None
        self.tally.add(tally)
        if text := check_days(days, tally):
            logger.warning("%s: %s", self.report.stream, text)
        self.rows += rows

    def _finish(self, plan: SlicePlan, tasks: list[Task]) -> None:
        """Note that a slice's records are emitted: bookmark, jobs, STATE."""
        self._current_slice = self.current_job_id = ""
        run, stream = self.run, self.report.stream
        for task in tasks:
            self.state.drop_job(task.request.key)
            rows = self._rows_by_job.pop(task.job_id, 0)
            for text in row_count_warnings(task, rows):
                logger.warning("%s: %s", stream, text)
            if task.job:
                run.ledger.emitted(
                    task.job,
                    stream=stream,
                    rows=rows,
                    seconds=run.clock.monotonic() - self._emit_started,
                    run_id=run.id,
                    content=self._digests.pop(task.job_id, None),
                )
            run.engine.release(task, stream)
        self.slices_done += 1
        if plan.days and self.report.replication_key and self.is_incremental:
            self.state.advance(self.report.replication_key, plan.days.end)
        self.write_state()
