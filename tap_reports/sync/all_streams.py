"""All streams of a sync: each is taken up when it has something to write, none waits for another."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped
from tap_reports.sync.column_discovery import ColumnDiscovery
from tap_reports.sync.discovery import discover
from tap_reports.sync.signals import forget_stdout

if TYPE_CHECKING:
    from tap_reports.models import RunOutcome
    from tap_reports.streams import ReportStream
    from tap_reports.sync.column_discovery import Found
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run
    from tap_reports.sync.signals import Signals
    from tap_reports.sync.state import RunState

logger = logging.getLogger("tap-reports")


class AllStreams:
    """The selected streams, and those whose columns are still to be discovered.

    Args:
        run: The run.
        state: Its state.
        outcome: What becomes of the streams.
        signals: End the run.
        add: Makes a stream of a report whose columns are known by now; returns it if it is selected.
        account: Returns what became of the run up to now.
    """

    def __init__(
        self,
        run: Run,
        state: RunState,
        outcome: Outcome,
        signals: Signals,
        add: Callable[[Found], ReportStream | None],
        account: Callable[[], RunOutcome],
    ) -> None:
        self._run = run
        self._state = state
        self._outcome = outcome
        self._signals = signals
        self._add = add
        self._account = account
        self._columns = ColumnDiscovery(run, state)
        self._streams: list[ReportStream] = []
        if run.settings.on_quota_spent == "stop":
            outcome.left = self._jobs_left

    def discover(self, *, from_files: bool, is_waiting: bool, is_sync: bool) -> list[Found]:
        """Return the reports that the vendors have.

        Args:
            from_files: Run reports whose columns are known from a file only.
            is_waiting: Wait for those whose columns are known from a file only; else they are left for
                `sync`.
            is_sync: One's failure does not stop the others.
        """
        try:
            with self._signals.at_once():
                found, self._columns = discover(
                    self._run,
                    self._state,
                    from_files=from_files,
                    fail=self._outcome.fail if is_sync else None,
                )
                # All shards must see the same list of streams.
                is_waiting = is_waiting or self._run.settings.shard is not None
                return [*found, *self._columns.take_all()] if is_waiting else found
        except BaseException:
            self._run.close()
            raise

    def sync(self, streams: list[ReportStream], begin: Callable[[Run, list[ReportStream]], object]) -> None:
        """Extract the selected streams; one's failure does not stop the others. `begin` is told of them."""
        self._streams = streams
        if not (streams or self._outcome.failures or self._columns.tasks):
            logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        try:
            with self._ending():
                begin(self._run, streams)
                if self._state.values:
                    self._state.write()
                self._run.note_start(self._account())
                self._start(streams)
                for stream in self._ready_first():
                    stream.sync()
                    if stream.extraction.is_over:
                        stream.finalize_state_progress_markers()
        except Exception:
            self._outcome.status_of_error = 1
            raise
        finally:
            self._outcome.log_summary(self._account())

    def is_another_ready(self, current: ReportStream) -> bool:
        """Return whether there is something to do beside this stream."""
        others = (one for one in self._open() if one is not current)
        return self._columns.is_any_ready or any(one.extraction.is_ready for one in others)

    def _start(self, streams: list[ReportStream]) -> None:
        """Start the jobs of all streams at the same time."""
        with self._signals.at_once():
            for stream in streams:
                stream.extraction.start()

    def _ready_first(self) -> Iterator[ReportStream]:
        """Yield the stream that has something to write, again and again, until all are over."""
        while (waiting := self._open()) or self._columns.tasks:
            tasks = [task for stream in waiting for task in stream.extraction.next_tasks]
            tasks += self._columns.tasks
            self._run.runner.wait_until(self._is_any_ready, tasks)
            if self._columns.is_any_ready:
                self._add_discovered()
            else:
                yield next(stream for stream in waiting if stream.extraction.is_ready)

    def _add_discovered(self) -> None:
        """Start the streams whose columns are known by now."""
        with self._signals.at_once():
            taken = list(self._columns.take())
        added = [stream for found in taken if (stream := self._add(found))]
        self._streams += added
        self._start(added)

    def _jobs_left(self, stream: str) -> int:
        """Return how many of a stream's jobs are not submitted."""
        return sum(stream in task.streams and task.job is None for task in self._run.runner.tasks.values())

    def _open(self) -> list[ReportStream]:
        return [stream for stream in self._streams if not stream.extraction.is_over]

    def _is_any_ready(self) -> bool:
        return self._columns.is_any_ready or any(stream.extraction.is_ready for stream in self._open())

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Leave nothing behind but the last STATE."""
        try:
            with contextlib.suppress(Stopped):
                yield
        except BrokenPipeError:
            self._outcome.closed = True
            forget_stdout()
        finally:
            self._end()

    def _end(self) -> None:
        try:
            with contextlib.ExitStack() as last:  # one that fails must not keep the others from ending
                last.callback(sys.stdout.flush)
                # After a signal the last word is a STATE, also one that was said before.
                last.callback(self._state.write, now=True, again=self._outcome.signal is not None)
                last.callback(self._run.close)
                self._run.note_end(self._account())
        except BrokenPipeError:
            self._outcome.closed = True
            forget_stdout()
