"""What streams there are: the vendors' report types with the user's settings, or a catalog's streams."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.client import ReportClient
from tap_reports.exceptions import CallError, ConfigError, StreamError
from tap_reports.sync.column_discovery import ColumnDiscovery, Fail, Found
from tap_reports.sync.configured import report_of
from tap_reports.vendor import CatalogStream, Vendor

if TYPE_CHECKING:
    from tap_reports.models import ReportType
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import RunState

logger = logging.getLogger("tap-reports")


def discover(
    run: Run, state: RunState, *, from_files: bool, fail: Fail | None
) -> tuple[list[Found], ColumnDiscovery]:
    """Return the reports of all configured vendors with their clients, and those whose columns are yet to be
    discovered.

    Args:
        run: The run.
        state: What the sync asks for, or has asked for, is asked for here.
        from_files: Ask for a file of each report whose columns are known from a file only. Without, such a
            report is one stream without columns, and nothing is submitted.
        fail: Told of a stream (or a whole vendor) that can't be discovered, so that the others are; None:
            that is raised.

    Raises:
        ConfigError: Reports that do not exist; streams of one name. Nothing was submitted.
    """
    errors: list[str] = []
    known: list[tuple[ReportType, _Asked]] = []
    for asked in _ask_all(run):
        match asked.error:
            case None:
                known += [(type_, asked) for type_ in asked.types]
            case ConfigError() as error:
                errors += error.errors
            case CallError() as error:
                failed = StreamError.of(error).placed(vendor=asked.vendor.name)
                if fail is None:
                    raise failed from error
                fail(asked.vendor.name, failed)
            case error:
                raise error
    reports = [report_of(type_, asked.vendor, asked.client.config, run.settings) for type_, asked in known]
    names = [report.stream for report in reports]
    errors += [
        f'more than one report is named "{name}"; give each its own "name"'
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if errors:
        raise ConfigError(errors)
    columns = ColumnDiscovery(run, state, fail)
    found = []
    for report, (type_, asked) in zip(reports, known, strict=True):
        if from_files and report.type.infers_columns:
            columns.start(type_, asked.vendor, asked.client)
        else:
            found.append((report, asked.client))
    return found, columns


class _Asked(threading.Thread):
    """One vendor's report types, asked for in a thread: a slow vendor takes no time of the others."""

    def __init__(self, vendor: Vendor, client: ReportClient) -> None:
        super().__init__(name=f"{vendor.name}-discovery", daemon=True)
        self.vendor = vendor
        self.client = client
        self.types: list[ReportType] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Ask."""
        try:
            self.types = list(self.client.report_types())
        except BaseException as error:  # also Stopped; it is raised where it is waited for
            self.error = error


def _ask_all(run: Run) -> list[_Asked]:
    asked = [_Asked(*one) for one in run.vendors]
    for one in asked:
        one.start()
    for one in asked:
        one.join()
    return asked


def restore(run: Run, streams: Mapping[str, str]) -> list[Found]:
    """Return the reports of a catalog's streams without any call.

    Args:
        run: The run.
        streams: Schema titles by stream name.

    Raises:
        ConfigError: There are streams, and none is of this configuration.
    """
    found: list[Found] = []
    for vendor, client in run.vendors:
        prefix = f"{vendor.name}_"
        for name, title in streams.items():
            if not name.startswith(prefix):
                continue
            type_ = client.restore(CatalogStream(name=name.removeprefix(prefix), title=title))
            if type_ is None:
                continue
            report = report_of(type_, vendor, client.config, run.settings)
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
