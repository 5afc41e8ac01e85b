"""TapReports: start reading here. The settings, the streams, one run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import TapCapabilities
from typing_extensions import override

from tap_reports.clock import SystemClock
from tap_reports.console.progress import Display
from tap_reports.emit.writer import MessageWriter, StateOutput
from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.settings.environment import environment_config, merged
from tap_reports.settings.read import Settings, read
from tap_reports.settings.schema import settings_schema
from tap_reports.streams import ReportStream
from tap_reports.sync import discovery
from tap_reports.sync.all_streams import AllStreams
from tap_reports.sync.configured import final_day_errors, selection_errors
from tap_reports.sync.mode import Mode
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.signals import SignalHandler
from tap_reports.sync.state import RunState, shard_state_errors, state_errors

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.jobs.event_loop import EngineLoop
    from tap_reports.models import RunOutcome
    from tap_reports.sync.column_discovery import DiscoveredReport
    from tap_reports.sync.run import Run


class TapReports(Tap):
    """Singer tap for asynchronous report APIs: Similarweb, impact.com, Digital Turbine, Second Nature."""

    name = "tap-reports"
    package_name = "tap-reports"
    dynamic_catalog = True
    message_writer_class = MessageWriter
    config_jsonschema = settings_schema()
    capabilities = [*Tap.capabilities, TapCapabilities.TEST]

    def __init__(
        self,
        *,
        mode: Mode = Mode.SYNC,
        errors: Sequence[str] = (),
        outcome: Outcome | None = None,
        waits_for_columns: bool = True,
        clock: Clock | None = None,
        loop: EngineLoop | None = None,
        **kwargs: Any,
    ) -> None:
        self.mode = mode
        self.outcome = outcome or Outcome()
        self.signals = SignalHandler(self.outcome, self._stop_engine)
        self._clock = clock
        self._loop = loop
        self.display = Display(self.outcome, lambda: self._existing_run)
        self._has_catalog = kwargs.get("catalog") is not None
        wrong_state = list(state_errors(kwargs.get("state")))
        self._input_errors = [*errors, *wrong_state]
        self.waits_for_columns = waits_for_columns
        self._given_state = kwargs["state"] = {} if wrong_state else copy.deepcopy(kwargs.get("state") or {})
        if kwargs.pop("parse_env_config", False):
            # The SDK would replace whole blocks; here a block may come from a file and variables together.
            config, wrong_variables = environment_config()
            kwargs["config"] = merged(kwargs.get("config") or {}, config)
            self._input_errors += wrong_variables
        super().__init__(**{"setup_mapper": mode.has_streams, **kwargs})
        self.state_of_run.values = cast("dict[str, Any]", self.state)  # the SDK has copied it

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        from tap_reports.cli import command

        return command(cls)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors = [*self._input_errors, *self._shard_and_ledger_errors()]
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

    def _shard_and_ledger_errors(self) -> Iterator[str]:
        if self._config.get("shard"):
            yield from shard_state_errors(self._given_state.get("bookmarks", {}))
        ledger = self._config.get("job_ledger")
        if self.mode.needs_start_date and isinstance(ledger, str):
            from tap_reports.ledger.store import setting_errors

            yield from setting_errors(ledger)

    @override
    def setup_mapper(self) -> None:
        try:
            super().setup_mapper()
        except MappingError as error:
            self.close()
            raise ConfigError([f"stream_maps: {error}"]) from error

    @override
    def discover_streams(self) -> list[ReportStream]:
        if self.mode is Mode.SYNC:
            self.run.listen()  # a port in use must be an error before any request
        if self.input_catalog is None:
            with self.display:
                reports = self.all_streams.discover(
                    from_files=self.mode.discovers_columns,
                    is_waiting=self.waits_for_columns,
                    is_sync=self.mode is Mode.SYNC,
                )
        else:
            titles = {entry.tap_stream_id: entry.schema.title or "" for entry in self.input_catalog.streams}
            reports = discovery.restore(self.run, titles)
        return [ReportStream(self, report, client) for report, client in reports]

    def selected_streams(self) -> list[ReportStream]:
        """Return the streams to extract, in order.

        Raises:
            ConfigError: There is no start_date, or the catalog names wrong keys.
        """
        streams = self._selected()
        errors = list(selection_errors([stream.report for stream in streams], self.settings))
        if self.settings.shard and self.mode.has_streams and not errors:
            finals = {stream.name: stream.extraction.final_day() for stream in streams}
            errors += final_day_errors(finals, self.settings)
        if errors:
            raise ConfigError(errors)
        return streams

    @property
    def report_streams(self) -> list[ReportStream]:
        """All streams, selected or not."""
        return cast("list[ReportStream]", list(self.streams.values()))

    def _selected(self) -> list[ReportStream]:
        return [stream for stream in self.report_streams if stream.selected]

    @cached_property
    def run(self) -> Run:
        """The run's resources."""
        from tap_reports.sync.run import Run

        return Run(
            self.settings,
            self.state_of_run.add_job,
            write_state=self.state_of_run.write,
            clock=self._clock,
            loop=self._loop,
            looks_once=self.mode is Mode.SUBMIT,
        )

    @property
    def _existing_run(self) -> Run | None:
        """The run, if it has been made."""
        return self.__dict__.get("run")

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Sync all selected streams.

        The SDK marks it as final, and syncs streams by name, one after the other. Here a stream that is ready
        does not wait for one that is not, and a failure or a signal is followed by a STATE and a summary.
        """
        self._reset_state_progress_markers()
        streams = self.selected_streams()
        with self.display:
            self.all_streams.sync(streams, self.display.on_start)

    @cached_property
    def all_streams(self) -> AllStreams:
        """All streams of the sync."""
        return AllStreams(
            self.run, self.state_of_run, self.outcome, self.signals, self._add_stream, self.run_outcome
        )

    @cached_property
    def state_of_run(self) -> RunState:
        """The state during the run."""
        return RunState(
            values=self._given_state,
            output=StateOutput(
                cast("MessageWriter", self.message_writer), (self._clock or SystemClock()).monotonic
            ),
            signals=self.signals,
            names_jobs=self.settings.shard is None,
            is_written=self.mode is Mode.SYNC,
        )

    def _add_stream(self, discovered: DiscoveredReport) -> ReportStream | None:
        """Add the stream of a discovered report; return it if it is selected."""
        stream = ReportStream(self, *discovered)
        try:
            stream.use_schema(stream.schema)
        except MappingError as error:
            self.outcome.fail(stream.name, StreamError(f"stream_maps: {error}"))
            return None
        self.streams[stream.name] = stream
        return stream if stream.selected else None

    @property
    @override
    def state_writer(self) -> StateOutput:
        return self.state_of_run.output

    def run_outcome(self) -> RunOutcome:
        """Return the facts of the run so far."""
        streams = self._selected() if self._streams else []
        return self.outcome.run_outcome(self._existing_run, streams, self.plugin_version)

    def close(self) -> None:
        """End the run's work and remove its temporary files."""
        if run := self._existing_run:
            run.close()

    def _stop_engine(self) -> bool:
        run = self._existing_run
        if run is None or not run.is_started:
            return False
        run.engine.stop()
        return True

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        if run := self._existing_run:
            run.stop_waiting_for_ledger()
        self.signals.handle(signum)
