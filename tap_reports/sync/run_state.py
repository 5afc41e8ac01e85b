"""The state while a run goes on: jobs are named in it before they are polled, and STATE messages written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_reports.emit.state_output import StateOutput
    from tap_reports.jobs.task import Task
    from tap_reports.sync.signals import Signals
    from tap_reports.sync.state import DiscoveryState, StreamState


class RunState:
    """What is known of all streams, those included that are still to be discovered.

    Args:
        all_streams: The state as it was passed.
        output: Where STATE messages go.
        of_stream: Returns a stream's part of the state; None where the stream is yet to be discovered.
        signals: None of them ends a message half-way.
        names_jobs: False for a shard, whose jobs are in the ledger alone.
        is_written: False for commands that write no messages.
    """

    def __init__(
        self,
        all_streams: DiscoveryState,
        output: StateOutput,
        of_stream: Callable[[str], StreamState | None],
        signals: Signals,
        *,
        names_jobs: bool,
        is_written: bool,
    ) -> None:
        self.all_streams = all_streams
        self.output = output
        self._of_stream = of_stream
        self._signals = signals
        self._names_jobs = names_jobs
        self._is_written = is_written

    def name(self, task: Task) -> None:
        """Name a submitted job in the state of each stream that wants it."""
        if task.job is None or not self._names_jobs:
            return
        for name in task.streams:
            if state := self._of_stream(name):
                state.add(task.job)
            else:
                self.all_streams.add(name, task.job)

    def write(self, now: bool = False, again: bool = False) -> float:  # noqa: FBT002  (the engine calls it)
        """Write a STATE message if anything has changed since the last one. No signal ends it half-way.

        Args:
            now: At once, also a large one.
            again: Also one that was written before.

        Returns:
            The seconds until it is due; 0 if it is out.
        """
        if not self._is_written:
            return 0.0
        with self._signals.at_once(is_on=False):
            return self.output.put(self._values, now=now or again, again=again)

    @property
    def _values(self) -> Mapping[str, Any]:
        return {**self.all_streams.values, "bookmarks": self.all_streams.bookmarks}
