"""BATCH files in object storage: an S3 server on the loopback, spoken to through fsspec."""

from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from emitting import CONTEXT, plan_of, table_of
from singer_sdk import Stream, Tap
from singer_sdk.helpers._batch import BatchConfig

from tap_reports.emit.batch import batches
from tap_reports.emit.rows import records
from tap_reports.exceptions import InvalidValue
from tap_reports.models import Kind

server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
BUCKET = "reports"


class Clicks(Stream):
    name = "clicks"
    schema = {"properties": {"day": {"type": "string"}}}

    def get_records(self, context):
        raise AssertionError(context)


class OneTap(Tap):
    name = "tap-one"
    config_jsonschema = {"properties": {}}

    def discover_streams(self):
        return [Clicks(self)]


@pytest.fixture(scope="module")
def endpoint():
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def storage(endpoint):
    params = {
        "key": "of-the-test",
        "secret": "of-the-test",
        "client_kwargs": {"endpoint_url": endpoint, "region_name": "eu-west-1"},
    }
    files = s3fs.S3FileSystem(**params, skip_instance_cache=True)
    if not files.exists(BUCKET):
        files.mkdir(BUCKET)
    yield files, params
    files.rm(f"{BUCKET}/out", recursive=True) if files.exists(f"{BUCKET}/out") else None


def config_of(params, format_, size=10):
    return BatchConfig(
        encoding={"format": format_, "compression": "gzip" if format_ == "jsonl" else "snappy"},
        storage={"root": f"s3://{BUCKET}/out", "params": params},
        batch_size=size,
    )


def table_and_plan(folder, last=""):
    table = table_of(folder, "Day,Spend\n" + "2026-01-01,1.50\n" * 25 + last)
    return table, plan_of(table.header, [Kind.DATE, Kind.NUMBER])


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_files_lie_in_the_bucket(tmp_path, storage, format_):
    files, params = storage
    table, plan = table_and_plan(tmp_path)
    stream = OneTap(config={}).streams["clicks"]
    messages = list(batches(table, plan, CONTEXT, config_of(params, format_), stream))
    files.invalidate_cache()
    urls = [message.manifest[0] for message in messages]
    assert all(url.startswith(f"s3://{BUCKET}/out/tap-one--clicks-") for url in urls)
    packed = [files.cat_file(url) for url in urls]
    expected = list(records(table, plan, CONTEXT))
    if format_ == "jsonl":
        lines = b"".join(map(gzip.decompress, packed)).splitlines()
        assert [json.loads(line, parse_float=Decimal) for line in lines] == expected
    else:
        table = pa.concat_tables([pq.read_table(io.BytesIO(data)) for data in packed])
        assert table["spend"].to_pylist() == [record["spend"] for record in expected]
        assert [str(day) for day in table["day"].to_pylist()] == [record["day"] for record in expected]


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_a_file_that_could_not_be_finished_is_not_there(tmp_path, storage, format_):
    files, params = storage
    table, plan = table_and_plan(tmp_path, "2026-01-01,x\n")
    stream = OneTap(config={}).streams["clicks"]
    with pytest.raises(InvalidValue):
        list(batches(table, plan, CONTEXT, config_of(params, format_), stream))
    files.invalidate_cache()
    assert len(files.ls(f"{BUCKET}/out")) == 2
