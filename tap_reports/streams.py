"""ReportStream: bookmark in, records out. The only room that speaks Singer."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import RemoveRecordTransform
from typing_extensions import override

from tap_reports.emit.plan import EmitPlan, Tally
from tap_reports.emit.writer import OutputError
from tap_reports.exceptions import CallError, CallsFailed, StreamError
from tap_reports.sync.columns import absent_columns, fields, named, with_new_columns
from tap_reports.sync.extraction import Extraction, SlicePlan
from tap_reports.sync.imports import import_meanwhile
from tap_reports.sync.report import Report, catalogued
from tap_reports.sync.state import StreamState

NOT_OURS = (BrokenPipeError, OutputError, AbortedSyncFailedException, AbortedSyncPausedException)
"""Exceptions that end more than the stream: the output is closed or full; a dry run has enough records."""
DEFECT = "If no setting explains it, report it with the log at level DEBUG."

if TYPE_CHECKING:
    import datetime as dt

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter as MetricCounter
    from singer_sdk.singerlib import Catalog

    from tap_reports.emit.plan import SliceContext
    from tap_reports.emit.rows import Block
    from tap_reports.files import Table
    from tap_reports.tap import TapReports
    from tap_reports.vendor import ReportClient


class ReportStream(Stream):
    """One report's records.

    Args:
        tap: The tap.
        report: The report.
        client: Its vendor's client.
    """

    # Values are converted by column, right by construction; checking each again would take half the time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: TapReports, report: Report, client: ReportClient) -> None:
        self.report = report
        self.selected_by_default = report.type.selected
        super().__init__(tap, schema=report.schema, name=report.stream)
        self.primary_keys = report.primary_keys
        self.replication_key = report.replication_key
        self._reports_tap = tap
        self._extraction = Extraction(self, tap, client)
        self._tally = Tally()
        self._warned: set[str] = set()

    @property
    def bookmark_state(self) -> StreamState:
        """This stream's part of the state."""
        return StreamState(self.stream_state)

    def plan(self) -> list[SlicePlan]:
        """Return the slices to extract, ascending, with their requests.

        Raises:
            StreamError: The vendor can't be asked what is final.
        """
        return self._extraction.plan()

    def start(self) -> None:
        """Start all slices' jobs. What goes wrong is raised when the records are asked for."""
        self._extraction.start()

    @property
    def rows_out(self) -> int:
        """Records that are out by now, those of the slice at hand included."""
        return self._extraction.rows + self._extraction.rows_in_progress

    @property
    def rows_in_progress(self) -> int:
        """Records of the slice at hand that are out by now."""
        return self._extraction.rows_in_progress

    @property
    def current_job_id(self) -> str:
        """Id of the job whose records are being written, or ""."""
        return self._extraction.current_job_id

    # --- columns ----------------------------------------------------------------------------------------

    def _plan_for(self, table: Table) -> EmitPlan:
        """Return what to emit of a table, after a new SCHEMA message if it has new columns."""
        settings = self._reports_tap.settings
        absent = absent_columns(self.report, table)  # first: the columns of another report are not added
        report, new = with_new_columns(self.report, table, settings.new_columns)
        if report is not self.report:
            self.logger.info("%s: new columns: %s", self.name, named(new))
            self.report = report
            self._set_schema(report.schema)
            if self._messages_wanted:
                self._write_schema_message()
        elif new:
            self._warn_once(f"new columns are ignored: {named(new)}")
        if absent:
            self._warn_once(f"columns that the file lacks are null: {named(absent)}")
        return EmitPlan(
            stream=self.name,
            fields=tuple(fields(self.report, table, self._is_selected)),
            invalid_values=settings.invalid_values,
            version=self._stream_version,
            zone=self._extraction.zone,
            notation=table.notation,
        )

    def _is_selected(self, name: str) -> bool:
        return (
            bool(self.mask["properties", name]) or name in self.primary_keys or name == self.replication_key
        )

    def _set_schema(self, schema: dict[str, Any]) -> None:
        """Use a schema from now on, in the messages and in the stream maps."""
        from singer_sdk.helpers._catalog import get_selected_schema

        self._schema = schema
        if self._input_schema is not None:
            self._input_schema = schema
        self._tap.mapper.register_raw_stream_schema(
            self.name, get_selected_schema(self.name, schema, self.mask), self.primary_keys
        )
        self._stream_maps = None

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self.logger.warning("%s: %s", self.name, text)

    # --- the SDK's loop ---------------------------------------------------------------------------------

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        if self._input_schema is None:
            return
        self.report = catalogued(
            self.report,
            self._input_schema,
            self.primary_keys,
            self.replication_key,
            lineage_columns=self._reports_tap.settings.lineage_columns,
        )
        self.primary_keys = self.report.primary_keys
        self.replication_key = self.report.replication_key
        self._set_schema(self.report.schema)

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Bookmarks move by slices, never by records: there is nothing to guard."""

    _messages_wanted = True

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        self._messages_wanted = write_messages
        with self._outcome(), self.get_record_counter() as counter, self.get_sync_timer():
            if write_messages and self.ABORT_AT_RECORD_COUNT is None:
                self._sync_blocks(counter)
            else:
                yield from self._sync_rows(counter, write_messages=write_messages)

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        from tap_reports.emit.batch import BATCH_SIZE

        raw = config.get("batch_config")
        return super().get_batch_config({"batch_config": {"batch_size": BATCH_SIZE, **raw}} if raw else {})

    @override
    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        from tap_reports.emit.batch import batches

        if batch_config.encoding.format == "parquet":
            import_meanwhile("pyarrow.parquet")
        with self._outcome(), self.get_batch_counter() as counter:
            for tables in self._extraction.slices():
                for table, place in tables:
                    plan = self._plan_for(table)
                    for batch in batches(table, plan, place.context, batch_config, self, self._tally):
                        if batch.manifest:
                            counter.increment()
                            self._reports_tap.write_message(batch.message())
                        place.rows += batch.rows
                        self._reports_tap.drain()

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        from tap_reports.emit.rows import records

        for tables in self._extraction.slices():
            for table, place in tables:
                for record in records(table, self._plan_for(table), place.context, self._tally):
                    place.rows += 1
                    yield record

    def _sync_rows(self, counter: MetricCounter, *, write_messages: bool) -> Iterator[dict[str, Any]]:
        for index, record in enumerate(self.get_records(None)):
            self._check_max_record_limit(current_record_index=index)
            if write_messages:
                self._write_record_message(record)
            counter.increment()
            if index % 1000 == 0:
                self._reports_tap.drain()
            yield record

    def _sync_blocks(self, counter: MetricCounter) -> None:
        clock = self._reports_tap.run.clock
        for tables in self._extraction.slices():
            extracted = clock.now()
            for table, place in tables:
                for block in self._blocks(table, place.context, extracted):
                    self._reports_tap.write_block(block.data)
                    self._tally.add(block.tally)
                    place.rows += block.rows
                    counter.increment(block.records)
                    self._reports_tap.drain()

    def _blocks(self, table: Table, context: SliceContext, extracted: dt.datetime) -> Iterator[Block[bytes]]:
        from tap_reports.emit.blocks import encode
        from tap_reports.emit.maps import mapped_blocks, mapped_plan

        plan = self._plan_for(table)
        maps = [one for one in self.stream_maps if not isinstance(one, RemoveRecordTransform)]
        if plain := mapped_plan(plan, maps, self.config):
            return encode(table, plain, context, extracted=extracted)
        return mapped_blocks(table, plan, context, maps, extracted)

    @contextlib.contextmanager
    def _outcome(self) -> Iterator[None]:
        """Note how the stream ends: its failure does not end the others, a stop is passed on quietly."""
        try:
            yield
        except NOT_OURS:
            raise
        except StreamError as error:
            self._fail(error)
        except CallError as error:
            self._fail(CallsFailed.of(error))
        except Exception as error:
            self.logger.debug("unexpected error", exc_info=True)
            self._fail(StreamError(f"unexpected {type(error).__name__}: {error}", remedy=DEFECT))
        else:
            self._reports_tap.outcome.done[self.name] = self._extraction.rows
        finally:
            for name, count in self._tally.nulled.items():
                self.logger.warning("%s: %d values did not fit %s and are null", self.name, count, name)
            for name, count in self._tally.left_out.items():
                self.logger.warning("%s: %d records without %s, a key, are left out", self.name, count, name)

    def _fail(self, error: StreamError) -> None:
        tap = self._reports_tap
        tap.outcome.fail(self.name, self._extraction.located(error))
        tap.run.runner.abandon(self.name)
        tap.write_state()
