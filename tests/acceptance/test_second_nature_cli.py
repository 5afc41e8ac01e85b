"""The command against a Second Nature written from its guide."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from fake_http import Answer
from fake_second_nature import API_KEY, PEOPLE, TWO, FakeSecondNature

STREAM = "second_nature_admin_xls_report"
DATED = {"start_date": "2026-01-10", "end_date": "2026-03-05"}


@pytest.fixture
def vendor():
    with FakeSecondNature() as running:
        yield running


@pytest.fixture
def config(program, vendor):
    """A function: settings of the report (or whole reports), then of the top level."""

    def make(report=None, block=None, **top):
        known = {"api_url": vendor.api, "api_key": API_KEY}
        if report is not None:
            known["reports"] = [{"report_name": "admin-xls-report", **report}]
        return program.config(**{"start_date": "2026-01-01", **top}, second_nature={**known, **(block or {})})

    return make


def midnight(day):
    return int(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC).timestamp())


def spans(vendor):
    return sorted((call.json["start_time"], call.json["end_time"]) for call in vendor.submits)


def test_a_snapshot_is_asked_for_by_defaults_and_is_a_full_table_keyed_by_row(program, vendor, config):
    result = program.run(config({"course_id": "c-1"}))
    assert result.status == 0, result.stderr
    (call,) = vendor.submits
    assert call.path == "/api/reports/export/"
    asked = {name: value for name, value in call.json.items() if value not in (None, False)}
    assert asked == {"report_name": "admin-xls-report", "format": "xlsx", "course_id": "c-1"}
    assert len(vendor.tickets["ticket-1-77"].polls) == 3
    schema = result.schemas(STREAM)[0]
    properties = schema["schema"]["properties"]
    assert schema["key_properties"] == ["_report_row"]
    assert not schema.get("bookmark_properties")
    assert properties["trainee_email"]["title"] == "Trainee Email"
    assert set(properties["pass_rate"]["type"]) == {"string", "null"}
    assert set(properties["score"]["type"]) == {"number", "null"}
    rows = [
        {name: value for name, value in one.items() if not name.startswith("_report_slice")}
        for one in result.records(STREAM)
    ]
    assert rows == [
        {
            "trainee_email": "a@example.com",
            "score": 68,
            "pass_rate": "44%",
            "_report_job_id": "ticket-1-77",
            "_report_row": 1,
        },
        {
            "trainee_email": "b@example.com",
            "score": Decimal("91.5"),
            "pass_rate": "7%",
            "_report_job_id": "ticket-1-77",
            "_report_row": 2,
        },
    ]
    assert result.bookmark(STREAM) is None
    assert program.left_behind() == []


@pytest.mark.parametrize(("kind", "csv_as"), [("xlsx", ""), ("csv", "list"), ("csv", "zip"), ("json", "")])
def test_each_sheet_is_a_stream_and_all_share_one_ticket(program, vendor, config, kind, csv_as):
    vendor.reports["admin-xls-report"] = TWO
    vendor.csv_as = csv_as
    result = program.run(config({"format": kind}))
    assert result.status == 0, result.stderr
    sessions, quiz = f"{STREAM}__sessions", f"{STREAM}__quiz_overview"
    assert sorted(result.streams) == sorted([sessions, quiz])
    assert len(vendor.submits) == 1
    assert [one["trainee_email"] for one in result.records(sessions)] == ["a@example.com", "b@example.com"]
    assert [(one["quiz"], one["_report_row"]) for one in result.records(quiz)] == [("Basics", 1)]
    assert {one["_report_job_id"] for s in (sessions, quiz) for one in result.records(s)} == {"ticket-1-77"}


def test_discovery_asks_once_and_the_sync_reuses_it(program, vendor, config):
    discovered = program.run(config(), "--discover")
    assert discovered.status == 0, discovered.stderr
    assert [one["tap_stream_id"] for one in discovered.json["streams"]] == [STREAM]
    assert len(vendor.submits) == 1
    result = program.run(config())
    assert len(result.records(STREAM)) == 2
    assert len(vendor.submits) == 1
    picked = program.run(config(), catalog=discovered.json)
    assert len(picked.records(STREAM)) == 2
    assert len(vendor.submits) == 1


def test_a_dated_report_is_sliced_by_months_and_the_time_filter(program, vendor, config):
    result = program.run(config({"dated": True}, **DATED))
    assert result.status == 0, result.stderr
    assert spans(vendor) == [
        (midnight("2026-01-10"), midnight("2026-02-01") - 1),
        (midnight("2026-02-01"), midnight("2026-03-01") - 1),
        (midnight("2026-03-01"), midnight("2026-03-06") - 1),
    ]
    schema = result.schemas(STREAM)[0]
    assert schema["key_properties"] == ["_report_slice_start", "_report_row"]
    assert schema["bookmark_properties"] == ["_report_slice_end"]
    assert [(one["_report_slice_start"], one["_report_row"]) for one in result.records(STREAM)] == [
        (start, row) for start in ("2026-01-10", "2026-02-01", "2026-03-01") for row in (1, 2)
    ]
    assert result.bookmark(STREAM) == "2026-03-05"
    assert result.state["bookmarks"][STREAM]["replication_key"] == "_report_slice_end"


def test_discovery_of_a_dated_report_asks_for_its_latest_slice_once(program, vendor, config):
    catalog = program.run(config({"dated": True}, **DATED), "--discover")
    assert catalog.status == 0, catalog.stderr
    assert spans(vendor) == [(midnight("2026-03-01"), midnight("2026-03-06") - 1)]
    (entry,) = catalog.json["streams"]
    assert entry["replication_key"] == "_report_slice_end"
    assert program.run(config({"dated": True}, **DATED)).status == 0
    assert len(vendor.submits) == 3


def test_a_slice_that_lacks_a_sheet_fails_the_stream_of_that_sheet_alone(program, vendor, config):
    vendor.reports["admin-xls-report"] = TWO
    vendor.content = lambda ticket: TWO if ticket.body["start_time"] >= midnight("2026-02-01") else PEOPLE
    result = program.run(config({"dated": True}, start_date="2026-01-10", end_date="2026-02-05"))
    assert (result.status, "Quiz Overview" in result.last_words) == (1, True)
    assert len(result.records(f"{STREAM}__sessions")) == 4
    assert result.bookmark(f"{STREAM}__quiz_overview") is None


def test_the_plan_of_a_snapshot(program, config):
    plan = program.run(config({}), "--plan", "--format", "json")
    assert plan.status == 0, plan.stderr
    assert plan.json["streams"]
    for stream in plan.json["streams"]:
        assert stream["replication_method"] == "FULL_TABLE"
        assert stream["first_day"] is None
        assert len(stream["slices"]) == 1


def test_the_file_settings_read_what_cannot_be_told(program, vendor, config):
    content = (
        "Report;Quiz überblick\nMade;2026-01-21\nTrainee;Day;Score;Bonus\n"
        "Ada;08/01/2026;1.091,50;n/a\nBo;09/01/2026;0,125;3\nTotal;;1.091,625;3\n"
    )
    settings = {
        "encoding": "cp1252",
        "delimiter": ";",
        "decimal_separator": ",",
        "header_row": 3,
        "footer_rows": 1,
        "null_words": ["n/a"],
        "date_format": "DD/MM/YYYY",
    }
    vendor.on_file = lambda _ticket, _call: Answer(body=content.encode("cp1252"))
    ran = program.run(config({"format": "csv", "file": settings, "columns": {"Score": "number"}}))
    assert ran.status == 0, ran.stderr
    schema = ran.schemas(STREAM)[0]["schema"]["properties"]
    assert (schema["day"]["format"], schema["bonus"]["type"][0]) == ("date", "number")
    names = ("trainee", "day", "score", "bonus")
    rows = [[record[name] for name in names] for record in ran.records(STREAM)]
    assert rows == [["Ada", "2026-01-08", Decimal("1091.5"), None], ["Bo", "2026-01-09", Decimal("0.125"), 3]]
