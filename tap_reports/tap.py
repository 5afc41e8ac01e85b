"""TapReports: start reading here. The settings, the streams, one run."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import StateMessage
from typing_extensions import override

from tap_reports.cli import Commands
from tap_reports.commands.progress import Display
from tap_reports.emit.writer import MessageWriter
from tap_reports.exceptions import ConfigError, Stopped
from tap_reports.jobs.metrics import log_job
from tap_reports.settings import read as config
from tap_reports.settings import validate as mistakes
from tap_reports.settings.environment import environment_config, merged
from tap_reports.settings.schema import settings_schema
from tap_reports.streams import ReportStream
from tap_reports.sync import discovery
from tap_reports.sync.imports import fast_imports
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.state import DiscoveryState
from tap_reports.sync.state import mistakes as state_mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_reports.clock import Clock
    from tap_reports.jobs.event_loop import EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.settings.read import Settings
    from tap_reports.sync.run import Run


ONE_SIGNAL_SECONDS = 1.0
"""Signals that come within this time are one: `timeout` sends its own to the process and to its group."""


class TapReports(Commands, Tap):
    """Singer tap for asynchronous report APIs: Similarweb, impact.com, Digital Turbine, Second Nature."""

    name = "tap-reports"
    package_name = "tap-reports"
    dynamic_catalog = True
    message_writer_class = MessageWriter
    config_jsonschema = settings_schema()
    capabilities = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        loop: EngineLoop | None = None,
        learn_columns: bool = True,
        **kwargs: Any,
    ) -> None:
        self.outcome = Outcome()
        self._clock = clock
        self._loop = loop
        self._learn_columns = learn_columns
        self._is_asking = False
        self._signalled = 0.0
        self._display = Display(self)
        # The SDK discovers at once where a run follows, and then only (`setup_mapper`).
        self._is_run = kwargs.get("setup_mapper", True)
        self._has_catalog = kwargs.get("catalog") is not None
        self._state_mistakes = list(state_mistakes(kwargs.get("state")))
        self._early_state = DiscoveryState({} if self._state_mistakes else kwargs.get("state") or {})
        kwargs["state"] = self._early_state.values
        if kwargs.pop("parse_env_config", False):
            # The SDK would replace whole blocks; a block may come half from a file, half from variables.
            kwargs["config"] = merged(kwargs.get("config") or {}, environment_config())
        super().__init__(**kwargs)

    # --- settings -----------------------------------------------------------------------------------------

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors: list[str] = []
        try:
            self.settings: Settings = config.read(
                self._config, version=self.plugin_version, for_sync=self._is_run and not self._has_catalog
            )
            errors = super()._validate_config(raise_errors=False)
        except ConfigError as error:
            errors = error.errors
        errors = [*errors, *self._state_mistakes]
        if errors and raise_errors:
            raise ConfigValidationError("Config validation failed", errors=errors, schema={})
        for warning in mistakes.unknown_top_level(self._config, self.config_jsonschema["properties"]):
            self.logger.warning("%s", warning)
        return errors

    # --- streams ------------------------------------------------------------------------------------------

    @override
    def discover_streams(self) -> list[ReportStream]:
        if self._is_run and self._learn_columns:
            self.run.listen()  # a sync follows: a port that is taken must end it before any request
        if self.input_catalog is None:
            with self._display:
                found = self._discovered()
        else:
            titles = {one.tap_stream_id: one.schema.title or "" for one in self.input_catalog.streams}
            found = discovery.restore(self.run, titles)
        return [ReportStream(self, report, client) for report, client in found]

    def _discovered(self) -> list[discovery.Found]:
        """Return the reports that the vendors have. Within a run, one's failure does not stop the others."""
        early, goes_on = self._early_state, self._is_run and self._learn_columns
        try:
            with self._asking():
                found = discovery.discover(
                    self.run,
                    learn=self._learn_columns,
                    bookmarks=early.bookmarks,
                    fail=self.outcome.fail if goes_on else None,
                )
        except BaseException:
            self.run.close()
            raise
        for task in self.run.runner.tasks.values() if self.run.is_started else ():
            for stream in task.streams:
                if task.is_dropped or stream not in self.outcome.failures:
                    early.drop(stream, task.request.key)
        return found

    def selected_streams(self) -> list[ReportStream]:
        """Return the streams that are to be extracted, in the order in which they come out."""
        return [
            stream for stream in self.streams.values() if isinstance(stream, ReportStream) and stream.selected
        ]

    # --- one run ------------------------------------------------------------------------------------------

    @cached_property
    def run(self) -> Run:
        """What the run works with."""
        with fast_imports():
            from tap_reports.sync.run import Run
        return Run(self.settings, self._name_in_state, on_over=log_job, clock=self._clock, loop=self._loop)

    def start_all(self) -> None:
        """Start the jobs of all selected streams at the same time."""
        with self._asking():
            for stream in self.selected_streams():
                stream.start()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """The main thread calls vendors: a signal ends that at once, as nothing is being written."""
        before, self._is_asking = self._is_asking, True
        try:
            yield
        finally:
            self._is_asking = before

    def require_start_date(self) -> None:
        """Raise a configuration error if a dated report is selected and there is no start_date."""
        dated = [stream.name for stream in self.selected_streams() if stream.report.type.dated]
        if dated and self.settings.start_date is None:
            raise ConfigError([mistakes.missing_start_date(dated)])

    def write_state(self) -> None:
        """Write a STATE message if anything changed since the last one. No signal ends it half-way."""
        before, self._is_asking = self._is_asking, False
        try:
            known: Any = self.state if self._streams else self._early_state.values
            self.state_writer.write_state(known)
        finally:
            self._is_asking = before

    def write_block(self, data: bytes) -> None:
        """Write whole lines of messages."""
        cast("MessageWriter", self.message_writer).write_block(data)

    def drain(self) -> None:
        """Take note of what the jobs did meanwhile; between two blocks of records.

        Raises:
            Stopped: A signal came.
        """
        self.run.runner.drain()

    def _name_in_state(self, task: Task) -> None:
        """Name a submitted job in the state of each stream that wants it, before it is polled."""
        known = self._streams or {}
        for name in task.streams:
            stream = known.get(name)
            if isinstance(stream, ReportStream) and task.job:
                stream.bookmark_state.add(task.job)
            elif not known and task.job:
                self._early_state.add(name, task.job)
        if self._is_run and self._learn_columns:
            self.write_state()

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Sync all selected streams; one's failure does not stop the others.

        The SDK marks it as final; its loop is used as it is, and only what comes after a failure or a
        signal is added around it.
        """
        self.require_start_date()
        if not self.selected_streams() and not self.outcome.failures:
            self.logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        try:
            with self._display:
                self._sync_streams()
        finally:
            self.outcome.summarise()

    def _sync_streams(self) -> None:
        try:
            self._display.begin_sync()
            super().sync_all()
        except Stopped:
            pass
        except BrokenPipeError:
            self._close_output()
        finally:
            self._end()

    def _end(self) -> None:
        """Leave nothing behind but the last STATE."""
        try:
            self.run.close()
            self.write_state()
            if self.outcome.signal is not None:  # the last word is a STATE, also one that was said before
                self.message_writer.write_message(StateMessage(value=dict(self.state)))
            sys.stdout.flush()
        except BrokenPipeError:
            self._close_output()

    def _close_output(self) -> None:
        """The reader is gone: note it, and give the interpreter something to flush to at its end."""
        self.outcome.closed = True
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.outcome.signal is not None:
            if now - self._signalled >= ONE_SIGNAL_SECONDS:
                os._exit(128 + signum)  # asked twice: at once, also out of a write to a reader that hangs
            return
        self._signalled = now
        self.outcome.signal = signum
        if "run" in self.__dict__ and self.run.is_started and not self._is_asking:
            self.run.runner.stop()
        else:
            raise Stopped(f"signal {signum}", signum)
