"""All streams of a sync: each continues when it has something to write, and none waits for another."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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


@dataclass
class AllStreams:
    """The selected streams, and the reports whose columns are still to be discovered.

    Attributes:
        add_stream: Makes a stream of a discovered report; returns it if it is selected.
        run_outcome: Returns the facts of the run so far.
    """

    run: Run
    state: RunState
    outcome: Outcome
    signals: SignalHandler
    add_stream: Callable[[DiscoveredReport], ReportStream | None]
    run_outcome: Callable[[], RunOutcome]
    _streams: list[ReportStream] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._columns = ColumnDiscovery(self.run, self.state)
        if self.run.settings.on_quota_spent == "stop":
            self.outcome.count_jobs_left = self._count_jobs_left

    def discover(self, *, from_files: bool, is_waiting: bool, is_sync: bool) -> list[DiscoveredReport]:
        """Return the reports that the vendors have.

        Args:
            from_files: Run reports whose columns are known only from a file.
            is_waiting: Wait for those files; otherwise `sync` adds those reports later.
            is_sync: One report's failure does not stop the others.
        """
        try:
            with self.signals.interruptible():
                on_failure = self.outcome.fail if is_sync else None
                reports, self._columns = discover(
                    self.run, self.state, from_files=from_files, on_failure=on_failure
                )
                # All shards must see the same list of streams, so they wait too.
                is_waiting = is_waiting or self.run.settings.shard is not None
                return [*reports, *self._columns.take_all()] if is_waiting else reports
        except BaseException:
            self.run.close()
            raise

    def sync(
        self, streams: list[ReportStream], on_start: Callable[[Run, list[ReportStream]], object]
    ) -> None:
        """Extract the selected streams; one's failure does not stop the others."""
        self._streams = streams
        if not (streams or self.outcome.failures or self._columns.tasks):
            logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        try:
            with self._ending():
                on_start(self.run, streams)
                if self.state.values:
                    self.state.write()
                self.run.note_start(self.run_outcome())
                self._start(streams)
                for stream in self._ready_streams():
                    stream.sync()
                    if stream.extraction.is_over:
                        stream.finalize_state_progress_markers()
        except Exception:
            self.outcome.error_status = 1
            raise
        finally:
            self.outcome.log_summary(self.run_outcome())

    def is_another_ready(self, current: ReportStream) -> bool:
        """Return whether there is something to do for another stream."""
        return self._is_any_ready(stream for stream in self._unfinished() if stream is not current)

    def _start(self, streams: list[ReportStream]) -> None:
        """Start the jobs of all streams."""
        with self.signals.interruptible():
            for stream in streams:
                stream.extraction.start()

    def _ready_streams(self) -> Iterator[ReportStream]:
        """Yield the next stream that has something to write, until all streams are finished."""
        while (waiting := self._unfinished()) or self._columns.tasks:
            tasks = [task for stream in waiting for task in stream.extraction.next_tasks]
            tasks += self._columns.tasks
            self.run.engine.wait_until(lambda: self._is_any_ready(self._unfinished()), tasks)
            if self._columns.is_any_ready:
                self._add_discovered()
            else:
                yield next(stream for stream in waiting if stream.extraction.is_ready)

    def _add_discovered(self) -> None:
        """Start the streams whose columns have just become known."""
        with self.signals.interruptible():
            reports = list(self._columns.take())
        added = [stream for report in reports if (stream := self.add_stream(report))]
        self._streams += added
        self._start(added)

    def _count_jobs_left(self, stream: str) -> int:
        """Return how many of a stream's jobs are not submitted."""
        return sum(stream in task.streams and task.job is None for task in self.run.engine.tasks.values())

    def _unfinished(self) -> list[ReportStream]:
        return [stream for stream in self._streams if not stream.extraction.is_over]

    def _is_any_ready(self, streams: Iterable[ReportStream]) -> bool:
        return self._columns.is_any_ready or any(stream.extraction.is_ready for stream in streams)

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """End the run in any case: note it in the ledger, end all work, write the last STATE."""
        try:
            with contextlib.suppress(Stopped), self._note_closed_output():
                yield
        finally:
            with self._note_closed_output(), contextlib.ExitStack() as steps:  # in reverse order
                steps.callback(sys.stdout.flush)
                # After a signal, the last message is a STATE, even if it was written before.
                steps.callback(self.state.write, now=True, again=self.outcome.signal is not None)
                steps.callback(self.run.close)
                self.run.note_end(self.run_outcome())

    @contextlib.contextmanager
    def _note_closed_output(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.outcome.output_closed = True
            discard_stdout()
