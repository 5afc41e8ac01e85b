"""The tap's state while it runs: jobs are named in it before they are polled, and STATE messages written."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from tap_reports.emit.state_output import StateOutput
from tap_reports.sync.mode import Mode
from tap_reports.sync.state import DiscoveryState

if TYPE_CHECKING:
    from tap_reports.emit.writer import MessageWriter
    from tap_reports.jobs.task import Task
    from tap_reports.streams import ReportStream
    from tap_reports.tap import TapReports


class TapState:
    """What is known of all streams, those included that are still to be discovered.

    Args:
        tap: The tap.
        given: The state as it was passed.
    """

    def __init__(self, tap: TapReports, given: Any) -> None:
        self._tap = tap
        self.all_streams = DiscoveryState(given)

    @cached_property
    def output(self) -> StateOutput:
        """Where STATE messages go."""
        return StateOutput(cast("MessageWriter", self._tap.message_writer), self._tap.run.clock.monotonic)

    def name(self, task: Task) -> None:
        """Name a submitted job in the state of each stream that wants it."""
        if self._tap.settings.shard or task.job is None:
            return  # a shard's jobs are in the ledger alone
        streams = self._tap._streams or {}  # noqa: SLF001  (`streams` would discover them)
        for name in task.streams:
            if stream := streams.get(name):
                cast("ReportStream", stream).bookmark_state.add(task.job)
            else:
                self.all_streams.add(name, task.job)

    def write(self, now: bool = False) -> float:  # noqa: FBT002  (the engine calls it)
        """Write a STATE message if anything has changed since the last one. No signal ends it half-way.

        Args:
            now: At once, also a large one.

        Returns:
            The seconds until it is due; 0 if it is out.
        """
        if self._tap.mode is not Mode.SYNC:
            return 0.0
        with self._tap.signals.at_once(is_on=False):
            return self.output.put(
                {**self.all_streams.values, "bookmarks": self.all_streams.bookmarks}, now=now
            )
