"""TapReports: start reading here. The settings, the streams, one run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import StateMessage
from typing_extensions import override

from tap_reports import cli
from tap_reports.commands.progress import Display
from tap_reports.emit.state_output import StateOutput
from tap_reports.emit.writer import MessageWriter
from tap_reports.exceptions import ConfigError, Stopped
from tap_reports.jobs.metrics import log_job
from tap_reports.settings.environment import environment_config, merged
from tap_reports.settings.read import Settings, read
from tap_reports.settings.schema import settings_schema
from tap_reports.settings.validate import missing_start_date
from tap_reports.streams import ReportStream
from tap_reports.sync import discovery
from tap_reports.sync.imports import fast_imports
from tap_reports.sync.mode import Mode
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.shard import require_fixed_list
from tap_reports.sync.signals import Signals, forget_stdout
from tap_reports.sync.state import DiscoveryState
from tap_reports.sync.state import mistakes as state_errors

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.jobs.event_loop import EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.models import RunOutcome
    from tap_reports.settings.inputs import Inputs
    from tap_reports.sync.run import Run


class TapReports(Tap):
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
        mode: Mode = Mode.SYNC,
        errors: Sequence[str] = (),
        outcome: Outcome | None = None,
        clock: Clock | None = None,
        loop: EngineLoop | None = None,
        **kwargs: Any,
    ) -> None:
        self.mode = mode
        self.outcome = outcome or Outcome()
        self.signals = Signals(self.outcome, self._stop)
        self._clock = clock
        self._loop = loop
        self._display = Display(self.outcome, lambda: self.__dict__.get("run"))
        self._has_catalog = kwargs.get("catalog") is not None
        wrong = list(state_errors(kwargs.get("state")))
        self._input_errors = [*errors, *wrong]
        self._early_state = DiscoveryState({} if wrong else kwargs.get("state") or {})
        kwargs["state"] = self._early_state.values
        if kwargs.pop("parse_env_config", False):
            # The SDK would replace whole blocks; a block may come half from a file, half from variables.
            config, wrong_variables = environment_config()
            kwargs["config"] = merged(kwargs.get("config") or {}, config)
            self._input_errors += wrong_variables
        super().__init__(**{"setup_mapper": mode.has_streams, **kwargs})

    @classmethod
    def of(cls, mode: Mode, inputs: Inputs, outcome: Outcome | None = None) -> Self:
        """Return the tap for what a command was given.

        Raises:
            ConfigError: Naming everything that is wrong.
        """
        return cls(
            mode=mode,
            config=inputs.config,
            catalog=inputs.catalog,
            state=inputs.state,
            errors=inputs.errors,
            outcome=outcome,
        )

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        return cli.command(cls)

    # --- settings -----------------------------------------------------------------------------------------

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors = self._input_errors
        try:
            self.settings: Settings = read(
                self._config,
                version=self.plugin_version,
                for_sync=self.mode.needs_start_date and not self._has_catalog,
            )
        except ConfigError as error:
            errors = [*errors, *error.errors]
        if errors and raise_errors:
            raise ConfigError(errors)
        return errors

    @override
    def setup_mapper(self) -> None:
        try:
            super().setup_mapper()
        except MappingError as error:
            self.close()
            raise ConfigError([f"stream_maps: {error}"]) from error

    # --- streams ------------------------------------------------------------------------------------------

    @override
    def discover_streams(self) -> list[ReportStream]:
        if self.mode is Mode.SYNC:
            self.run.listen()  # a port that is taken must end it before any request
        if self.input_catalog is None:
            with self._display:
                found = self._discovered()
        else:
            titles = {one.tap_stream_id: one.schema.title or "" for one in self.input_catalog.streams}
            found = discovery.restore(self.run, titles)
        return [ReportStream(self, report, client) for report, client in found]

    def _discovered(self) -> list[discovery.Found]:
        """Return the reports that the vendors have. Within a run, one's failure does not stop the others."""
        early = self._early_state
        try:
            with self.signals.at_once():
                found = discovery.discover(
                    self.run,
                    learn=self.mode.learns_columns,
                    bookmarks=early.bookmarks,
                    fail=self.outcome.fail if self.mode is Mode.SYNC else None,
                )
        except BaseException:
            self.close()
            raise
        for task in self.run.runner.tasks.values() if self.run.is_started else ():
            for stream in task.streams:
                if task.is_dropped or stream not in self.outcome.failures:
                    early.drop(stream, task.request.key)
        return found

    def selected_streams(self) -> list[ReportStream]:
        """Return the streams that are to be extracted, in the order in which they come out.

        Raises:
            ConfigError: A dated report is among them, and there is no start_date.
        """
        streams = self.streams.values()
        found = [stream for stream in streams if isinstance(stream, ReportStream) and stream.selected]
        dated = [stream.name for stream in found if stream.report.type.dated]
        if dated and self.settings.start_date is None:
            raise ConfigError([missing_start_date(dated)])
        return found

    # --- one run ------------------------------------------------------------------------------------------

    @cached_property
    def run(self) -> Run:
        """What the run works with."""
        if self.settings.on_quota_spent == "stop":
            self.outcome.left = self._jobs_left
        with fast_imports():
            from tap_reports.sync.run import Run
        return Run(
            self.settings,
            self._name_in_state,
            write_state=self._write_names,
            on_over=log_job,
            clock=self._clock,
            loop=self._loop,
            looks_once=self.mode is Mode.SUBMIT,
        )

    def _start_all(self) -> None:
        """Start the jobs of all selected streams at the same time."""
        with self.signals.at_once():
            for stream in self.selected_streams():
                stream.extraction.start()

    def _ready_first(self) -> Iterator[ReportStream]:
        """Yield the stream that has something to write, again and again, until all are over."""
        while waiting := self._open_streams():
            tasks = [task for stream in waiting for task in stream.extraction.next_tasks]
            self.run.runner.wait_until(self._is_any_ready, tasks)
            yield next(stream for stream in waiting if stream.extraction.is_ready)

    def _is_any_ready(self) -> bool:
        return any(stream.extraction.is_ready for stream in self._open_streams())

    def is_another_ready(self, current: ReportStream) -> bool:
        """Return whether a stream beside this one has something to write."""
        return any(one.extraction.is_ready for one in self._open_streams() if one is not current)

    def _open_streams(self) -> list[ReportStream]:
        return [stream for stream in self.selected_streams() if not stream.extraction.is_over]

    @cached_property
    def _state_output(self) -> StateOutput:
        writer = cast("MessageWriter", self.message_writer)
        return StateOutput(writer, self.run.clock.monotonic)

    @property
    @override
    def state_writer(self) -> StateOutput:
        return self._state_output

    def write_state(self, *, now: bool = False) -> float:
        """Write a STATE message if anything changed since the last one. No signal ends it half-way.

        Args:
            now: At once, also a large one.

        Returns:
            The seconds until it is due; 0 if it is out.
        """
        with self.signals.at_once(is_on=False):
            known: Any = self.state if self._streams else self._early_state.values
            return self.state_writer.put(known, now=now)

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
        """Name a submitted job in the state of each stream that wants it."""
        known = self._streams or {}
        if self.settings.shard:
            return  # its jobs are in the ledger alone
        for name in task.streams:
            stream = known.get(name)
            if isinstance(stream, ReportStream) and task.job:
                stream.bookmark_state.add(task.job)
            elif not known and task.job:
                self._early_state.add(name, task.job)

    def _jobs_left(self, stream: str) -> int:
        """Return how many of a stream's jobs are not submitted."""
        return sum(stream in task.streams and task.job is None for task in self.run.runner.tasks.values())

    def _write_names(self, now: bool) -> float:
        return self.write_state(now=now) if self.mode is Mode.SYNC else 0.0

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Sync all selected streams; one's failure does not stop the others.

        The SDK marks it as final, and takes the streams by name, each to its end. Here a stream that is ready
        does not wait for one that is not, and what comes after a failure or a signal is added.
        """
        if not self.selected_streams() and not self.outcome.failures:
            self.logger.warning("no stream is selected, so nothing is extracted; select some in the catalog")
        streams = self.selected_streams()
        require_fixed_list(self.settings, streams, self.state)
        try:
            with self._display, self._ending():
                self._display.begin_sync(self.run, streams)
                self._reset_state_progress_markers()
                if self.state:
                    self.write_state()
                self.run.note_start(self.account)
                self._start_all()
                for stream in self._ready_first():
                    stream.sync()
                    if stream.extraction.is_over:
                        stream.finalize_state_progress_markers()
        except Exception:
            self.outcome.status_of_error = 1
            raise
        finally:
            self.outcome.tell(self.account)

    @property
    def account(self) -> RunOutcome:
        """What became of the run, up to now."""
        streams = self.selected_streams() if self._streams else []
        return self.outcome.of_run(self.__dict__.get("run"), streams, self.plugin_version)

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Leave nothing behind but the last STATE."""
        try:
            with contextlib.suppress(Stopped):
                yield
        except BrokenPipeError:
            self.outcome.closed = True
            forget_stdout()
        finally:
            self._end()

    def _end(self) -> None:
        try:
            self.run.note_end(self.account)
            self.close()
            self.write_state(now=True)
            if self.outcome.signal is not None:  # the last word is a STATE, also one that was said before
                self.message_writer.write_message(StateMessage(value=dict(self.state)))
            sys.stdout.flush()
        except BrokenPipeError:
            self.outcome.closed = True
            forget_stdout()

    def close(self) -> None:
        """End the run's work and remove its temporary files."""
        if "run" in self.__dict__:
            self.run.close()

    def _stop(self) -> bool:
        if "run" not in self.__dict__ or not self.run.is_started:
            return False
        self.run.runner.stop()
        return True

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        if "run" in self.__dict__:
            self.run.end_soon()
        self.signals.came(signum)
