"""STATE messages: what has changed, encoded once, and a large state not with each job."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from singer_sdk.helpers._state import StateWriter
from typing_extensions import override

from tap_reports.emit.writer import ENCODER, MessageWriter

SMALL_BYTES = 8_000
"""A state of this size is written whenever it has changed: some forty jobs on their way."""
LARGE_EVERY_SECONDS = 1.0
"""A larger one so often at most: a thousand jobs would write a hundred MB of STATE else."""


class StateOutput(StateWriter):
    """Writes the tap's state.

    Args:
        writer: Where the messages go.
        monotonic: The clock, seconds.
    """

    def __init__(self, writer: MessageWriter, monotonic: Callable[[], float]) -> None:
        super().__init__(writer)
        self._writer = writer
        self._monotonic = monotonic
        self._last = b""
        self._at = -math.inf

    @override
    def write_state(self, state: Any) -> None:
        self.put(state)

    def put(self, state: Any, *, now: bool = False, again: bool = False) -> float:
        """Write the state if it has changed and is due.

        Args:
            state: JSON values.
            now: It is due, however large.
            again: Write it also if it has not changed.

        Returns:
            The seconds until it is due; 0 if what is out is up to date.
        """
        time = self._monotonic()
        wait = self._at + LARGE_EVERY_SECONDS - time
        if wait > 0 and len(self._last) > SMALL_BYTES and not now:
            return wait
        line = ENCODER.encode({"type": "STATE", "value": state}) + b"\n"
        if again or line != self._last:
            self._writer.write_state(line)
            self._last, self._at = line, time
        return 0.0
