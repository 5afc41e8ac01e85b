"""BATCH files hold what the RECORD messages would."""

from __future__ import annotations

import errno
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from emitting import CONTEXT, plan_of, table_of
from singer_sdk import Stream, Tap
from singer_sdk.helpers._batch import BatchConfig

from tap_reports.emit import batch, batch_files, parquet_file
from tap_reports.emit.batch import batches
from tap_reports.emit.batch_files import Background
from tap_reports.emit.plan import Tally
from tap_reports.emit.rows import records
from tap_reports.exceptions import InvalidValue, StreamError
from tap_reports.models import Kind

pytestmark = pytest.mark.usefixtures("both_ways")

KINDS = [Kind.DATE, Kind.STRING, Kind.NUMBER, Kind.INTEGER, Kind.DATE_TIME, Kind.BOOLEAN]
CSV = "Day,Name,Spend,Clicks,At,New\n" + "".join(
    f'2026-01-{row:02},"Ä ""{row}""",{row}.50000,{row},'
    f"2026-08-03T10:00:{row:02}-05:00,{'yes' if row % 2 else ''}\n"
    for row in range(1, 26)
)


class Clicks(Stream):
    name = "clicks"
    schema = {"properties": {"name": {"type": "string"}, "clicks": {"type": "integer"}}}

    def get_records(self, context):
        raise AssertionError(context)


class OneTap(Tap):
    name = "tap-one"
    config_jsonschema = {"properties": {}}

    def discover_streams(self):
        return [Clicks(self)]


def stream_of(**config):
    return OneTap(config=config).streams["clicks"]


def config_of(folder, format_="jsonl", compression="gzip", size=10, prefix=None):
    storage = {"root": (folder / "out").as_uri(), "prefix": prefix}
    encoding = {"format": format_, "compression": compression}
    return BatchConfig(encoding=encoding, storage=storage, batch_size=size)


def path_of(url):
    return Path(urlparse(url).path)


def table_and_plan(folder, text=CSV, kinds=KINDS, **more):
    table = table_of(folder, text)
    return table, plan_of(table.header, kinds, **more)


def lines_of(messages):
    packed = [path_of(message.manifest[0]).read_bytes() for message in messages]
    lines = b"".join(map(gzip.decompress, packed)).splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


def test_lines_are_the_records(tmp_path):
    table, plan = table_and_plan(tmp_path)
    messages = list(batches(table, plan, CONTEXT, config_of(tmp_path, prefix="p-"), stream_of()))
    assert [message.rows for message in messages] == [10, 10, 5]
    assert all(path_of(message.manifest[0]).name.startswith("p-tap-one--clicks-") for message in messages)
    assert lines_of(messages) == list(records(table, plan, CONTEXT))
    assert b'"spend":1.50000,' in gzip.decompress(path_of(messages[0].manifest[0]).read_bytes())


def test_lines_are_plain_without_compression(tmp_path):
    table, plan = table_and_plan(tmp_path)
    config = config_of(tmp_path, compression=None, size=100)
    (message,) = batches(table, plan, CONTEXT, config, stream_of())
    path = path_of(message.manifest[0])
    assert path.suffix == ".jsonl"
    assert len(path.read_text().splitlines()) == 25


def test_parquet_is_typed_and_exact(tmp_path):
    table, plan = table_and_plan(tmp_path)
    messages = list(batches(table, plan, CONTEXT, config_of(tmp_path, "parquet", "zstd"), stream_of()))
    table = pa.concat_tables([pq.read_table(path_of(message.manifest[0])) for message in messages])
    assert table.num_rows == 25
    types = {field.name: field.type for field in table.schema}
    assert types["day"] == pa.date32()
    assert types["spend"] == pa.decimal128(38, 5)
    assert types["clicks"] == pa.int64()
    assert types["at"] == pa.timestamp("us", "UTC")
    assert types["new"] == pa.bool_()
    rows = table.to_pylist()
    assert rows[0]["name"] == 'Ä "1"'
    assert rows[0]["at"].isoformat() == "2026-08-03T15:00:01+00:00"
    assert [row["_report_row"] for row in rows] == list(range(1, 26))


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_files_hold_mapped_records(tmp_path, format_):
    stream = stream_of(
        stream_maps={"clicks": {"clicks": "int(clicks * 2)", "__filter__": "clicks > 20", "__else__": None}}
    )
    table, plan = table_and_plan(tmp_path)
    messages = list(batches(table, plan, CONTEXT, config_of(tmp_path, format_), stream))
    assert sum(message.rows for message in messages) == 25
    if format_ == "jsonl":
        rows = lines_of(messages)
    else:
        rows = [
            row for message in messages for row in pq.read_table(path_of(message.manifest[0])).to_pylist()
        ]
    assert rows == [{"clicks": 2 * row} for row in range(21, 26)]


def test_no_file_is_left_behind_by_an_invalid_value(tmp_path):
    table, plan = table_and_plan(tmp_path, "A,B\n" + "1,1\n" * 15 + "x,1\n", [Kind.INTEGER, Kind.INTEGER])
    messages = []
    with pytest.raises(InvalidValue, match=r'row 16, column "A": "x" does not fit type integer'):
        messages.extend(batches(table, plan, CONTEXT, config_of(tmp_path), stream_of()))
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_a_full_disk_leaves_the_files_that_were_told_of_and_no_others(tmp_path, monkeypatch, format_):
    """Files are written in other threads; what fails there is raised here."""
    table, plan = table_and_plan(tmp_path, "A,B\n" + "1,1\n" * 4000, [Kind.INTEGER] * 2)
    create, made = batch_files.created, []

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:5])
            raise OSError(errno.ENOSPC, "No space left on device")

    def created(storage, name):
        made.append(name)
        return Full(tmp_path / "out" / name, "w") if len(made) == 7 else create(storage, name)

    monkeypatch.setattr(batch_files, "created", created)
    monkeypatch.setattr(parquet_file, "created", created)
    told = []
    with pytest.raises(OSError, match="No space left"):
        told.extend(batches(table, plan, CONTEXT, config_of(tmp_path, format_, None), stream_of()))
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert made[6] not in left
    assert left <= {path_of(message.manifest[0]).name for message in told}


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_all_that_waits_to_be_written_counts(tmp_path, monkeypatch, format_):
    """Otherwise memory grows with the report where the storage is slow."""
    sizes = []

    class Counting(Background):
        def later(self, size, work, *arguments):
            sizes.append(size)
            return super().later(size, work, *arguments)

    monkeypatch.setattr(batch, "Background", Counting)
    table, plan = table_and_plan(tmp_path, "Name,Clicks\n" + f"{'x' * 1000},1\n" * 100, KINDS[1:4:2])
    list(batches(table, plan, CONTEXT, config_of(tmp_path, format_, None), stream_of()))
    assert sum(sizes) > 100_000


def test_values_set_to_null_are_counted(tmp_path):
    table, plan = table_and_plan(tmp_path, "A,B\nx,1\n2,1\n", [Kind.INTEGER] * 2, invalid_values="null")
    tally = Tally()
    list(batches(table, plan, CONTEXT, config_of(tmp_path), stream_of(), tally))
    assert tally.nulled == {"a": 1}


def test_no_rows_make_no_file(tmp_path):
    table, plan = table_and_plan(tmp_path, "A,B\n", [Kind.INTEGER] * 2)
    assert not list(batches(table, plan, CONTEXT, config_of(tmp_path), stream_of()))


def test_several_streams_of_one_have_files_of_their_own(tmp_path):
    stream = stream_of(
        stream_maps={
            "clicks": {"__alias__": "all_clicks"},
            "names": {"__source__": "clicks", "name": "name", "__else__": None},
            "late": {
                "__source__": "clicks",
                "clicks": "clicks",
                "__filter__": "clicks > 20",
                "__else__": None,
            },
        }
    )
    table, plan = table_and_plan(tmp_path)
    messages = list(batches(table, plan, CONTEXT, config_of(tmp_path), stream))
    rows = {
        alias: lines_of([message for message in messages if message.stream == alias])
        for alias in ("names", "late")
    }
    assert rows == {
        "names": [{"name": f'Ä "{row}"'} for row in range(1, 26)],
        "late": [{"clicks": row} for row in range(21, 26)],
    }
    records_ = list(records(table, plan, CONTEXT))
    assert lines_of([message for message in messages if message.stream == "all_clicks"]) == records_
    assert sum(message.rows for message in messages) == 25
    assert all(message.message().stream == message.stream for message in messages)
    assert all(f"--{message.stream}-" in message.manifest[0] for message in messages)


def test_one_of_several_files_that_fails_takes_the_others_with_it(tmp_path):
    stream = stream_of(stream_maps={"clicks": {"clicks": "clicks"}, "copies": {"__source__": "clicks"}})
    table, plan = table_and_plan(tmp_path, "Name,Clicks\n" + "a,1\n" * 3000 + "a,x\n", KINDS[1:4:2])
    with pytest.raises(InvalidValue):
        list(batches(table, plan, CONTEXT, config_of(tmp_path, size=5000), stream))
    assert not list((tmp_path / "out").iterdir())


def test_rows_that_are_all_filtered_out_count_and_make_no_message(tmp_path):
    stream = stream_of(stream_maps={"clicks": {"__filter__": "clicks > 99"}})
    table, plan = table_and_plan(tmp_path)
    (message,) = batches(table, plan, CONTEXT, config_of(tmp_path), stream)
    assert (message.manifest, message.rows) == ((), 25)


def test_unknown_format_is_refused(tmp_path):
    table, plan = table_and_plan(tmp_path)
    with pytest.raises(StreamError, match="jsonl or parquet"):
        list(batches(table, plan, CONTEXT, config_of(tmp_path, "avro"), stream_of()))
