"""The command against a Second Nature written from its guide."""

from __future__ import annotations

import datetime as dt
import signal
import time
from decimal import Decimal

import pytest
from cli_under_test import Cli, select
from fake_http import as_json
from fake_second_nature import API_KEY, PEOPLE, TWO, FakeSecondNature

STREAM = "second_nature_admin_xls_report"
DATED = {"start_date": "2026-01-10", "end_date": "2026-03-05"}


@pytest.fixture
def vendor():
    with FakeSecondNature() as running:
        yield running


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture
def config(cli, vendor):
    """A function: settings of the report (or whole reports), then of the top level."""

    def make(report=None, block=None, **top):
        known = {"api_url": vendor.api, "api_key": API_KEY}
        if report is not None:
            known["reports"] = [{"report_name": "admin-xls-report", **report}]
        return cli.config(**{"start_date": "2026-01-01", **top}, second_nature={**known, **(block or {})})

    return make


def midnight(day):
    return int(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC).timestamp())


def spans(vendor):
    return sorted((call.json["start_time"], call.json["end_time"]) for call in vendor.submits)


def told(result, status, *words):
    assert result.status == status, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    return True


# What is asked


def test_a_report_is_asked_for_as_the_defaults_say(cli, vendor, config):
    assert cli.run(config({"course_id": "c-1"})).status == 0
    (call,) = vendor.submits
    assert call.path == "/api/reports/export/"
    asked = {name: value for name, value in call.json.items() if value not in (None, False)}
    assert asked == {"report_name": "admin-xls-report", "format": "xlsx", "course_id": "c-1"}
    (ticket,) = vendor.tickets.values()
    assert len(ticket.polls) == 3


@pytest.mark.parametrize(
    "listed",
    [
        {"reports": ["admin-xls-report", "topic-breakdown"]},
        ["admin-xls-report", "topic-breakdown"],
        [{"report_name": "admin-xls-report"}, {"report_name": "topic-breakdown"}],
        {"reports": [{"report_name": "admin-xls-report"}, {"report_name": "topic-breakdown"}]},
    ],
)
def test_without_reports_all_that_the_list_names(cli, vendor, config, listed):
    vendor.reports["topic-breakdown"] = {"Topics": [["Topic"], ["Opening"]]}
    vendor.listed = listed
    result = cli.run(config())
    assert result.status == 0, result.stderr
    assert sorted(result.streams) == [STREAM, "second_nature_topic_breakdown"]
    assert len(vendor.submits) == 2


# Sheets and formats


def test_a_snapshot_comes_out_as_a_full_table_keyed_by_row(cli, config):
    result = cli.run(config())
    assert result.status == 0, result.stderr
    schema = result.schema(STREAM)
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
    assert cli.left_behind() == []


def test_percent_text_is_a_number_where_columns_say_so(cli, config):
    result = cli.run(config({"columns": {"Pass Rate": "number"}}))
    assert [one["pass_rate"] for one in result.records(STREAM)] == [44, 7]
    assert set(result.schema(STREAM)["schema"]["properties"]["pass_rate"]["type"]) == {"number", "null"}


def test_a_key_may_be_named(cli, config):
    result = cli.run(config({"primary_keys": ["Trainee Email"], "name": "People"}))
    assert result.schema("second_nature_people")["key_properties"] == ["trainee_email"]


@pytest.mark.parametrize(("kind", "csv_as"), [("xlsx", ""), ("csv", "list"), ("csv", "zip"), ("json", "")])
def test_each_sheet_is_a_stream_and_all_share_one_ticket(cli, vendor, config, kind, csv_as):
    vendor.reports["admin-xls-report"] = TWO
    vendor.csv_as = csv_as
    result = cli.run(config({"format": kind}))
    assert result.status == 0, result.stderr
    sessions, quiz = f"{STREAM}__sessions", f"{STREAM}__quiz_overview"
    assert sorted(result.streams) == sorted([sessions, quiz])
    assert len(vendor.submits) == 1
    assert [one["trainee_email"] for one in result.records(sessions)] == ["a@example.com", "b@example.com"]
    assert [(one["quiz"], one["_report_row"]) for one in result.records(quiz)] == [("Basics", 1)]
    assert {one["_report_job_id"] for s in (sessions, quiz) for one in result.records(s)} == {"ticket-1-77"}


@pytest.mark.parametrize(
    ("kind", "csv_as"), [("csv", "list"), ("csv", "zip"), ("csv", "plain"), ("json", "")]
)
def test_one_sheet_is_one_stream_in_every_format(cli, vendor, config, kind, csv_as):
    vendor.csv_as = csv_as
    result = cli.run(config({"format": kind}))
    assert result.status == 0, result.stderr
    assert result.streams == [STREAM]
    assert vendor.submits[0].json["format"] == kind
    assert [(one["score"], one["pass_rate"]) for one in result.records(STREAM)] == [
        (68, "44%"),
        (Decimal("91.5"), "7%"),
    ]


def test_xlsx_cells_keep_their_meaning(cli, vendor, config):
    vendor.reports["admin-xls-report"] = {
        "S": [
            ["Session Duration", "Day", "At", "Done", "Attempts", "Note", "Long"],
            [
                dt.timedelta(hours=1, minutes=5, seconds=9),
                dt.date(2026, 1, 2),
                dt.datetime(2026, 1, 2, 3, 4, 5),
                True,
                5,
                None,
                dt.timedelta(hours=26),
            ],
        ]
    }
    result = cli.run(config({}))
    assert result.status == 0, result.stderr
    record = result.records(STREAM)[0]
    assert record["session_duration"] == "1:05:09"
    assert record["long"] == "26:00:00"
    assert record["day"] == "2026-01-02"
    assert record["at"].startswith("2026-01-02T03:04:05")
    assert record["at"][19:] in {"Z", "+00:00", ".000000Z", ".000000+00:00"}
    assert record["done"] is True
    assert record["attempts"] == 5
    assert record["note"] is None


def test_one_sheet_selected_asks_for_one_ticket(cli, vendor, config):
    vendor.reports["admin-xls-report"] = TWO
    catalog = cli.run(config({}), "--discover").json
    cli.ledger.unlink()
    quiz = f"{STREAM}__quiz_overview"
    result = cli.run(config({}), catalog=select(catalog, quiz))
    assert result.status == 0, result.stderr
    assert result.streams == [quiz]
    assert len(vendor.submits) == 2


def test_an_empty_sheet_is_no_failure(cli, vendor, config):
    vendor.reports["admin-xls-report"] = {"S": [["Trainee Email", "Score"]]}
    result = cli.run(config({}))
    assert result.status == 0, result.stderr
    assert result.records(STREAM) == []


# Discovery and reuse


def test_discovery_asks_once_and_the_sync_reuses_it(cli, vendor, config):
    discovered = cli.run(config(), "--discover")
    assert discovered.status == 0, discovered.stderr
    assert [one["tap_stream_id"] for one in discovered.json["streams"]] == [STREAM]
    assert len(vendor.submits) == 1
    result = cli.run(config())
    assert len(result.records(STREAM)) == 2
    assert len(vendor.submits) == 1
    picked = cli.run(config(), catalog=select(discovered.json, STREAM))
    assert len(picked.records(STREAM)) == 2
    assert len(vendor.submits) == 1


def test_with_a_catalog_nothing_is_asked_for_discoverys_sake(cli, vendor, config):
    vendor.reports["other"] = {"O": [["A"], ["x"]]}
    catalog = cli.run(config(), "--discover").json
    cli.ledger.unlink()
    before = len(vendor.calls)
    result = cli.run(config(), catalog=select(catalog, STREAM))
    assert result.status == 0, result.stderr
    calls = vendor.calls[before:]
    assert [call.json["report_name"] for call in calls if call.method == "POST"] == ["admin-xls-report"]
    assert not [call for call in calls if call.path == "/api/reports/"]
    assert len(result.records(STREAM)) == 2


@pytest.mark.parametrize("top", [{"reuse_job_hours": 0}, {"reuse_finished_jobs": False}])
def test_without_reuse_each_run_makes_one_fresh_ticket(cli, vendor, config, top):
    for tickets in (1, 2):
        result = cli.run(config(**top))
        assert result.status == 0, result.stderr
        assert len(vendor.submits) == tickets
    assert vendor.submits[1].json["force_update"] is True


def test_a_ticket_too_old_is_replaced_by_a_forced_one(cli, vendor, config):
    cli.run(config())
    time.sleep(0.4)
    assert cli.run(config(reuse_job_hours=0.0001)).status == 0
    assert [bool(call.json.get("force_update")) for call in vendor.submits] == [False, True]


# Dated reports


def test_a_dated_report_is_sliced_by_months_and_the_time_filter(cli, vendor, config):
    result = cli.run(config({"dated": True}, **DATED))
    assert result.status == 0, result.stderr
    assert spans(vendor) == [
        (midnight("2026-01-10"), midnight("2026-02-01") - 1),
        (midnight("2026-02-01"), midnight("2026-03-01") - 1),
        (midnight("2026-03-01"), midnight("2026-03-06") - 1),
    ]
    schema = result.schema(STREAM)
    assert schema["key_properties"] == ["_report_slice_start", "_report_row"]
    assert schema["bookmark_properties"] == ["_report_slice_end"]
    assert [(one["_report_slice_start"], one["_report_row"]) for one in result.records(STREAM)] == [
        (start, row) for start in ("2026-01-10", "2026-02-01", "2026-03-01") for row in (1, 2)
    ]
    assert result.bookmark(STREAM) == "2026-03-05"
    assert result.state["bookmarks"][STREAM]["replication_key"] == "_report_slice_end"


def test_a_first_day_inside_a_slice_moves_back_to_the_grid(cli, vendor, config):
    key = {"replication_key": "_report_slice_end", "replication_key_value": "2026-02-10"}
    result = cli.run(config({"dated": True}, **DATED), state={"bookmarks": {STREAM: key}})
    assert result.status == 0, result.stderr
    assert spans(vendor) == [
        (midnight("2026-02-01"), midnight("2026-03-01") - 1),
        (midnight("2026-03-01"), midnight("2026-03-06") - 1),
    ]


def test_a_dated_report_with_keys_and_a_date_column_is_not_moved_to_the_grid(cli, vendor, config):
    days = [["x", dt.date(2026, 1, 12)], ["y", dt.date(2026, 2, 20)]]
    vendor.reports["admin-xls-report"] = {"S": [["Id", "Session Date"], *days]}
    report = {"dated": True, "primary_keys": ["Id"], "replication_key": "session_date", "slice_days": 30}
    assert cli.run(config(report, **DATED)).status == 0
    assert spans(vendor) == [
        (midnight("2026-01-10"), midnight("2026-02-09") - 1),
        (midnight("2026-02-09"), midnight("2026-03-06") - 1),
    ]


def test_a_date_column_may_be_the_replication_key(cli, vendor, config):
    vendor.reports["admin-xls-report"] = {"S": [["Session Date", "Score"], [dt.date(2026, 1, 2), 5]]}
    report = {"dated": True, "replication_key": "Session Date", "primary_keys": ["session_date"]}
    result = cli.run(config(report, end_date="2026-01-20"))
    assert result.status == 0, result.stderr
    schema = result.schema(STREAM)
    assert (schema["key_properties"], schema["bookmark_properties"]) == (["session_date"], ["session_date"])
    assert result.records(STREAM)[0]["session_date"] == "2026-01-02"
    assert result.bookmark(STREAM) == "2026-01-20"


def test_discovery_of_a_dated_report_asks_for_its_latest_slice_once(cli, vendor, config):
    catalog = cli.run(config({"dated": True}, **DATED), "--discover")
    assert catalog.status == 0, catalog.stderr
    assert spans(vendor) == [(midnight("2026-03-01"), midnight("2026-03-06") - 1)]
    (entry,) = catalog.json["streams"]
    assert entry["replication_key"] == "_report_slice_end"
    assert cli.run(config({"dated": True}, **DATED)).status == 0
    assert len(vendor.submits) == 3


def test_a_dated_report_of_several_sheets_shares_each_slices_ticket(cli, vendor, config):
    vendor.reports["admin-xls-report"] = TWO
    result = cli.run(config({"dated": True}, **DATED))
    assert result.status == 0, result.stderr
    assert len(vendor.submits) == 3
    assert len(result.records(f"{STREAM}__quiz_overview")) == 3
    assert (
        result.bookmark(f"{STREAM}__quiz_overview") == result.bookmark(f"{STREAM}__sessions") == "2026-03-05"
    )


def test_a_slice_that_lacks_a_sheet_has_no_rows_of_it(cli, vendor, config):
    vendor.reports["admin-xls-report"] = TWO
    vendor.content = lambda ticket: TWO if ticket.body["start_time"] >= midnight("2026-02-01") else PEOPLE
    result = cli.run(config({"dated": True}, start_date="2026-01-10", end_date="2026-02-05"))
    assert len(result.records(f"{STREAM}__sessions")) == 4
    if result.status:
        assert told(result, 1, "Quiz Overview")
        assert result.bookmark(f"{STREAM}__quiz_overview") is None
    else:
        assert len(result.records(f"{STREAM}__quiz_overview")) == 1


# What goes wrong


def test_a_report_that_fails_in_discovery_is_a_failed_stream_too(cli, vendor, config):
    vendor.on_status = lambda _ticket, _call: as_json(
        {"status": "failed", "report_url": None, "error": "worker died"}
    )
    result = cli.run(config({}))
    assert told(result, 1, STREAM, "worker died", "second_nature")
    assert len(vendor.submits) == 2


@pytest.mark.parametrize(("status", "word"), [(401, "api_key"), (403, "Admin"), (404, "report_name")])
def test_a_refused_request_is_explained_and_not_repeated(cli, vendor, config, status, word):
    catalog = cli.run(config({}), "--discover").json
    cli.ledger.unlink()
    before = len(vendor.submits)
    vendor.next_submits = [as_json({"detail": "no way"}, status)] * 9
    result = cli.run(config({}), catalog=select(catalog, STREAM))
    assert told(result, 1, STREAM, "second_nature", word, "no way")
    assert len(vendor.submits) - before == 1


def test_one_wrong_name_does_not_stop_the_other_report(cli, config):
    reports = [{"report_name": "no-such-report"}, {"report_name": "admin-xls-report"}]
    result = cli.run(config(block={"reports": reports}))
    assert told(result, 1, "no-such-report")
    assert len(result.records(STREAM)) == 2
    assert "no_such_report" in "".join(result.stderr.splitlines()[-4:])


def test_status_words_are_read_whatever_their_spelling(cli, vendor, config):
    vendor.busy = ["PENDING", "In Progress", "in-progress"]
    result = cli.run(config({}))
    assert result.status == 0, result.stderr
    assert "warn" not in result.stderr.lower()


def test_pending_tickets_of_a_killed_run_are_resumed(cli, vendor, config):
    vendor.busy = ["pending"] * 9999
    run = cli.start(config({"dated": True}, **DATED))
    run.wait_until(lambda: vendor.tickets and next(iter(vendor.tickets.values())).polls)
    killed = run.send(signal.SIGKILL)
    assert killed.status != 0
    vendor.busy = []
    before = len(vendor.submits)
    result = cli.run(config({"dated": True}, **DATED))
    assert result.status == 0, result.stderr
    assert len(vendor.submits) == 3
    assert before >= 1


def test_the_plan_of_a_snapshot(cli, config):
    plan = cli.run(config({}), "--plan", "--format", "json")
    assert plan.status == 0, plan.stderr
    assert plan.json["streams"]
    for stream in plan.json["streams"]:
        assert stream["replication_method"] == "FULL_TABLE"
        assert stream["first_day"] is None
        assert len(stream["slices"]) == 1


def test_state_alone_resumes_a_ticket_without_a_catalog(cli, vendor, config):
    vendor.busy = ["pending"] * 9999
    first = cli.run(config({}, job_deadline_seconds=0.3, job_ledger="off"))
    assert first.status == 1
    assert [one["id"] for one in first.pending(STREAM)] == ["ticket-1-77"]
    vendor.busy = []
    second = cli.run(config({}, job_ledger="off"), state=first.state)
    assert second.status == 0, second.stderr
    assert len(vendor.submits) == 1


def test_the_same_report_for_two_courses_is_two_streams(cli, vendor, config):
    reports = [
        {"report_name": "admin-xls-report", "course_id": "one", "name": "first"},
        {"report_name": "admin-xls-report", "course_id": "two", "name": "second"},
    ]
    result = cli.run(config(block={"reports": reports}))
    assert result.status == 0, result.stderr
    assert sorted(result.streams) == ["second_nature_first", "second_nature_second"]
    assert sorted(call.json["course_id"] for call in vendor.submits) == ["one", "two"]


def test_a_dated_report_keeps_earlier_slices_when_a_later_one_fails(cli, vendor, config):
    catalog = cli.run(config({"dated": True}, **DATED), "--discover").json
    cli.ledger.unlink()
    vendor.on_status = lambda ticket, _call: (
        as_json({"status": "failed", "error": "no"})
        if ticket.body["start_time"] == midnight("2026-03-01")
        else None
    )
    result = cli.run(config({"dated": True}, **DATED), catalog=select(catalog, STREAM))
    assert told(result, 1, STREAM, "2026-03-01")
    assert result.bookmark(STREAM) == "2026-02-28"
    assert len(result.records(STREAM)) == 4


def test_the_next_run_of_a_dated_report_asks_only_for_its_open_month(cli, vendor, config):
    first = cli.run(config({"dated": True}, **DATED))
    before = len(vendor.submits)
    second = cli.run(config({"dated": True}, **{**DATED, "end_date": "2026-03-07"}), state=first.state)
    assert second.status == 0, second.stderr
    assert [(call.json["start_time"], call.json["end_time"]) for call in vendor.submits[before:]] == [
        (midnight("2026-03-01"), midnight("2026-03-08") - 1)
    ]
    assert {one["_report_slice_start"] for one in second.records(STREAM)} == {"2026-03-01"}
    assert second.bookmark(STREAM) == "2026-03-07"


def test_a_dated_report_needs_a_start_date_and_a_snapshot_does_not(cli, vendor, config):
    snapshot = config({})
    del snapshot["start_date"]
    assert cli.run(snapshot).status == 0
    before = len(vendor.calls)
    dated = config({"dated": True})
    del dated["start_date"]
    result = cli.run(dated)
    assert told(result, 78, "start_date")
    assert len(vendor.calls) == before
