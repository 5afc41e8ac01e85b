"""Jobs that the state is to name before they are polled; for the main thread, which writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_reports.jobs.context import Checkpoint
    from tap_reports.jobs.event_loop import EngineLoop
    from tap_reports.jobs.task import Task

WriteState = Callable[[bool], float]
"""Writes the state if it is due, or in any case. Returns the seconds until it is; 0 if all is written."""


class Naming:
    """Gathers jobs, and has the state name them all at once.

    Args:
        loop: Where their coroutines wait.
        on_submitted: Called for each task, to name its job in the state.
        write_state: Called then. The jobs are polled when it has returned 0.
    """

    def __init__(
        self, loop: EngineLoop, on_submitted: Callable[[Task], None], write_state: WriteState
    ) -> None:
        self.on_submitted = on_submitted
        self._loop = loop
        self._write_state = write_state
        self._unnamed: list[asyncio.Future[None]] = []

    @property
    def is_owed(self) -> bool:
        """True while a job waits to be named."""
        return bool(self._unnamed)

    def add(self, checkpoint: Checkpoint) -> None:
        """Name a job with the next state."""
        self._unnamed.append(checkpoint.named)
        self.on_submitted(checkpoint.task)

    def write(self, *, now: bool) -> float:
        """Write the state if jobs wait for that, and let them be polled.

        Where it can't be written that is not tried again: nobody waits for it. Returns the seconds until it
        is due, 0 if it is written.
        """
        seconds = 0.0
        try:
            if self._unnamed:
                seconds = self._write_state(now)
        finally:
            if not seconds:
                for named in self._unnamed:
                    self._loop.soon(_set, named)
                self._unnamed.clear()
        return seconds


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
