"""Columns that are known only from a file: discovery requests the file that the sync also needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallError, FileError, StreamError
from tap_reports.models import Column, FileFormat, ReportType, Slice
from tap_reports.models.columns import SHEET_IN_NAME, property_name, property_names
from tap_reports.sync.columns import find_column
from tap_reports.sync.configured import LINEAGE_NAMES, build_report, report_settings
from tap_reports.sync.guards import with_job_remedy
from tap_reports.sync.planning import StreamPlanner
from tap_reports.sync.report import Report
from tap_reports.sync.state import StreamState

if TYPE_CHECKING:
    from tap_reports.client import ReportClient
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import RunState
    from tap_reports.vendor import Vendor

DiscoveredReport = tuple[Report, "ReportClient"]
OnFailure = Callable[[str, StreamError], None]


@dataclass(frozen=True, slots=True)
class _PendingReport:
    """A report whose file has been requested."""

    report: Report
    vendor: Vendor
    client: ReportClient
    task: Task


@dataclass
class ColumnDiscovery:
    """Discovers the columns of all vendors' reports: all jobs run at once, no report waits for another.

    Attributes:
        state: Names each job until its report's columns are known.
        on_failure: Called for a report that can't be discovered; None: its error is raised.
    """

    run: Run
    state: RunState
    on_failure: OnFailure | None = None
    _pending: list[_PendingReport] = field(default_factory=list, init=False)

    @property
    def tasks(self) -> list[Task]:
        """The jobs of the reports whose columns are not known yet."""
        return [pending.task for pending in self._pending]

    @property
    def is_any_ready(self) -> bool:
        """True if a report's file has come, or its job has failed."""
        return any(task.is_over for task in self.tasks)

    def start(self, report: Report, vendor: Vendor, client: ReportClient) -> None:
        """Request a report's file."""
        try:
            self._pending.append(_PendingReport(report, vendor, client, self._start_job(report, client)))
        except (StreamError, CallError) as error:
            self._fail(report, StreamError.from_error(error))

    def take(self) -> Iterator[DiscoveredReport]:
        """Yield the reports whose files have come; a file of several sheets gives a report for each."""
        ready = [pending for pending in self._pending if pending.task.is_over]
        self._pending = [pending for pending in self._pending if pending not in ready]
        for pending in ready:
            try:
                types = _types_of_file(self.run, pending)
            except StreamError as error:
                if pending.task.has_no_result:
                    self.state.drop_job(pending.report.stream, pending.task.request.key)
                self._fail(pending.report, error)
                continue
            self.state.drop_job(pending.report.stream, pending.task.request.key)
            if len(types) > 1:  # the streams of its sheets join the task by their own names
                pending.task.streams -= {pending.report.stream}
            for type_ in types:
                report = build_report(type_, pending.vendor, pending.client.config, self.run.settings)
                yield report, pending.client

    def take_all(self) -> Iterator[DiscoveredReport]:
        """Wait for all files, and yield all reports."""
        if self._pending:
            self.run.engine.wait(self.tasks)
        return self.take()

    def _start_job(self, report: Report, client: ReportClient) -> Task:
        """Request what the sync will request last, so that the sync can use this job."""
        states = [
            StreamState(dict(values))
            for name, values in self.state.bookmarks.items()
            if name == report.stream or name.startswith(report.stream + SHEET_IN_NAME)
        ]
        planner = StreamPlanner(report=report, client=client, run=self.run, states=states)
        requests = planner.plan().requests or replace(planner, is_incremental=False).plan().requests
        if not requests:  # no day is final yet
            day = client.final_day(report.type)
            requests = list(client.requests(report.type, Slice(day, day)))
        known = (state.pending(requests[-1].key) for state in states)
        return self.run.engine.start(report.stream, requests[-1], next(filter(None, known), None))

    def _fail(self, report: Report, error: StreamError) -> None:
        located = error.with_location(vendor=report.vendor, stream=report.stream)
        if self.on_failure is None:
            raise located
        self.on_failure(report.stream, located)


def _types_of_file(run: Run, pending: _PendingReport) -> list[ReportType]:
    """Return the report's type with columns; if the file has several sheets, a type for each.

    Raises:
        StreamError: The file did not come, or is not the report.
    """
    from tap_reports.files import tables_of_all

    task, type_ = pending.task, pending.report.type
    if task.error:
        raise task.error
    try:
        sheets = [
            (table.sheet, _columns(table, type_))
            for table in tables_of_all(task.files, type_.layout, work_dir=run.folder())
        ]
        _require_keys(pending, [column for _, columns in sheets for column in columns])
    except StreamError as error:
        slice_ = str(task.request.slice or "")
        raise with_job_remedy(error).with_location(slice_=slice_, job_id=task.job_id) from error
    if len(sheets) < 2:
        return [replace(type_, columns=sheets[0][1] if sheets else ())]
    # Sheets with the same property name get `_2`, `_3`, as columns do.
    names = property_names([sheet or "sheet" for sheet, _ in sheets])
    return [
        replace(
            type_,
            name=f"{type_.name}{SHEET_IN_NAME}{name}",
            columns=columns,
            layout=replace(type_.layout, sheet=sheet),
        )
        for (sheet, columns), name in zip(sheets, names, strict=True)
    ]


def _require_keys(pending: _PendingReport, columns: list[Column]) -> None:
    """Check that the columns include those that the settings name as keys.

    Raises:
        FileError: Some are missing.
    """
    own = report_settings(pending.report.type, pending.vendor, pending.client.config)
    keys = dict.fromkeys([*own.primary_keys, *filter(None, [own.replication_key])])
    missing = [name for name in keys if name not in LINEAGE_NAMES and not find_column(name, columns)]
    if missing and columns:
        raise FileError(
            f"the file has the columns {', '.join(column.header for column in columns[:20])}, "
            f"not {', '.join(missing)}",
            remedy="Correct primary_keys and replication_key by what the file holds.",
        )


def _columns(table: Table, type_: ReportType) -> tuple[Column, ...]:
    """Return a table's columns: the vendor's documented kinds, else kinds inferred from the cells."""
    from tap_reports.files.cells import infer

    inferred = infer(
        table.rows(),
        len(table.header),
        numbers_in_text=table.format is FileFormat.CSV,
        notation=table.notation,
        known=table.kinds,
    )
    names = [property_name(header) for header in table.header]
    kinds = [type_.known_kinds.get(name, kind) for name, kind in zip(names, inferred, strict=True)]
    return tuple(map(Column, table.header, names, kinds))
