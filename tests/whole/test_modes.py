"""RECORD messages, BATCH files and the SDK's own way of reading: the same rows, order and end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import urlparse

import pytest
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock

from tap_reports.tap import TapReports

SLOW, READY = SCENARIOS["impact"], SCENARIOS["similarweb"]


@pytest.fixture(params=["RECORD", "BATCH"])
def mode(request, tmp_path):
    """The mode's messages, and the settings that lead to it."""
    encoding = {"format": "jsonl", "compression": "gzip"}
    batch = {"encoding": encoding, "storage": {"root": (tmp_path / "out").as_uri()}}
    return request.param, {"batch_config": batch} if request.param == "BATCH" else {}


def test_a_ready_stream_is_written_while_another_waits(sandbox, mode, tmp_path):
    kind, settings = mode
    config = SLOW.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite"), **settings)
    config["similarweb"] = READY.config(sandbox)["similarweb"]
    sandbox.faults.add("status", vendor=SLOW.vendor, kind="poll", status=429, retry_after=1800, nth=2)
    ran = run_here(config, FakeClock())
    assert ran.status == 0, ran.tap.outcome.failures
    order = [one["stream"] for one in ran.of_type(kind)]
    last_ready = len(order) - 1 - order[::-1].index(READY.stream)
    last_slow = len(order) - 1 - order[::-1].index(SLOW.stream)
    assert last_ready < last_slow, "the slow vendor's second slice is waited for last"


def test_a_snapshot_s_version_is_activated_after_its_last_record_and_never_after_a_failure(sandbox, mode):
    kind, settings = mode
    config = SCENARIOS["second_nature"].config(sandbox, job_ledger="off", **settings)
    config["second_nature"]["reports"] = [{"report_name": "admin-xls-report", "format": "json"}]
    ran = run_here(config)
    assert ran.status == 0, ran.tap.outcome.failures
    for stream in {one["stream"] for one in ran.of_type(kind)}:
        kinds = [one["type"] for one in ran.messages if one.get("stream") == stream]
        assert kinds[-2:] == [kind, "ACTIVATE_VERSION"]
        assert kinds.count("ACTIVATE_VERSION") == 1
    sandbox.faults.add("wrong_content", vendor="second_nature", kind="download", body="busy", times=0)
    failed = run_here(config, catalog=ran.tap.catalog_dict)
    assert failed.status == 1
    assert not failed.of_type("ACTIVATE_VERSION")


CLICKS = {"account_type": "brand", "clicks": {"program_ids": ["1000", "1001"]}, "reports": []}
FILE = "ClickId,EventDate\na,{day}T10:00:00Z\nb,\nc,{day}T11:00:00Z\n"
"""Of each program; the second row has no day, which is a key."""


def test_rows_that_are_left_out_keep_their_row_numbers(sandbox, mode):
    kind, settings = mode
    config = SLOW.config(sandbox, job_ledger="off", block=CLICKS, invalid_values="null", **settings)
    day = config["start_date"] = config["end_date"]
    body = FILE.format(day=day)
    sandbox.faults.add("wrong_content", vendor="impact", kind="download", body=body, times=0)
    ran = run_here(config)
    assert ran.status == 0, ran.tap.outcome.failures
    by_sdk = list(TapReports(config=config).streams["impact_clicks"].get_records(None))
    rows = [one["_report_row"] for one in by_sdk]
    assert rows == [1, 3, 4, 6]
    assert rows == [one["_report_row"] for one in emitted(ran, kind)]


def emitted(ran, kind):
    """Return the records of the messages, or of the files that they name."""
    if kind == "RECORD":
        return [one["record"] for one in ran.of_type(kind)]
    files = [Path(urlparse(name).path) for one in ran.of_type(kind) for name in one["manifest"]]
    return [json.loads(line) for path in files for line in gzip.open(path).read().splitlines()]
