"""A report's way through the command: what the vendor answers by its documents, what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from command import Printed, Program
from recorded_server import RecordedServer

SECRET = "s3cret-of-a-journey"
SIGNATURE = "s1gnature-of-a-journey"
TEXT, INTEGER, NUMBER = (["string", "null"], ["integer", "null"], ["number", "null"])


@dataclass(frozen=True)
class Stream:
    """What must come out of one.

    Attributes:
        types: Of the vendor's columns.
        records: The first ones, with all that the tap adds.
        rows: How many there are.
        bookmark: Column and day; None for a snapshot.
    """

    keys: list[str]
    types: dict[str, list[str]]
    records: list[dict[str, Any]]
    rows: int
    bookmark: tuple[str, str] | None = None


@dataclass(frozen=True)
class Journey:
    """A run.

    Attributes:
        days: The first and the last.
        settings: Of the vendor's block; `api_url` is added.
        answers: Of the vendor, by call.
        sent: What must have been sent, by call: the bodies, or of a GET the queries.
        headers: What must have been sent as a header, by call and name.
        streams: What must come out, by name.
        path: Of `api_url`.
    """

    vendor: str
    days: tuple[str, str]
    settings: dict[str, Any]
    answers: dict[str, list[Any]]
    sent: dict[str, list[Any]]
    headers: dict[tuple[str, str], str]
    streams: dict[str, Stream]
    path: str = ""

    def run(self, program: Program, *options: str, **settings: Any) -> tuple[Printed, RecordedServer]:
        """Run the command against the recorded answers; `settings` replace those of the block."""
        answers = {call: list(each) for call, each in self.answers.items()}
        with RecordedServer(answers) as server:
            block = {"api_url": server.url + self.path, **self.settings, **settings}
            dates = dict(zip(("start_date", "end_date"), self.days, strict=True))
            return program.run(program.config(**dates, **{self.vendor: block}), *options), server

    def check(self, program: Program) -> None:
        """Run it and compare all that was sent and came out."""
        ran, server = self.run(program)
        assert ran.status == 0, ran.stderr
        for call, contents in self.sent.items():
            calls = server.calls_to(call)
            assert [one.json if one.body else one.query for one in calls] == contents, call
        for (call, name), value in self.headers.items():
            assert {one.headers.get(name) for one in server.calls_to(call)} == {value}, (call, name)
        assert all(one.headers["user-agent"].startswith("tap-reports/") for one in server.calls)
        assert sorted(ran.streams) == sorted(self.streams)
        for name, wanted in self.streams.items():
            _check_stream(ran, name, wanted)
        assert SECRET not in ran.everything
        assert SIGNATURE not in ran.everything
        assert program.left_behind() == []


def _check_stream(ran: Printed, name: str, wanted: Stream) -> None:
    schema = ran.schemas(name)[-1]
    properties = schema["schema"]["properties"]
    assert schema["key_properties"] == wanted.keys
    own = {column: kind["type"] for column, kind in properties.items() if not column.startswith("_report_")}
    assert own == wanted.types
    records = ran.records(name)
    assert len(records) == wanted.rows
    for found, record in zip(records, wanted.records, strict=False):
        assert {column: found[column] for column in record} == record
        assert {column for column in found if not column.startswith("_report_")} == set(own)
    column, day = wanted.bookmark or (None, None)
    assert schema.get("bookmark_properties") == ([column] if column else None)
    assert ran.bookmark(name) == day
    assert ran.mark(name).get("replication_key") == column
    assert ran.pending(name) == []


def lineage(job: str, start: str, end: str, row: int) -> dict[str, Any]:
    return {
        "_report_job_id": job,
        "_report_slice_start": start,
        "_report_slice_end": end,
        "_report_row": row,
    }
