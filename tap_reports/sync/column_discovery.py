"""Columns that are known from a file only: the file is asked for that the sync needs as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import CallError, FileError, StreamError
from tap_reports.models import Column, FileFormat, Kind, ReportType, Slice
from tap_reports.models.columns import LINEAGE, property_name, property_names
from tap_reports.sync.configured import report_of, settings_of
from tap_reports.sync.guards import refused
from tap_reports.sync.planning import Planning
from tap_reports.sync.report import Report, find_column
from tap_reports.sync.state import StreamState

if TYPE_CHECKING:
    from tap_reports.client import ReportClient
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import RunState
    from tap_reports.vendor import Vendor

Found = tuple[Report, "ReportClient"]
Fail = Callable[[str, StreamError], None]
LINEAGE_NAMES = frozenset(column.property for column in LINEAGE)


@dataclass(frozen=True, slots=True)
class _PendingReport:
    """A report whose file is on its way."""

    report: Report
    vendor: Vendor
    client: ReportClient
    task: Task


class ColumnDiscovery:
    """Discovers the columns of all vendors' reports. All jobs run at once, and no report waits for another.

    Args:
        run: The run.
        state: The streams' states; a job is named in it until its columns are known.
        fail: Told of a report that can't be discovered, so that the others are; without, that is raised.
    """

    def __init__(self, run: Run, state: RunState, fail: Fail | None = None) -> None:
        self._run = run
        self._state = state
        self._fail = fail
        self._open: list[_PendingReport] = []

    def start(self, type_: ReportType, vendor: Vendor, client: ReportClient) -> None:
        """Ask for a report's file."""
        report = report_of(type_, vendor, client.config, self._run.settings)
        try:
            self._open.append(_PendingReport(report, vendor, client, self._started(report, client)))
        except (StreamError, CallError) as error:
            self._failed(report, StreamError.of(error))

    @property
    def tasks(self) -> list[Task]:
        """The jobs of the reports whose columns are not known yet."""
        return [one.task for one in self._open]

    @property
    def is_any_ready(self) -> bool:
        """True if `take` has something to yield, or to tell of."""
        return any(task.is_over for task in self.tasks)

    def take(self) -> Iterator[Found]:
        """Yield the reports whose files have come; those of several sheets are one report a sheet."""
        ready = [one for one in self._open if one.task.is_over]
        self._open = [one for one in self._open if one not in ready]
        for one in ready:
            try:
                types = _inferred(self._run, one)
            except StreamError as error:
                if one.task.is_dropped:
                    self._state.drop(one.report.stream, one.task.request.key)
                self._failed(one.report, error)
                continue
            self._state.drop(one.report.stream, one.task.request.key)
            if len(types) > 1:  # the streams of its sheets take the job on, each by its own name
                one.task.streams -= {one.report.stream}
            for type_ in types:
                yield report_of(type_, one.vendor, one.client.config, self._run.settings), one.client

    def take_all(self) -> Iterator[Found]:
        """Wait for all files, and yield all reports."""
        if self._open:
            self._run.runner.wait(self.tasks)
        return self.take()

    def _started(self, report: Report, client: ReportClient) -> Task:
        """Ask for what the sync asks for last, so that it can use this job."""
        states = [
            StreamState(dict(values))
            for name, values in self._state.bookmarks.items()
            if name == report.stream or name.startswith(f"{report.stream}__")
        ]
        planning = Planning(report=report, client=client, run=self._run, states=states)
        found = planning.plan().requests or replace(planning, is_incremental=False).plan().requests
        if not found:  # no day is final yet
            day = client.final_day(report.type)
            found = list(client.requests(report.type, Slice(day, day)))
        known = (state.pending(found[-1].key) for state in states)
        return self._run.runner.start(report.stream, found[-1], next(filter(None, known), None))

    def _failed(self, report: Report, error: StreamError) -> None:
        placed = error.placed(vendor=report.vendor, stream=report.stream)
        if self._fail is None:
            raise placed
        self._fail(report.stream, placed)


def _inferred(run: Run, pending: _PendingReport) -> list[ReportType]:
    """Return the report's types, with columns: one for each sheet where there are several.

    Raises:
        StreamError: The file did not come, or is not the report.
    """
    from tap_reports.files import tables_of_all

    task, type_ = pending.task, pending.report.type
    if task.error:
        raise task.error
    try:
        found = [
            (table.sheet, _columns(table, type_))
            for table in tables_of_all(task.files, type_.layout, work_dir=run.folder())
        ]
        _require_keys(pending, [column for _, columns in found for column in columns])
    except StreamError as error:
        raise refused(error).placed(slice_=str(task.request.slice or ""), job_id=task.job_id) from error
    if len(found) < 2:
        return [replace(type_, columns=found[0][1] if found else ())]
    # Names that become equal get `_2`, `_3`, as columns do.
    names = property_names([sheet or "sheet" for sheet, _ in found])
    return [
        replace(
            type_,
            name=f"{type_.name}__{name}",
            columns=columns,
            layout=replace(type_.layout, sheet=sheet),
        )
        for (sheet, columns), name in zip(found, names, strict=True)
    ]


def _require_keys(pending: _PendingReport, columns: list[Column]) -> None:
    """Raise FileError if there are columns, but not those that the settings name as keys."""
    own = settings_of(pending.report.type, pending.vendor, pending.client.config)
    named = dict.fromkeys([*own.primary_keys, *filter(None, [own.replication_key])])
    missing = [name for name in named if name not in LINEAGE_NAMES and not find_column(name, columns)]
    if missing and columns:
        raise FileError(
            f"the file has the columns {', '.join(column.header for column in columns[:20])}, "
            f"not {', '.join(missing)}",
            remedy="Correct primary_keys and replication_key by what the file holds.",
        )


def _columns(table: Table, type_: ReportType) -> tuple[Column, ...]:
    """Return a table's columns: kinds by what the vendor documents, else by what the cells hold."""
    from tap_reports.files.infer import infer

    known: Mapping[str, Any] = type_.parameters.get("known_kinds", {})
    kinds = infer(
        table.rows(),
        len(table.header),
        numbers_in_text=table.format is FileFormat.CSV,
        notation=table.notation,
        known=table.kinds,
    )
    return tuple(
        Column(header, property_name(header), Kind(known.get(property_name(header), kind)))
        for header, kind in zip(table.header, kinds, strict=True)
    )
