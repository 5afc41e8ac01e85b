"""ReportStream: one report as a stream of the SDK; its bookmark goes in, its records come out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from singer_sdk import Stream
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_reports.emit.plan import EmitPlan
from tap_reports.sync.columns import absent_columns, fields, quoted, with_new_columns
from tap_reports.sync.configured import with_catalog
from tap_reports.sync.extraction import Extraction
from tap_reports.sync.outcome import RUN_ENDING_ERRORS, add_stream_name, log_tally, stream_error
from tap_reports.sync.report import Report
from tap_reports.sync.state import StreamState

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter as MetricCounter
    from singer_sdk.singerlib import Catalog

    from tap_reports.client import ReportClient
    from tap_reports.emit.plan import TablePosition
    from tap_reports.emit.writer import MessageWriter
    from tap_reports.files import Table
    from tap_reports.tap import TapReports


class ReportStream(Stream):
    """One report's records."""

    # Values are converted by column to the schema's types; checking each again would take half the time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    _tap: TapReports
    _messages_wanted = True

    def __init__(self, tap: TapReports, report: Report, client: ReportClient) -> None:
        self.report = report
        self.selected_by_default = report.type.selected
        super().__init__(tap, schema=report.schema, name=report.stream)
        self.logger.addFilter(add_stream_name)
        self.primary_keys = report.primary_keys
        self.replication_key = report.replication_key
        self._client = client
        self._warned: set[str] = set()
        self._written_schema: dict[str, Any] | None = None

    @cached_property
    def extraction(self) -> Extraction:
        """Its slices and their jobs; made after the catalog is applied."""
        tap = self._tap
        return Extraction(
            report=self.report,
            client=self._client,
            run=tap.run,
            state=StreamState(self.stream_state),
            is_incremental=self.replication_method != REPLICATION_FULL_TABLE and tap.settings.shard is None,
            write_state=tap.state_of_run.write,
            should_yield=lambda: tap.all_streams.is_another_ready(self),
        )

    def _plan_for(self, table: Table) -> EmitPlan:
        """Return what to emit of a table, after a new SCHEMA message if it has new columns."""
        settings = self._tap.settings
        absent = absent_columns(self.report, table)  # first: another report's columns must not be added
        report, new = with_new_columns(self.report, table, settings.new_columns)
        if report is not self.report:
            self.logger.info("%s: new columns: %s", self.name, quoted(new))
            self.report = report
            self.use_schema(report.schema)
            if self._messages_wanted:
                self._write_schema_message()
        elif new:
            self._warn_once(f"new columns are ignored: {quoted(new)}")
        if absent:
            self._warn_once(f"columns that the file lacks are null: {quoted(absent)}")
        self._warn_about_other_sheets(table)
        return EmitPlan(
            stream=self.name,
            fields=tuple(fields(self.report, table, self._is_selected)),
            invalid_values=settings.invalid_values,
            version=self._stream_version,
            zone=self.extraction.zone,
            notation=table.notation,
            dated_by=self.report.date_property,
        )

    def _warn_about_other_sheets(self, table: Table) -> None:
        """Name the sheets that no stream loads, once: in the first selected stream of the report."""
        report = self.report.type.report
        streams = [stream for stream in self._tap.report_streams if stream.report.type.report == report]
        known = {stream.report.type.layout.sheet for stream in streams}
        new = [sheet for sheet in table.other_sheets if sheet not in known]
        if new and next(stream for stream in streams if stream.selected) is self:
            remedy = "; run discovery again to load them, or to deselect them without this warning"
            text = f"no stream loads the sheets {quoted(new)} of its file"
            self._warn_once(f"{text}{remedy if self._input_schema else ''}")

    def _is_selected(self, name: str) -> bool:
        return self.mask["properties", name] or name in {*self.primary_keys, self.replication_key}

    def use_schema(self, schema: dict[str, Any]) -> None:
        """Use this schema for messages and stream maps from now on."""
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

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        if self._input_schema is None:
            return
        self.report = with_catalog(
            self.report,
            self._input_schema,
            self.primary_keys,
            self.replication_key,
            lineage_columns=self._tap.settings.lineage_columns,
        )
        self.primary_keys = self.report.primary_keys
        self.replication_key = self.report.replication_key
        self.use_schema(self.report.schema)

    @override
    def _write_schema_message(self) -> None:
        if self._written_schema is not self.schema:  # the stream may be continued after another one
            self._written_schema = self.schema
            super()._write_schema_message()

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """False: the SDK would write it before the records; here it follows them, if all are there."""
        return False

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Bookmarks move by slices, not by records, so there is nothing to limit."""

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        self._messages_wanted = write_messages
        with self._note_outcome(), self.get_record_counter() as counter, self.get_sync_timer():
            if write_messages and self.ABORT_AT_RECORD_COUNT is None:
                self._sync_blocks(counter)
                return
            for index, record in enumerate(self.get_records(context)):
                self._check_max_record_limit(current_record_index=index)
                if write_messages:
                    self._write_record_message(record)
                counter.increment()
                if index % 1000 == 0:
                    self._tap.run.engine.drain()
                yield record

    @override
    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        from tap_reports.emit.batch import BATCH_SIZE

        raw = config.get("batch_config")
        return super().get_batch_config({"batch_config": {"batch_size": BATCH_SIZE, **raw}} if raw else {})

    @override
    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        from tap_reports.emit.batch import batches

        if batch_config.encoding.format == "parquet":  # a slow import, while jobs run
            threading.Thread(target=__import__, args=("pyarrow.parquet",), name="imports").start()
        with self._note_outcome(), self.get_batch_counter() as counter:
            for table, plan, position in self._tables():
                for batch in batches(table, plan, position.context, batch_config, self, position.tally):
                    if batch.manifest:
                        counter.increment()
                        self._tap.write_message(batch.message())
                    position.rows += batch.rows
                    self._tap.run.engine.drain()

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        from tap_reports.emit.rows import records

        for table, plan, position in self._tables():
            for record in records(table, plan, position.context, position.tally):
                position.rows += 1
                yield record
            position.rows += position.tally.left_out.total()

    def _sync_blocks(self, counter: MetricCounter) -> None:
        from tap_reports.emit.maps import blocks

        writer = cast("MessageWriter", self._tap.message_writer)
        for table, plan, position in self._tables():
            now = self._tap.run.clock.now()
            for block in blocks(table, plan, position.context, self.stream_maps, now, self.config):
                writer.write_block(block.data)
                position.tally.add(block.tally)
                position.rows += block.rows
                counter.increment(block.records)
                self._tap.run.engine.drain()

    def _tables(self) -> Iterator[tuple[Table, EmitPlan, TablePosition]]:
        for tables in self.extraction.slices():
            while True:
                # A workbook, or JSON, is read to its end before its first row is emitted.
                with self._tap.signals.interruptible():
                    item = next(tables, None)
                if item is None:
                    break
                table, position = item
                yield table, self._plan_for(table), position

    @contextlib.contextmanager
    def _note_outcome(self) -> Iterator[None]:
        """Note how the stream ends. Its failure does not end the others; a stopped run is passed on."""
        if self.replication_method == REPLICATION_FULL_TABLE and self._tap.settings.shard is None:
            self._stream_version = self._initialized_at // 1000
        try:
            yield
        except RUN_ENDING_ERRORS:
            raise
        except Exception as error:
            self.logger.debug("%s failed", self.name, exc_info=True)
            self._tap.outcome.fail(self.name, self.extraction.fail(stream_error(error)))
            self._tap.state_of_run.write()
        else:
            if not self.extraction.is_over:
                return
            self._tap.outcome.done[self.name] = self.extraction.rows
            if self._stream_version is not None and self._messages_wanted:  # targets may drop older rows
                self._write_activate_version_message(self._stream_version)
        log_tally(self.logger, self.name, self.extraction.tally, len(self.report.columns))
