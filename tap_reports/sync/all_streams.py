"""All streams of a sync: each is taken up when it has something to write, none waits for another."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from singer_sdk.singerlib import StateMessage

from tap_reports.exceptions import Stopped
from tap_reports.sync.shard import require_fixed_list
from tap_reports.sync.signals import forget_stdout

if TYPE_CHECKING:
    from tap_reports.streams import ReportStream
    from tap_reports.sync.learning import Learning
    from tap_reports.tap import TapReports


class AllStreams:
    """The selected streams, and those whose columns are still to be learnt.

    Args:
        tap: The tap.
        learning: The reports that become streams while others are extracted.
    """

    def __init__(self, tap: TapReports, learning: Learning) -> None:
        self._tap = tap
        self._learning = learning
        self._streams = tap.selected_streams()

    def sync(self) -> None:
        """Extract them; one's failure does not stop the others."""
        tap = self._tap
        if not (self._streams or tap.outcome.failures or self._learning.tasks):
            tap.logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        require_fixed_list(tap.settings, self._streams, tap.state)
        try:
            with tap.display, self._ending():
                tap.display.begin_sync(tap.run, self._streams)
                if tap.state:
                    tap.write_state()
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
            tap.outcome.tell(tap.account)

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
        added = self._tap.add(self._learning.take())
        self._streams += added
        self._start(added)

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
            tap.write_state(now=True)
            if tap.outcome.signal is not None:  # the last word is a STATE, also one that was said before
                tap.message_writer.write_message(StateMessage(value=dict(tap.state)))
            sys.stdout.flush()
        except BrokenPipeError:
            tap.outcome.closed = True
            forget_stdout()
