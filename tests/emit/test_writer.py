"""The message writer."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_reports.emit.writer import MessageWriter
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
