"""The `tap-reports` command."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

import click

from tap_reports import redaction
from tap_reports.exceptions import (
    CONFIGURATION_IS_WRONG,
    OUTPUT_CLOSED,
    CallError,
    ConfigError,
    Stopped,
    TapReportsError,
    unexpected_error,
)
from tap_reports.wording import with_remedy

logger = logging.getLogger("tap-reports")
logger.addFilter(
    lambda record: record.msg != "Skipping parse of env var settings..."
)  # the SDK logs it on each start

WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""A full disk and similar."""


def main() -> NoReturn:
    """Run the command line; every user error becomes a sentence and the right exit status."""
    try:
        gc.disable()  # imported modules are never garbage
        from tap_reports.sync.signals import discard_stdout, wake_main_thread_on_signals
        from tap_reports.tap import TapReports

        gc.freeze()
        gc.enable()
    except ConfigError as error:  # a vendor of another package
        sys.exit(_report_error(error))
    command = TapReports.cli
    set_log(os.environ)
    if sys.stderr is None:  # closed: the next file opened must not become standard error
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    redaction.install()
    if sys.stdout is None:
        logger.error("standard output is closed, so there is nowhere to write to; leave it open")
        sys.exit(1)
    wake_main_thread_on_signals()
    status = _status_of(command)
    try:
        sys.stdout.flush()
    except OSError as error:
        status = status or _report_error(error)
        discard_stdout()
    gc.freeze()  # otherwise the interpreter collects garbage once more before it exits
    sys.exit(status)


def set_log(environment: Mapping[str, str]) -> None:
    """Configure the log by variables, unless the SDK's log configuration file is used.

    `TAP_REPORTS_LOG_FORMAT=json`: a JSON object a line. `TAP_REPORTS_METRICS=true`: the SDK's metrics, too.
    """
    if "SINGER_SDK_LOG_CONFIG" in environment:
        return
    if environment.get("TAP_REPORTS_METRICS", "").lower() not in {"true", "1", "yes", "on"}:
        logging.getLogger("singer_sdk.metrics").addFilter(lambda _: False)
    if environment.get("TAP_REPORTS_LOG_FORMAT", "").lower() == "json":
        from singer_sdk.logging import StructuredFormatter

        for handler in logging.getLogger().handlers:
            handler.setFormatter(StructuredFormatter())


def _status_of(command: click.Command) -> int:
    """Run the command and report its errors. Returns the exit status."""
    try:
        # click's own exit would treat an interrupt as a failure.
        return command.main(prog_name="tap-reports", standalone_mode=False) or 0
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except Stopped as stopped:
        logger.warning("ended by %s; submitted jobs are resumed by the next run", stopped)
        return stopped.status
    except Exception as error:
        return _report_error(error)


def _report_error(error: Exception) -> int:
    """Log what went wrong and what to do. Returns the exit status."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case ConfigError():
            for text in error.errors:
                logger.error("%s", text)
            return CONFIGURATION_IS_WRONG
        case CallError():
            logger.error("%s", with_remedy(str(error), error.remedy))
        case TapReportsError():
            logger.error("%s", error)
        case BrokenPipeError():
            logger.error(OUTPUT_CLOSED)
        case OSError() if error.errno in WRITE_ERRORS:
            logger.error("can't write: %s", error.strerror)
        case _:
            logger.error("%s", unexpected_error(error))
            logger.debug("traceback", exc_info=error)
    return 1


if __name__ == "__main__":
    main()
