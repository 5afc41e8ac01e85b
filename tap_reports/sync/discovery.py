"""Report types -> reports: what streams there are, and the columns of those known from a file only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import CallError, CallsFailed, ConfigError, FileError, StreamError
from tap_reports.files.columns import LINEAGE, property_name, property_names
from tap_reports.models import Column, FileFormat, Kind, ReportType, Slice
from tap_reports.sync.planning import Planning
from tap_reports.sync.report import Report, configured, find_column
from tap_reports.sync.state import StreamState
from tap_reports.vendor import CatalogStream, ReportClient, ReportConfig, Vendor, VendorConfig

if TYPE_CHECKING:
    from tap_reports.files import Table
    from tap_reports.jobs.task import Task
    from tap_reports.sync.run import Run

logger = logging.getLogger("tap-reports")

Found = tuple[Report, ReportClient]
LINEAGE_NAMES = frozenset(column.property for column in LINEAGE)


def discover(
    run: Run,
    *,
    learn: bool = True,
    bookmarks: Mapping[str, Any] | None = None,
    fail: Callable[[str, StreamError], None] | None = None,
) -> list[Found]:
    """Return all reports of all configured vendors with their clients.

    Args:
        run: The run.
        bookmarks: The state's, by stream: what is asked for here is what the sync asks for, or has asked.
        fail: Told of a stream (or a whole vendor) that can't be discovered, so that the others are; without,
            that is raised.
        learn: Ask for a file of each report whose columns are known from a file only. Without, such a
            report is one stream without columns, and nothing is submitted.

    Raises:
        ConfigError: Reports that do not exist; streams of one name.
    """
    found: list[Found] = []
    errors: list[str] = []
    for vendor, config, client in run.vendors():
        try:
            types = list(client.report_types())
            if learn:
                types = list(_Learning(run, vendor, config, client, bookmarks or {}, fail).learnt(types))
        except ConfigError as error:
            errors.extend(error.errors)
            continue
        except CallError as error:
            if fail is None:
                raise
            fail(vendor.name, CallsFailed.of(error).placed(vendor=vendor.name))
            continue
        found.extend((_configured(type_, vendor, config, run), client) for type_ in types)
    names = [report.stream for report, _ in found]
    errors.extend(
        f'more than one report is named "{name}"; give each its own "name"'
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    )
    if errors:
        raise ConfigError(errors)
    return found


def restore(run: Run, streams: Mapping[str, str]) -> list[Found]:
    """Return the reports of a catalog's streams without any call.

    Args:
        run: The run.
        streams: Schema titles by stream name.

    Raises:
        ConfigError: There are streams, and none is of this configuration.
    """
    found: list[Found] = []
    for vendor, config, client in run.vendors():
        prefix = f"{vendor.name}_"
        for name, title in streams.items():
            if not name.startswith(prefix):
                continue
            type_ = client.restore(CatalogStream(name=name.removeprefix(prefix), title=title))
            if type_ is None:
                continue
            report = _configured(type_, vendor, config, run)
            found.append((replace(report, stream=name), client))
    known = {report.stream for report, _ in found}
    for name in streams:
        if name not in known:
            logger.warning("%s: in the catalog, but not configured; skipped", name)
    if streams and not found:
        names = ", ".join([*list(streams)[:3], *(["…"] if len(streams) > 3 else [])])
        text = f"catalog: none of its streams ({names}) is configured here; make one with --discover."
        raise ConfigError([text])
    return found


def _configured(type_: ReportType, vendor: Vendor, config: VendorConfig, run: Run) -> Report:
    return configured(type_, vendor, config, _settings_of(type_, vendor, config), run.settings)


def _settings_of(type_: ReportType, vendor: Vendor, config: VendorConfig) -> ReportConfig:
    """Return the settings of a report type: those from which its client made it."""
    for report in config.reports or ():
        half = report.name or vendor.report_name(report.values)
        name = property_name(half) if half else ""
        if name and (type_.name == name or type_.name.startswith(f"{name}__")):
            # A sheet's name has two halves, and the setting names only the first.
            return replace(report, name=None)
    return ReportConfig()


# --- columns learnt from a file -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Learning:
    """Learns the columns of one vendor's reports from their files. All jobs run at once."""

    run: Run
    vendor: Vendor
    config: VendorConfig
    client: ReportClient
    bookmarks: Mapping[str, Any]
    fail: Callable[[str, StreamError], None] | None

    def learnt(self, types: Sequence[ReportType]) -> Iterator[ReportType]:
        """Yield the types with columns; those of several sheets become one type a sheet."""
        types = [_configured(type_, self.vendor, self.config, self.run).type for type_ in types]
        tasks = {type_.name: self._started(type_) for type_ in types if type_.infers_columns}
        for type_ in types:
            if type_.name not in tasks:
                yield type_
                continue
            try:
                sheets = list(_type_per_sheet(self.run, type_, tasks[type_.name]))
                yield from self._checked(type_, sheets)
            except StreamError as error:
                if self.fail is None:
                    raise
                self.fail(f"{self.vendor.name}_{type_.name}", error.placed(vendor=self.vendor.name))

    def _checked(self, type_: ReportType, sheets: list[ReportType]) -> list[ReportType]:
        """Return the sheets if they have the columns that the settings name as keys."""
        settings = _settings_of(type_, self.vendor, self.config)
        columns = [column for sheet in sheets for column in sheet.columns]
        named = [*settings.primary_keys, *filter(None, [settings.replication_key])]
        missing = [name for name in named if name not in LINEAGE_NAMES and not find_column(name, columns)]
        if missing and columns:
            raise FileError(
                f"the file has the columns {', '.join(column.header for column in columns[:20])}, "
                f"not {', '.join(missing)}",
                remedy="Correct primary_keys and replication_key by what the file holds, or run again.",
            )
        return sheets

    def _started(self, type_: ReportType) -> list[Task]:
        """Ask for what the sync asks for last, so that it can use this job."""
        report = _configured(type_, self.vendor, self.config, self.run)
        states = [
            StreamState(dict(values))
            for name, values in self.bookmarks.items()
            if name == report.stream or name.startswith(f"{report.stream}__")
        ]
        planning = Planning(report=report, client=self.client, run=self.run, states=states)
        found = planning.plan().requests or replace(planning, is_incremental=False).plan().requests
        if not found:  # no day is final yet
            day = self.client.final_day(type_)
            found = list(self.client.requests(type_, Slice(day, day)))
        known = (state.pending(found[-1].key) for state in states)
        return [self.run.runner.start(report.stream, found[-1], next(filter(None, known), None))]


def _type_per_sheet(run: Run, type_: ReportType, tasks: list[Task]) -> Iterator[ReportType]:
    from tap_reports.files import tables_of_all

    run.runner.wait(tasks)
    for task in tasks:
        if task.error:
            raise task.error.placed(stream=f"{task.request.vendor}_{type_.name}")
    found: list[tuple[str | None, tuple[Column, ...]]] = []
    for task in tasks:
        try:
            found.extend(
                (table.sheet, _columns(table, type_))
                for table in tables_of_all(task.files, type_.layout, work_dir=run.folder())
            )
        except StreamError as error:
            raise error.placed(slice_=str(task.request.slice or ""), job_id=task.job_id) from error
    if len(found) < 2:
        yield replace(type_, columns=found[0][1] if found else ())
        return
    # Names that become equal get `_2`, `_3`, as columns do.
    names = property_names([sheet or "sheet" for sheet, _ in found])
    for (sheet, columns), name in zip(found, names, strict=True):
        yield replace(
            type_,
            name=f"{type_.name}__{name}",
            columns=columns,
            layout=replace(type_.layout, sheet=sheet),
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
