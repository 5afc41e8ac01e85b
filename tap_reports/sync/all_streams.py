"""All streams of a sync: each is taken up when it has something to write, none waits for another."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from singer_sdk.exceptions import MappingError
from singer_sdk.singerlib import StateMessage

from tap_reports.exceptions import Stopped, StreamError
from tap_reports.streams import ReportStream
from tap_reports.sync.discovery import discover
from tap_reports.sync.learning import Learning
from tap_reports.sync.mode import Mode
from tap_reports.sync.shard import require_fixed_list
from tap_reports.sync.signals import forget_stdout

if TYPE_CHECKING:
    from tap_reports.sync.learning import Found
    from tap_reports.tap import TapReports


class AllStreams:
    """The selected streams, and those whose columns are still to be learnt.

    Args:
        tap: The tap.
    """

    def __init__(self, tap: TapReports) -> None:
        self._tap = tap
        self._learning = Learning(tap.run, tap.state_of_run.all_streams)
        self._streams: list[ReportStream] = []
        if tap.settings.on_quota_spent == "stop":
            tap.outcome.left = self._jobs_left

    def discover(self) -> list[Found]:
        """Return the reports that the vendors have. Within a run, one's failure does not stop the others, and
        those to be learnt are left for `sync`, unless the tap waits for them.
        """
        tap = self._tap
        try:
            with tap.signals.at_once():
                found, self._learning = discover(
                    tap.run,
                    learn=tap.mode.learns_columns,
                    state=tap.state_of_run.all_streams,
                    fail=tap.outcome.fail if tap.mode is Mode.SYNC else None,
                )
                # All shards must see the same list of streams.
                is_waiting = tap.waits_for_columns or tap.settings.shard
                return [*found, *self._learning.take_all()] if is_waiting else found
        except BaseException:
            tap.close()
            raise

    def sync(self) -> None:
        """Extract the selected streams; one's failure does not stop the others."""
        tap = self._tap
        self._streams = tap.selected_streams()
        if not (self._streams or tap.outcome.failures or self._learning.tasks):
            tap.logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        require_fixed_list(tap.settings, self._streams, tap.state)
        try:
            with tap.display, self._ending():
                tap.display.begin_sync(tap.run, self._streams)
                if tap.state:
                    tap.state_of_run.write()
                tap.run.note_start(tap.account)
                self._start(self._streams)
                for stream in self._ready_first():
                    stream.sync()
                    if stream.extraction.is_over:
                        stream.finalize_state_progress_markers()
        except Exception:
            tap.outcome.status_of_error = 1
            raise
        finally:
            tap.outcome.log_summary(tap.account)

    def is_another_ready(self, current: ReportStream) -> bool:
        """Return whether there is something to do beside this stream."""
        others = (one for one in self._open() if one is not current)
        return self._learning.is_any_ready or any(one.extraction.is_ready for one in others)

    def _start(self, streams: list[ReportStream]) -> None:
        """Start the jobs of all streams at the same time."""
        with self._tap.signals.at_once():
            for stream in streams:
                stream.extraction.start()

    def _ready_first(self) -> Iterator[ReportStream]:
        """Yield the stream that has something to write, again and again, until all are over."""
        while (waiting := self._open()) or self._learning.tasks:
            tasks = [task for stream in waiting for task in stream.extraction.next_tasks]
            tasks += self._learning.tasks
            self._tap.run.runner.wait_until(self._is_any_ready, tasks)
            if self._learning.is_any_ready:
                self._add_learnt()
            else:
                yield next(stream for stream in waiting if stream.extraction.is_ready)

    def _add_learnt(self) -> None:
        """Start the streams whose columns are known by now."""
        added = []
        for report, client in self._learning.take():
            stream = ReportStream(self._tap, report, client)
            try:
                stream.use_schema(stream.schema)
            except MappingError as error:
                self._tap.outcome.fail(stream.name, StreamError(f"stream_maps: {error}"))
                continue
            self._tap.streams[stream.name] = stream
            added += [stream] if stream.selected else []
        self._streams += added
        self._start(added)

    def _jobs_left(self, stream: str) -> int:
        """Return how many of a stream's jobs are not submitted."""
        return sum(
            stream in task.streams and task.job is None for task in self._tap.run.runner.tasks.values()
        )

    def _open(self) -> list[ReportStream]:
        return [stream for stream in self._streams if not stream.extraction.is_over]

    def _is_any_ready(self) -> bool:
        return self._learning.is_any_ready or any(stream.extraction.is_ready for stream in self._open())

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Leave nothing behind but the last STATE."""
        try:
            with contextlib.suppress(Stopped):
                yield
        except BrokenPipeError:
            self._tap.outcome.closed = True
            forget_stdout()
        finally:
            self._end()

    def _end(self) -> None:
        tap = self._tap
        try:
            tap.run.note_end(tap.account)
            tap.close()
            tap.state_of_run.write(now=True)
            if tap.outcome.signal is not None:  # the last word is a STATE, also one that was said before
                tap.message_writer.write_message(StateMessage(value=dict(tap.state)))
            sys.stdout.flush()
        except BrokenPipeError:
            tap.outcome.closed = True
            forget_stdout()
