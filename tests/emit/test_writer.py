"""The message writer. STATE: each change of a small state at once, of a large one once a second."""

from __future__ import annotations

import datetime as dt
import io
import json
from contextlib import redirect_stdout

import pytest
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_reports.emit.writer import LARGE_EVERY_SECONDS, MessageWriter, StateOutput
from tap_reports.files.numbers import Number


def test_record_is_compact_utf8_with_every_digit(capsysbinary):
    at = dt.datetime(2026, 8, 3, 10, 0, 0, 5, dt.UTC)
    record = {"a": Number("6.20e-07"), "b": "ä", "c": None, "d": 2**80}
    MessageWriter().write_message(RecordMessage("s", record, version=3, time_extracted=at))
    assert capsysbinary.readouterr().out.decode() == (
        '{"type":"RECORD","stream":"s","record":{"a":6.20e-07,"b":"ä","c":null,"d":1208925819614629174706176},'
        '"version":3,"time_extracted":"2026-08-03T10:00:00.000005+00:00"}\n'
    )


def test_state_is_flushed_and_nothing_else_is(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BufferedWriter(Kept(written))))
    writer = MessageWriter()
    writer.write_message(SchemaMessage("s", {"type": "object"}, ["a"]))
    assert not written.getvalue()
    writer.write_message(StateMessage({"bookmarks": {}}))
    assert json.loads(written.getvalue().splitlines()[1]) == {"type": "STATE", "value": {"bookmarks": {}}}


class Kept(io.RawIOBase):
    """Keeps what was written, also once it is closed."""

    def __init__(self, written):
        self.written = written

    def writable(self):
        return True

    def write(self, data):
        return self.written.write(data)


def test_text_output_without_a_buffer_is_served(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr("sys.stdout", text)
    MessageWriter().write_block("ä\n".encode())
    assert text.getvalue() == "ä\n"


def test_closed_output_passes_up(monkeypatch):
    class Closed(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError(len(data))

    class Text:
        buffer = Closed()

    monkeypatch.setattr("sys.stdout", Text())
    with pytest.raises(BrokenPipeError):
        MessageWriter().write_block(b"x\n")


class Written:
    """A state of some jobs, on a clock that the test moves."""

    def __init__(self):
        self.seconds = 0.0
        self.out = io.StringIO()
        self.output = StateOutput(MessageWriter(), lambda: self.seconds)

    def put(self, jobs, **how):
        with redirect_stdout(self.out):
            return self.output.put({"bookmarks": {"a": {"pending_jobs": ["x" * 190] * jobs}}}, **how)

    @property
    def jobs(self):
        values = [json.loads(line)["value"] for line in self.out.getvalue().splitlines()]
        return [len(value["bookmarks"]["a"]["pending_jobs"]) for value in values]


@pytest.fixture
def written():
    return Written()


def test_each_change_of_a_small_state_is_written_at_once_and_nothing_twice(written):
    assert [written.put(jobs) for jobs in (1, 1, 2, 3)] == [0, 0, 0, 0]
    assert written.jobs == [1, 2, 3]


def test_a_large_state_is_written_once_a_second(written):
    assert written.put(1000) == 0
    written.seconds += 0.25
    assert written.put(1001) == pytest.approx(LARGE_EVERY_SECONDS - 0.25)
    written.seconds += 0.75
    assert written.put(1002) == 0
    assert written.jobs == [1000, 1002]


def test_a_large_state_is_written_where_it_must_be(written):
    written.put(1000)
    assert written.put(1001, now=True) == 0
    assert written.jobs == [1000, 1001]
