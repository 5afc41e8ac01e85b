"""One file through the tap's own parser and writer, as a whole process: a sync behind the download."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contents import COLUMNS
from singer_sdk import Stream, Tap
from singer_sdk.helpers._batch import BatchConfig
from singer_sdk.singerlib import SchemaMessage

from tap_reports.emit.batch import batches
from tap_reports.emit.blocks import encode
from tap_reports.emit.plan import EmitPlan, Field, SliceContext
from tap_reports.emit.writer import MessageWriter
from tap_reports.files import Table, tables
from tap_reports.models import FileFormat, Kind, Layout, ReportFile
from tap_reports.models.columns import LINEAGE, property_names, schema_of

KINDS = {header: Kind(kind) for header, kind in COLUMNS}
CONTEXT = SliceContext(job_id="job-1", slice_start=dt.date(2026, 1, 1), slice_end=dt.date(2026, 3, 31))


class _Report(Stream):
    name = "report"
    schema = {"type": "object", "properties": {}}

    def get_records(self, context: object) -> Iterator[dict[str, object]]:
        """Never asked: the blocks are written as they are."""
        del context
        yield from ()


class _OneTap(Tap):
    name = "tap-bench"
    config_jsonschema = {"properties": {}}

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [_Report(self)]


def plan_of(table: Table, *, with_lineage: bool = True) -> EmitPlan:
    """Return the plan of a table of the benchmark's columns."""
    names = property_names(table.header)
    fields = [Field(name, header, KINDS[header]) for name, header in zip(names, table.header, strict=True)]
    lineage = [Field(column.property, None, column.kind, column.property) for column in LINEAGE]
    return EmitPlan(stream="report", fields=(*fields, *lineage) if with_lineage else tuple(fields))


def main() -> None:
    """Write a file's messages to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--batch", choices=["jsonl", "parquet"])
    parser.add_argument("--no-lineage", action="store_true", help="the file's columns and no others")
    parser.add_argument("--storage", type=Path, help="where BATCH files are left; else they go at the end")
    chosen = parser.parse_args()
    suffix = chosen.path.suffix.removeprefix(".")
    layout = Layout(format=FileFormat("csv" if suffix == "gz" else suffix))
    with tempfile.TemporaryDirectory() as folder:
        (table,) = tables(ReportFile(path=chosen.path, job_id="job-1"), layout, work_dir=Path(folder))
        plan, writer = plan_of(table, with_lineage=not chosen.no_lineage), MessageWriter()
        schema = {"properties": {one.property: schema_of(one.kind, one.header or "") for one in plan.fields}}
        writer.write_message(SchemaMessage(plan.stream, schema, []))
        if chosen.batch:
            config = _batch_config(chosen.storage or Path(folder), chosen.batch)
            _write_batches(table, plan, writer, config)
        else:
            for block in encode(table, plan, CONTEXT, extracted=dt.datetime.now(dt.UTC)):
                writer.write_block(block.data)
        sys.stdout.flush()


def _batch_config(folder: Path, format_: str) -> BatchConfig:
    encoding = {"format": format_, "compression": "gzip" if format_ == "jsonl" else None}
    return BatchConfig(encoding=encoding, storage={"root": folder.as_uri()})


def _write_batches(table: Table, plan: EmitPlan, writer: MessageWriter, config: BatchConfig) -> None:
    stream = _OneTap(config={}).streams["report"]
    for batch in batches(table, plan, CONTEXT, config, stream):
        writer.write_message(batch.message())


if __name__ == "__main__":
    main()
