"""The live table on a terminal: what each job does, how much has come, what is left of quotas and credits.

A thread draws it on standard error from the state of the engine's tasks: it takes no locks and sends no
calls. Standard output is not touched, and log lines appear above the table.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO, cast

from tap_reports.exceptions import TapReportsError
from tap_reports.redaction import RedactingFormatter, log_handlers

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from tap_reports.ledger.quota import QuotaUse
    from tap_reports.streams import ReportStream
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run

REFRESHES_PER_SECOND = 2
OTHER_LINES = 8
"""Lines of the terminal for log lines, the table's head and its foot."""

JOB_LOGGER = "tap-reports.jobs"
"""Its plain lines, and the SDK's, are left out while the table shows the same."""
SHORT_FORMAT = RedactingFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
"""For the log lines above the table, so that most fit a terminal."""


def is_wanted(
    environment: Mapping[str, str] | None = None,
    *,
    stderr: TextIO | None = None,
    stdout: TextIO | None = None,
) -> bool:
    """Return whether standard error, and only that, is a terminal on which a table does no harm."""
    environment = os.environ if environment is None else environment
    stderr, stdout = stderr or sys.stderr, stdout or sys.stdout
    return (
        _is_terminal(stderr)
        and not _is_terminal(stdout)  # messages and table would mix
        and environment.get("CI", "").lower() in {"", "0", "false"}
        and environment.get("TERM", "").lower() not in {"dumb", "unknown", ""}
        and "SINGER_SDK_LOG_CONFIG" not in environment  # a program reads the log
        and environment.get("TAP_REPORTS_LOG_FORMAT", "").lower() != "json"
        and logging.getLogger().level > logging.DEBUG
        and logging.getLogger("tap-reports").getEffectiveLevel() > logging.DEBUG
    )


def _is_terminal(file: TextIO | None) -> bool:
    try:
        return file is not None and file.isatty()
    except ValueError:  # closed
        return False


class Display:
    """The live table of a run: shown inside this context, if it is wanted.

    Args:
        outcome: Says how many streams are done.
        run: Returns the run, None if there is none yet.
    """

    def __init__(self, outcome: Outcome, run: Callable[[], Run | None]) -> None:
        self._outcome = outcome
        self._run = run
        self._live: Live | None = None
        self._redirected: dict[logging.StreamHandler[TextIO], tuple[TextIO, logging.Formatter | None]] = {}
        self._streams: list[ReportStream] = []
        self._quotas: dict[str, list[QuotaUse]] = {}
        self._started_at = 0.0

    def __enter__(self) -> None:
        if is_wanted():
            self._show()

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._hide(self._live)

    def _show(self) -> None:
        from rich.console import Console
        from rich.file_proxy import FileProxy
        from rich.live import Live

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=console,
            get_renderable=lambda: self._table(console),
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        console.show_cursor(show=True)
        for handler in log_handlers():
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                self._redirected[handler] = handler.stream, handler.formatter
                handler.setStream(cast("TextIO", FileProxy(console, sys.stderr)))  # prints above the table
                handler.setFormatter(SHORT_FORMAT)
                handler.addFilter(_is_not_in_table)

    def _hide(self, live: Live) -> None:
        for handler, (stream, formatter) in self._redirected.items():
            handler.removeFilter(_is_not_in_table)
            handler.setStream(stream)
            handler.setFormatter(formatter)
        self._redirected.clear()
        live.stop()
        self._live = None

    def on_start(self, run: Run, streams: list[ReportStream]) -> None:
        """Note the streams, and read the quotas once; what this run submits is counted from its tasks."""
        if not self._live:
            return
        self._streams = streams
        self._started_at = run.clock.monotonic()
        try:
            for vendor, client in run.vendors:
                quotas = list(vendor.quotas(client.config))
                self._quotas[vendor.name] = run.ledger.usage(
                    vendor.name, client.account, quotas, run.clock.now()
                )
        except TapReportsError:
            self._quotas = {}  # the sync itself reports the error

    def _table(self, console: Console) -> RenderableType:
        from tap_reports.console.progress_table import progress_table

        run = self._run()
        if run is None or not run.is_started:
            return ""
        return progress_table(
            run,
            self._outcome,
            self._streams,
            self._quotas,
            self._started_at,
            max_lines=max(1, console.height - OTHER_LINES),
            width=console.width,
        )


def _is_not_in_table(record: logging.LogRecord) -> bool:
    is_in_table = record.name == JOB_LOGGER or "singer_sdk" in record.pathname
    return record.levelno > logging.INFO or not is_in_table
