"""Which streams there are: the vendors' report types with the user's settings, or a catalog's streams."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.client import ReportClient
from tap_reports.exceptions import CallError, ConfigError, StreamError
from tap_reports.sync.column_discovery import ColumnDiscovery, DiscoveredReport, OnFailure
from tap_reports.sync.configured import build_report
from tap_reports.vendor import CatalogStream, Vendor

if TYPE_CHECKING:
    from tap_reports.models import ReportType
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import RunState

logger = logging.getLogger("tap-reports")


def discover(
    run: Run, state: RunState, *, from_files: bool, on_failure: OnFailure | None
) -> tuple[list[DiscoveredReport], ColumnDiscovery]:
    """Return the reports of all configured vendors, and those whose columns are still being discovered.

    Args:
        run: The run.
        state: Says which files the sync will need: the same ones are requested here.
        from_files: Request a file of each report whose columns are known only from a file. Otherwise such a
            report is one stream without columns, and nothing is submitted.
        on_failure: Called for a stream, or a whole vendor, that can't be discovered; the others go on.
            None: that error is raised.

    Raises:
        ConfigError: Reports do not exist, or streams have the same name. Nothing was submitted.
    """
    errors: list[str] = []
    known: list[tuple[ReportType, _Listing]] = []
    for listing in _list_reports(run):
        match listing.error:
            case None:
                known += [(type_, listing) for type_ in listing.types]
            case ConfigError() as error:
                errors += error.errors
            case CallError() as error:
                failed = StreamError.from_error(error).with_location(vendor=listing.vendor.name)
                if on_failure is None:
                    raise failed from error
                on_failure(listing.vendor.name, failed)
            case error:
                raise error
    reports = [
        build_report(type_, listing.vendor, listing.client.config, run.settings) for type_, listing in known
    ]
    errors += [
        f'more than one report is named "{name}"; give each its own "name"'
        for name, count in Counter(report.stream for report in reports).items()
        if count > 1
    ]
    if errors:
        raise ConfigError(errors)
    columns = ColumnDiscovery(run, state, on_failure)
    ready = []
    for report, (_, listing) in zip(reports, known, strict=True):
        if from_files and report.type.infers_columns:
            columns.start(report, listing.vendor, listing.client)
        else:
            ready.append((report, listing.client))
    return ready, columns


class _Listing(threading.Thread):
    """Lists one vendor's report types in a thread, so that a slow vendor does not hold up the others."""

    def __init__(self, vendor: Vendor, client: ReportClient) -> None:
        super().__init__(name=f"{vendor.name}-discovery", daemon=True)
        self.vendor = vendor
        self.client = client
        self.types: list[ReportType] = []
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Ask the vendor."""
        try:
            self.types = list(self.client.report_types())
        except BaseException as error:  # Stopped too: the caller raises it
            self.error = error


def _list_reports(run: Run) -> list[_Listing]:
    listings = [_Listing(vendor, client) for vendor, client in run.vendors]
    for listing in listings:
        listing.join()
    return listings


def restore(run: Run, titles: Mapping[str, str]) -> list[DiscoveredReport]:
    """Return the reports of a catalog's streams without any call. `titles` are its schema titles by stream.

    Raises:
        ConfigError: None of the catalog's streams belongs to this configuration.
    """
    reports: dict[str, DiscoveredReport] = {}
    for vendor, client in run.vendors:
        prefix = f"{vendor.name}_"
        for name, title in titles.items():
            if not name.startswith(prefix):
                continue
            type_ = client.restore(CatalogStream(name=name.removeprefix(prefix), title=title))
            if type_ is not None:
                report = build_report(type_, vendor, client.config, run.settings)
                reports[name] = replace(report, stream=name), client
    for name in titles:
        if name not in reports:
            logger.warning("%s: in the catalog, but not configured; skipped", name)
    if titles and not reports:
        names = ", ".join([*list(titles)[:3], *(["…"] if len(titles) > 3 else [])])
        text = f"catalog: none of its streams ({names}) is configured here; make one with --discover."
        raise ConfigError([text])
    return list(reports.values())
