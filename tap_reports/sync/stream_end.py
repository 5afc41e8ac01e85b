"""How a stream ends: what an exception means for it, and what its log says of its rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException, MappingError

from tap_reports.emit.writer import OutputError
from tap_reports.exceptions import CallError, StreamError, counted

if TYPE_CHECKING:
    from tap_reports.emit.plan import Tally

NOT_OURS = (BrokenPipeError, OutputError, AbortedSyncFailedException, AbortedSyncPausedException)
"""Exceptions that end more than the stream: the output is closed or full; a dry run has enough records."""
FELT_CELLS = 10_000
"""From so many cells on it takes a noticeable time that Python converts them."""
DEFECT = "If no setting explains it, report it with the log at level DEBUG."


def stream_error(error: Exception) -> StreamError:
    """Return what ended a stream as an error that says what to do."""
    if isinstance(error, (StreamError, CallError)):
        return StreamError.of(error)
    if isinstance(error, MappingError):
        return StreamError(f"stream_maps: {error}", remedy="Correct the expression.")
    return StreamError(f"unexpected {type(error).__name__}: {error}", remedy=DEFECT)


def log_tally(logger: logging.Logger, stream: str, tally: Tally, columns: int) -> None:
    """Say what was noticed of a stream's rows.

    Args:
        logger: The stream's.
        stream: Its name.
        tally: What was noticed.
        columns: How many columns it has.
    """
    if slow := tally.by_python:
        logger.log(
            logging.INFO if slow.total() >= FELT_CELLS else logging.DEBUG,
            "%s: %d of %d columns went through Python: %s",
            stream,
            len(slow),
            columns,
            ", ".join(f"{name} ({counted(count, 'cell')})" for name, count in slow.most_common(20)),
        )
    if tally.rows_by_python:
        logger.info("%s: %s went through Python", stream, counted(tally.rows_by_python, "row"))
    for name, count in tally.nulled.items():
        values = counted(count, "value")
        logger.warning("%s: %s did not fit %s: null instead", stream, values, name)
    for name, count in tally.left_out.items():
        logger.warning("%s: %s without %s, a key: left out", stream, counted(count, "record"), name)


def name_stream(record: logging.LogRecord) -> bool:
    """Name the stream in its log records, where the SDK's structured logs look for it."""
    record.stream_name = record.name.rpartition(".")[2]
    return True
