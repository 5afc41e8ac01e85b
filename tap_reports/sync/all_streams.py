"""All streams of a sync: each is continued when it has something to write, none waits for another."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped
from tap_reports.sync.column_discovery import ColumnDiscovery
from tap_reports.sync.discovery import discover
from tap_reports.sync.signals import discard_stdout

if TYPE_CHECKING:
    from tap_reports.models import RunOutcome
    from tap_reports.streams import ReportStream
    from tap_reports.sync.column_discovery import DiscoveredReport
    from tap_reports.sync.outcome import Outcome
    from tap_reports.sync.run import Run
    from tap_reports.sync.signals import SignalHandler
    from tap_reports.sync.state import RunState

logger = logging.getLogger("tap-reports")


class AllStreams:
    """The selected streams, and the reports whose columns are still to be discovered.

    Args:
        run: The run.
        state: Its state.
        outcome: The streams' results.
        signals: End the run.
        add_stream: Makes a stream of a discovered report; returns it if it is selected.
        run_outcome: Returns the facts of the run so far.
    """

    def __init__(
        self,
        run: Run,
        state: RunState,
        outcome: Outcome,
        signals: SignalHandler,
        add_stream: Callable[[DiscoveredReport], ReportStream | None],
        run_outcome: Callable[[], RunOutcome],
    ) -> None:
        self._run = run
        self._state = state
        self._outcome = outcome
        self._signals = signals
        self._add_stream = add_stream
        self._run_outcome = run_outcome
        self._columns = ColumnDiscovery(run, state)
        self._streams: list[ReportStream] = []
        if run.settings.on_quota_spent == "stop":
            outcome.count_jobs_left = self._count_jobs_left

    def discover(self, *, from_files: bool, is_waiting: bool, is_sync: bool) -> list[DiscoveredReport]:
        """Return the reports that the vendors have.

        Args:
            from_files: Run reports whose columns only a file tells.
            is_waiting: Wait for those files; otherwise `sync` adds those reports later.
            is_sync: One report's failure does not stop the others.
        """
        try:
            with self._signals.interruptible():
                on_failure = self._outcome.fail if is_sync else None
                found, self._columns = discover(
                    self._run, self._state, from_files=from_files, on_failure=on_failure
                )
                # All shards must see the same list of streams, so they wait too.
                is_waiting = is_waiting or self._run.settings.shard is not None
                return [*found, *self._columns.take_all()] if is_waiting else found
        except BaseException:
            self._run.close()
            raise

    def sync(
        self, streams: list[ReportStream], on_start: Callable[[Run, list[ReportStream]], object]
    ) -> None:
        """Extract the selected streams; one's failure does not stop the others."""
        self._streams = streams
        if not (streams or self._outcome.failures or self._columns.tasks):
            logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        try:
            with self._ending():
                on_start(self._run, streams)
                if self._state.values:
                    self._state.write()
                self._run.note_start(self._run_outcome())
                self._start(streams)
                for stream in self._ready_streams():
                    stream.sync()
                    if stream.extraction.is_over:
                        stream.finalize_state_progress_markers()
        except Exception:
            self._outcome.error_status = 1
            raise
        finally:
            self._outcome.log_summary(self._run_outcome())

    def is_another_ready(self, current: ReportStream) -> bool:
        """Return whether there is something to do for another stream."""
        return self._is_any_ready(one for one in self._unfinished() if one is not current)

    def _start(self, streams: list[ReportStream]) -> None:
        """Start the jobs of all streams."""
        with self._signals.interruptible():
            for stream in streams:
                stream.extraction.start()

    def _ready_streams(self) -> Iterator[ReportStream]:
        """Yield the next stream that has something to write, until all streams are finished."""
        while (waiting := self._unfinished()) or self._columns.tasks:
            tasks = [task for stream in waiting for task in stream.extraction.next_tasks]
            tasks += self._columns.tasks
            self._run.engine.wait_until(lambda: self._is_any_ready(self._unfinished()), tasks)
            if self._columns.is_any_ready:
                self._add_discovered()
            else:
                yield next(stream for stream in waiting if stream.extraction.is_ready)

    def _add_discovered(self) -> None:
        """Start the streams whose columns have just become known."""
        with self._signals.interruptible():
            reports = list(self._columns.take())
        added = [stream for report in reports if (stream := self._add_stream(report))]
        self._streams += added
        self._start(added)

    def _count_jobs_left(self, stream: str) -> int:
        """Return how many of a stream's jobs are not submitted."""
        return sum(stream in task.streams and task.job is None for task in self._run.engine.tasks.values())

    def _unfinished(self) -> list[ReportStream]:
        return [stream for stream in self._streams if not stream.extraction.is_over]

    def _is_any_ready(self, streams: Iterable[ReportStream]) -> bool:
        return self._columns.is_any_ready or any(stream.extraction.is_ready for stream in streams)

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """End the run in any case: note it in the ledger, end all work, write the last STATE."""
        try:
            with contextlib.suppress(Stopped), self._noting_closed_output():
                yield
        finally:
            with self._noting_closed_output(), contextlib.ExitStack() as last:  # one failure skips no step
                last.callback(sys.stdout.flush)
                # After a signal, the last message is a STATE, even if it was written before.
                last.callback(self._state.write, now=True, again=self._outcome.signal is not None)
                last.callback(self._run.close)
                self._run.note_end(self._run_outcome())

    @contextlib.contextmanager
    def _noting_closed_output(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._outcome.output_closed = True
            discard_stdout()
