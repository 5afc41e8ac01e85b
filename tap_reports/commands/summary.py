"""`--summary FILE`: the facts of a run as JSON, written at its end, whatever ended it."""

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

from tap_reports.console.output import json_value
from tap_reports.exceptions import CONFIGURATION_IS_WRONG, ConfigError, Stopped
from tap_reports.models import RunOutcome

logger = logging.getLogger("tap-reports")


@contextmanager
def writing_summary(
    path: str, facts: Callable[[int], tuple[RunOutcome, Mapping[str, Any]]]
) -> Iterator[None]:
    """Write a summary of what this block does.

    Args:
        path: The file.
        facts: Given the exit status of an error that ends the block, returns the outcome and the state.

    Raises:
        ConfigError: The file can't be written; raised before the block.
    """
    file = Path(path)
    paths = [file, file.parent] if file.exists() else [file.parent]  # the file is replaced by a new one
    if file.is_dir() or not all(os.access(path_, os.W_OK) for path_ in paths):
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
        _write(file, _summary(*facts(status)))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write the file, whole or not at all. A full disk is only a warning: the run itself is over."""
    part = path.with_name(f"{path.name}.part")
    text = json.dumps(content, indent=2, default=json_value, ensure_ascii=False)
    try:
        part.write_text(f"{text}\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        logger.warning("--summary %s: can't be written (%s)", path, error.strerror)


def _summary(run: RunOutcome, state: Mapping[str, Any]) -> dict[str, Any]:
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
