"""The live table on a terminal: what each job does, how much came, what is left of quotas and credits.

It is drawn on standard error by a thread of its own, from what the engine's tasks say at that moment: it
takes none of the engine's locks and asks nobody. Standard output is not touched, and log lines appear above.
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

    from tap_reports.ledger.records import QuotaUse
    from tap_reports.streams import ReportStream
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run

REFRESHES_PER_SECOND = 2
SPARE_LINES = 8
"""Lines of the terminal that are left to log lines, the table's head and its foot."""

SHOWN_BY_THE_TABLE = "tap-reports.jobs"
"""Logger whose plain lines are left out while the table is there, as are those of the SDK."""
SHORT = RedactingFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
"""Of the other lines, so that most fit a terminal; those before and after the table are as everywhere."""


def is_wanted(
    environment: Mapping[str, str] | None = None,
    *,
    stderr: TextIO | None = None,
    stdout: TextIO | None = None,
) -> bool:
    """Return whether somebody looks at standard error, and only at it, and a table would do no harm there."""
    environment = os.environ if environment is None else environment
    stderr, stdout = stderr or sys.stderr, stdout or sys.stdout
    return (
        _is_terminal(stderr)
        and not _is_terminal(stdout)  # the messages go there: they would mix
        and environment.get("CI", "").lower() in {"", "0", "false"}
        and environment.get("TERM", "").lower() not in {"dumb", "unknown", ""}
        and "SINGER_SDK_LOG_CONFIG" not in environment  # somebody's program reads the log
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
    """The live table of a run; a context that may be entered again inside itself.

    Args:
        outcome: How many streams are done.
        run: Returns the run, None until there is one.
    """

    def __init__(self, outcome: Outcome, run: Callable[[], Run | None]) -> None:
        self._outcome = outcome
        self._run = run
        self._depth = 0
        self._live: Live | None = None
        self._above: dict[logging.StreamHandler[TextIO], tuple[TextIO, logging.Formatter | None]] = {}
        self._streams: list[ReportStream] = []
        self._quotas: dict[str, list[QuotaUse]] = {}
        self._since = 0.0

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth == 1 and is_wanted():
            self._start()

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._live:
            self._stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=console,
            get_renderable=lambda: self._drawn(console),
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        console.show_cursor(show=True)
        for handler in log_handlers():
            if not isinstance(handler, logging.StreamHandler) or handler.stream is not sys.stderr:
                continue
            self._above[handler] = handler.stream, handler.formatter
            handler.setStream(cast("TextIO", _Above(console)))
            handler.setFormatter(SHORT)
            handler.addFilter(_is_news)

    def _stop(self) -> None:
        for handler, (stream, formatter) in self._above.items():
            handler.removeFilter(_is_news)
            handler.setStream(stream)
            handler.setFormatter(formatter)
        self._above.clear()
        if self._live:
            self._live.stop()
        self._live = None

    def on_start(self, run: Run, streams: list[ReportStream]) -> None:
        """Note the streams, and read the quotas once; what this run submits is counted from its tasks."""
        if not self._live:
            return
        self._streams = streams
        self._since = run.clock.monotonic()
        try:
            for vendor, client in run.vendors:
                quotas = list(vendor.quotas(client.config))
                self._quotas[vendor.name] = run.ledger.usage(
                    vendor.name, client.account, quotas, run.clock.now()
                )
        except TapReportsError:
            self._quotas = {}  # the work itself will tell

    def _drawn(self, console: Console) -> RenderableType:
        from tap_reports.commands.progress_table import drawn

        most = max(1, console.height - SPARE_LINES)
        run = self._run()
        if run is None or not run.is_started:
            return ""
        return drawn(
            run, self._outcome, self._streams, self._quotas, self._since, most_lines=most, width=console.width
        )


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a log record says what the table does not."""
    is_shown = record.name == SHOWN_BY_THE_TABLE or "singer_sdk" in record.pathname
    return record.levelno > logging.INFO or not is_shown


class _Above:
    """A text stream whose lines appear above the table."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print whole lines. `Console.out` would draw the table without line breaks, and so tear it."""
        if text.strip("\n"):
            self._console.print(text.rstrip("\n"), overflow="fold")
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""
