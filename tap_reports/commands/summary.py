"""`--summary FILE`: the account of a run as JSON, written at its end, whatever ended it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from tap_reports.commands.console import plain
from tap_reports.exceptions import CONFIGURATION_IS_WRONG, ConfigError, Stopped
from tap_reports.models import RunOutcome

logger = logging.getLogger("tap-reports")


@contextmanager
def summarised(path: str, facts: Callable[[int], tuple[RunOutcome, Mapping[str, Any]]]) -> Iterator[None]:
    """Write the summary of what is done in here.

    Args:
        path: Where to.
        facts: Returns what became of the run, and the state; given the exit status of an error that ends it.

    Raises:
        ConfigError: The file can't be written; before anything is done.
    """
    file = Path(path)
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ConfigError([f"--summary {path}: can't be written; check the path."])
    status = 0
    try:
        yield
    except Stopped as stopped:
        status = stopped.status
        raise
    except ConfigError:
        status = CONFIGURATION_IS_WRONG
        raise
    except BaseException:
        status = 1
        raise
    finally:
        write_summary(path, *facts(status))


def write_summary(path: str, run: RunOutcome, state: Mapping[str, Any]) -> None:
    """Write the file, whole or not at all. A full disk is a warning: the run itself is over."""
    beside = Path(f"{path}.part")
    text = json.dumps(summary(run, state), indent=2, default=plain, ensure_ascii=False)
    try:
        beside.write_text(f"{text}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        logger.warning("--summary %s: can't be written (%s)", path, error.strerror)


def summary(run: RunOutcome, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account of a run, as the contract has it."""
    streams = run.streams
    # A job that several streams share counts once.
    jobs = {job.job_id: job for stream in streams for job in stream.jobs}.values()
    spent = [job.credits for job in jobs if job.credits is not None]
    ends = [stream.outcome.value for stream in streams]
    return {
        "version": run.version,
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "seconds": run.seconds,
        "exit_status": run.exit_status,
        "signal": run.signal,
        "streams": [{**asdict(stream), "error": stream.error or None} for stream in streams],
        "totals": {
            **{end: ends.count(end) for end in ("done", "failed", "stopped", "not_started")},
            "rows": sum(stream.rows for stream in streams),
            "slices": sum(stream.slices for stream in streams),
            "slices_done": sum(stream.slices_done for stream in streams),
            "jobs": len(jobs),
            "bytes": sum(job.bytes or 0 for job in jobs),
            "credits": sum(spent, Decimal(0)) if spent else None,
        },
        "state": state,
    }
