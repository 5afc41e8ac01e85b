"""Runs of the command as forks of one process that has imported the program.

Importing takes a second or two, and the tests run the command about a thousand times. Each run is a separate
process that executes the command's own `main` and can be killed like any other.
"""

from __future__ import annotations

import atexit
import datetime as dt
import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

import tap_reports

CONTEXT = multiprocessing.get_context("forkserver")
PACKAGE = Path(tap_reports.__file__).parent
DIALECTS = ["sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"]


def _modules() -> list[str]:
    """Return all that a run may need; the fork server skips what can't be imported (an extra)."""
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    return [".".join(path.parts) for path in sorted(paths) if "sandbox" not in path.parts]


CONTEXT.set_forkserver_preload([*_modules(), *DIALECTS])


class _Output:
    """A descriptor that is handed over to the fork."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._descriptor),)


def _received(descriptor: Any) -> int:
    return int(descriptor.detach())


def start(
    arguments: list[str], environment: dict[str, str], *, stdout: int, stderr: int, days: float = 0
) -> BaseProcess:
    """Start the command. Its output goes to these descriptors, its clock is so many days ahead."""
    values = (arguments, environment, _Output(stdout), _Output(stderr), days)
    process = CONTEXT.Process(target=_run, args=values)
    process.start()
    return process


def _run(arguments: list[str], environment: dict[str, str], stdout: int, stderr: int, days: float) -> None:
    from tap_reports.__main__ import main

    for given, own in ((stdout, 1), (stderr, 2)):
        os.dup2(given, own)
        os.close(given)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tap-reports", *arguments]
    if days:
        _set_clock_ahead(days)
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # as an interpreter does; a fork of multiprocessing does not


def _set_clock_ahead(days: float) -> None:
    """Make the run's clock show another day."""
    from tap_reports.clock import SystemClock

    now = SystemClock.now
    SystemClock.now = lambda self: now(self) + dt.timedelta(days=days)  # type: ignore[method-assign]
