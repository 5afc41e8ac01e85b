"""Both paths over the same table, as lines and the error after them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from singer_sdk.singerlib import RecordMessage

from tap_reports.emit.blocks import encode
from tap_reports.emit.plan import EmitPlan, Field, SliceContext, Tally
from tap_reports.emit.rows import records
from tap_reports.emit.writer import MessageWriter
from tap_reports.exceptions import StreamError
from tap_reports.files import tables
from tap_reports.models import FileFormat, FileOptions, Layout, ReportFile
from tap_reports.models.columns import LINEAGE, property_names

EXTRACTED = dt.datetime(2026, 8, 3, 10, 0, 0, 5, dt.UTC)
CONTEXT = SliceContext(
    job_id="job-1", slice_start=dt.date(2026, 1, 1), slice_end=dt.date(2026, 1, 31), vendor="impact"
)


def table_of(folder: Path, data: bytes | str, name: str = "report.csv", format_: FileFormat = FileFormat.CSV):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    # What the first row is, and what divides its cells, is not to be found out here.
    options = FileOptions(header_row=1, delimiter=",") if format_ is FileFormat.CSV else FileOptions()
    layout = Layout(format=format_, options=options)
    return next(tables(ReportFile(path=path, job_id="job-1"), layout, work_dir=folder))


def plan_of(header, kinds, **more):
    fields = [
        Field(name, title, kind)
        for name, title, kind in zip(property_names(header), header, kinds, strict=True)
    ]
    fields += [Field(column.property, None, column.kind, column.property) for column in LINEAGE]
    return EmitPlan(stream="impact_clicks", fields=tuple(fields), **more)


def by_row(table, plan, context=CONTEXT):
    """Return lines, error and nulled cells of the row path."""
    lines, tally, error = [], Tally(), None
    write = MessageWriter().serialize_message
    try:
        for record in records(table, plan, context, tally):
            message = RecordMessage(plan.stream, record, version=plan.version, time_extracted=EXTRACTED)
            lines.append(write(message))
    except StreamError as raised:
        error = f"{type(raised).__name__}: {raised}"
    return b"".join(lines), error, tally


def by_block(table, plan, context=CONTEXT, size=64):
    """Return the same of the blocks."""
    data, records_, tally, error = [], 0, Tally(), None
    try:
        for block in encode(table, plan, context, extracted=EXTRACTED, size=size):
            data.append(block.data)
            records_ += block.records
            tally.add(block.tally)
    except StreamError as raised:
        error = f"{type(raised).__name__}: {raised}"
    lines = b"".join(data)
    assert lines.count(b"\n") == records_
    return lines, error, tally


def assert_same(table, plan, size=64):
    """Compare both paths. How much of a damaged file comes out before its error depends on the blocks."""
    expected, error, tally = by_row(table, plan)
    lines, block_error, block_tally = by_block(table, plan, size=size)
    errors = {str(text).partition(":")[0] for text in (error, block_error)}
    if "FileError" in errors <= {"FileError", "InvalidValue"}:
        # An invalid value in a row before the damage may be met first.
        assert block_error == error or len(errors) > 1
        assert lines.startswith(expected) or expected.startswith(lines)
    else:
        assert (block_error, lines, block_tally) == (error, expected, tally)
