"""What the command does whatever the vendor: wrong settings, signals, state, order, batches, maps."""

from __future__ import annotations

import gzip
import json
import signal
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from cli_under_test import Cli, select
from fake_digital_turbine import CLIENT_ID, CLIENT_SECRET, SIGNATURE, FakeDigitalTurbine
from fake_http import Answer, as_json
from fake_second_nature import API_KEY, LINK_SECRET, PEOPLE, FakeSecondNature
from jsonschema import Draft202012Validator

POSTGRES = "postgresql+psycopg://root@127.0.0.1:5432/test"
TURBINE = "digital_turbine_campaign_daily"
NATURE = "second_nature_admin_xls_report"
ONE_DAY = {"start_date": "2026-01-01", "end_date": "2026-01-01"}


@pytest.fixture
def turbine():
    with FakeDigitalTurbine() as running:
        yield running


@pytest.fixture
def nature():
    with FakeSecondNature() as running:
        yield running


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture
def block(turbine):
    return {"api_url": turbine.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture
def nature_block(nature):
    return {"api_url": nature.api, "api_key": API_KEY, "reports": [{"report_name": "admin-xls-report"}]}


@pytest.fixture
def both(cli, block, nature_block):
    return cli.config(**ONE_DAY, digital_turbine=block, second_nature=nature_block)


def last_lines(result, count=4):
    return "\n".join(result.stderr.strip().splitlines()[-count:])


# Mistakes in the configuration


def test_all_mistakes_are_told_at_once_before_any_request(cli, turbine, block):
    report = {"name": "a", "metrics": [], "splits": ["Date"], "colums": {}}
    config = cli.config(
        start_date="yesterday",
        invalid_values="maybe",
        digital_turbine={**block, "clinet_id": "x", "reports": [report]},
        second_nature={"api_url": "http://example.com"},
    )
    result = cli.run(config)
    assert result.status == 78
    assert result.stdout == ""
    for words in (
        "start_date",
        "invalid_values",
        "clinet_id",
        "client_id",
        "colums",
        "columns",
        "api_key",
        "https",
    ):
        assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert turbine.calls == []


@pytest.mark.parametrize(
    ("top", "word"),
    [
        ({}, "start_date"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "end_date"),
        ({"start_date": "2026-01-01", "job_deadline_seconds": -1}, "job_deadline_seconds"),
        ({"start_date": "2026-01-01", "new_columns": "perhaps"}, "new_columns"),
        ({"start_date": "2026-01-01", "column_names": "camel"}, "column_names"),
        (
            {
                "start_date": "2026-01-01",
                "postbacks": {"listen": "127.0.0.1", "public_url": "https://x.org", "secret": "s"},
            },
            "listen",
        ),
        (
            {
                "start_date": "2026-01-01",
                "postbacks": {"listen": "127.0.0.1:0", "public_url": "ftp://x.org", "secret": "s"},
            },
            "public_url",
        ),
        (
            {
                "start_date": "2026-01-01",
                "postbacks": {"listen": "127.0.0.1:0", "public_url": "https://x.org", "secret": ""},
            },
            "secret",
        ),
    ],
)
def test_a_wrong_top_level_setting_is_named(cli, turbine, block, top, word):
    result = cli.run(cli.config(**top, digital_turbine=block))
    assert result.status == 78, result.stderr
    assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert turbine.calls == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slice_day": 3}, ["slice_day", "slice_days"]),
        ({"client_secret": None}, ["client_secret"]),
        ({"reports_per_minute": "many"}, ["reports_per_minute"]),
        ({"max_jobs_in_flight": 0}, ["max_jobs_in_flight"]),
        ({"lookback_days": -1}, ["lookback_days"]),
        ({"reports": [{"name": "x", "metrics": ["Spend"]}]}, ["splits"]),
        (
            {
                "reports": [
                    {"name": "x", "metrics": ["Spend"], "splits": ["Date"], "columns": {"Spend": "money"}}
                ]
            },
            ["columns.Spend"],
        ),
        ({"api_url": "http://reporting.example.com"}, ["api_url"]),
    ],
)
def test_a_wrong_setting_of_a_block_is_named(cli, turbine, block, change, words):
    changed = {name: value for name, value in {**block, **change}.items() if value is not None}
    result = cli.run(cli.config(**ONE_DAY, digital_turbine=changed))
    assert result.status == 78, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert turbine.calls == []


# Settings from several places


def test_config_files_are_merged(cli, both):
    second = {"digital_turbine": {"slice_days": 3}}
    result = cli.run([both, second])
    assert result.status == 0, result.stderr
    assert result.records(TURBINE)


def test_the_environment_fills_in_scalars(cli, both):
    del both["digital_turbine"]["client_secret"]
    del both["start_date"]
    path = cli.write("c.json", both)
    result = cli.run(
        None,
        "--config",
        path,
        "--config=ENV",
        TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET=CLIENT_SECRET,
        TAP_REPORTS_DIGITAL_TURBINE_SLICE_DAYS="7",
        TAP_REPORTS_START_DATE="2026-01-01",
    )
    assert result.status == 0, result.stderr
    assert len(result.records(TURBINE)) == 2


# About


def test_about_is_valid_json_with_every_block(cli):
    about = cli.run(None, "--about", "--format", "json")
    assert about.status == 0
    settings = about.json["settings"] if isinstance(about.json["settings"], dict) else about.json
    for name in (
        "similarweb",
        "impact",
        "digital_turbine",
        "second_nature",
        "job_deadline_seconds",
        "postbacks",
    ):
        assert name in settings["properties"]
    assert {"catalog", "state", "discover"} <= set(about.json["capabilities"])


@pytest.mark.parametrize("options", [["--version"], ["--about", "--format", "markdown"], ["--about"]])
def test_what_needs_no_config(cli, options):
    result = cli.run(None, *options)
    assert result.status == 0
    assert "tap-reports" in result.stdout


# Several vendors


def test_one_vendors_failure_does_not_stop_the_other(cli, both, turbine):
    turbine.next_submits = [as_json({"error": "bad_request", "message": "no such split"}, 400)]
    result = cli.run(both)
    assert result.status == 1
    assert len(result.records(NATURE)) == 2
    assert result.records(TURBINE) == []
    end = last_lines(result, 2)
    for word in (TURBINE, "2026-01-01", "no such split", "digital_turbine"):
        assert word in end


def test_a_vendor_that_refuses_the_key_does_not_stop_the_other(cli, both):
    both["second_nature"]["api_key"] = "wrong-key-value"
    result = cli.run(both)
    assert result.status == 1
    assert len(result.records(TURBINE)) == 2
    end = last_lines(result, 3)
    assert "second_nature" in end
    assert "api_key" in end


def test_the_last_lines_name_each_failed_stream_with_its_job(cli, both, turbine, nature):
    catalog = cli.run(both, "--discover").json
    cli.ledger.unlink()
    nature.busy = ["pending"] * 9999
    turbine.empty_polls = 9999
    result = cli.run({**both, "job_deadline_seconds": 0.4}, catalog=catalog)
    assert result.status == 1
    *lines, _ = result.stderr.strip().splitlines()[-3:]
    assert any(TURBINE in line and next(iter(turbine.reports)) in line for line in lines)
    assert any(NATURE in line and "ticket-2-77" in line and "pending" in line for line in lines)
    assert all("ERROR" in line for line in lines)


def test_waiting_is_shared(cli, both, turbine, nature):
    catalog = cli.run(both, "--discover").json
    cli.ledger.unlink()
    turbine.on_file = lambda report, _call: None if time.monotonic() > report.at + 3 else Answer(200)
    begun = {}

    def slow(ticket, call):
        begun.setdefault(ticket.id, call.at)
        return as_json({"status": "in_progress"}) if time.monotonic() < begun[ticket.id] + 3 else None

    nature.on_status = slow
    result = cli.run(both, catalog=catalog)
    assert result.status == 0, result.stderr
    assert (len(result.records(TURBINE)), len(result.records(NATURE))) == (2, 2)
    first = min(turbine.submits[-1].at, nature.submits[-1].at)
    assert result.times[-1] - first < 5.8, "not one after the other"


def test_records_come_in_stream_order_and_slices_ascend(cli, block, turbine):
    report = {"metrics": ["Spend"], "splits": ["Date"], "slice_days": 1}
    reports = [{**report, "name": "a"}, {**report, "name": "b"}]

    def later_first(answered, _call):
        day = int(answered.body["query"]["dateRange"]["start"][-1])
        return Answer(200) if time.monotonic() < answered.at + 0.15 * (4 - day) else None

    turbine.on_file = later_first
    config = cli.config(
        start_date="2026-01-01",
        end_date="2026-01-03",
        digital_turbine={**block, "reports": reports, "reports_per_minute": 99},
    )
    result = cli.run(config)
    assert result.status == 0, result.stderr
    order = [
        (one["stream"], one["record"]["_report_slice_start"])
        for one in result.messages
        if one["type"] == "RECORD"
    ]
    assert order == sorted(order)
    assert len(order) == 12


def test_two_streams_that_ask_the_same_share_a_job(cli, block, turbine):
    report = {"metrics": ["Spend"], "splits": ["Date"]}
    reports = [{**report, "name": "a"}, {**report, "name": "b"}]
    result = cli.run(cli.config(**ONE_DAY, digital_turbine={**block, "reports": reports}))
    assert result.status == 0, result.stderr
    assert len(turbine.submits) == 1
    assert result.records("digital_turbine_a")
    assert result.records("digital_turbine_b")


# State


def test_each_finished_slice_is_bookmarked_after_its_records(cli, block, turbine):
    config = cli.config(
        start_date="2026-01-01", end_date="2026-01-03", digital_turbine={**block, "slice_days": 1}
    )
    result = cli.run(config)
    assert result.status == 0, result.stderr
    out = set()
    for message in result.messages:
        if message["type"] == "RECORD":
            out.add(message["record"]["date"])
        if message["type"] == "STATE":
            mark = message["value"].get("bookmarks", {}).get(TURBINE, {}).get("replication_key_value")
            if mark:
                days = [f"2026-01-0{day}" for day in (1, 2, 3)]
                assert {day for day in days if day <= mark} <= out
                assert sum(1 for one in result.records(TURBINE) if one["date"] <= mark) >= 2
    assert result.bookmark(TURBINE) == "2026-01-03"
    ids = [
        {one["id"] for one in state["bookmarks"].get(TURBINE, {}).get("pending_jobs", [])}
        for state in result.states
    ]
    assert set().union(*ids) == set(turbine.reports)
    assert ids[-1] == set()


def test_a_failed_slice_holds_the_bookmark_back(cli, block, turbine):
    def middle_is_bad(report, _call):
        return (
            Answer(200, b"<html>no</html>")
            if report.body["query"]["dateRange"]["start"] == "2026-01-02"
            else None
        )

    turbine.on_file = middle_is_bad
    config = cli.config(
        start_date="2026-01-01", end_date="2026-01-03", digital_turbine={**block, "slice_days": 1}
    )
    result = cli.run({**config, "max_request_retries": 0})
    assert result.status == 1
    assert result.bookmark(TURBINE) == "2026-01-01"
    assert "2026-01-02" in last_lines(result, 2)


def test_the_state_holds_nothing_else_secret(cli, both, turbine):
    turbine.empty_polls = 9999
    result = cli.run({**both, "job_deadline_seconds": 0.4})
    text = json.dumps(result.states, default=str)
    for secret in (SIGNATURE, LINK_SECRET, CLIENT_SECRET, API_KEY, "X-Amz"):
        assert secret not in text


def test_a_vendors_deadline_overrides_the_top_level(cli, both, turbine):
    turbine.empty_polls = 9999
    both["digital_turbine"]["job_deadline_seconds"] = 0.3
    result = cli.run({**both, "job_deadline_seconds": 600})
    assert result.status == 1
    assert len(result.records(NATURE)) == 2
    assert result.pending(TURBINE)


def test_other_bookmarks_are_kept(cli, both):
    other = {"replication_key": "x", "replication_key_value": "1"}
    result = cli.run(both, state={"bookmarks": {"elsewhere": other, TURBINE: {}}})
    assert result.state["bookmarks"]["elsewhere"]["replication_key_value"] == "1"


# Signals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_with_a_last_state_and_no_files(cli, both, turbine, number, status):
    turbine.empty_polls = 9999
    run = cli.start(both)
    run.wait_until(lambda: turbine.reports and next(iter(turbine.reports.values())).polls)
    began = time.monotonic()
    result = run.send(number)
    assert result.status == status
    assert time.monotonic() - began < 15
    assert result.messages[-1]["type"] == "STATE"
    assert [one["id"] for one in result.pending(TURBINE)] == list(turbine.reports)
    assert "Traceback" not in result.stderr
    assert cli.left_behind() == []
    turbine.empty_polls = 0
    again = cli.run(both, state=result.state)
    assert again.status == 0
    assert len(turbine.submits) == 1


def test_a_signal_during_a_download_leaves_no_file(cli, both, turbine):
    gate = threading.Event()
    turbine.on_file = lambda _report, _call: Answer(
        200, b"Date,Spend\n" * 9000, "text/csv", cut=50_000, stall=gate
    )
    run = cli.start(both)
    run.wait_until(cli.left_behind)
    time.sleep(0.2)
    result = run.send(signal.SIGTERM)
    gate.set()
    assert result.status == 143
    assert result.messages[-1]["type"] == "STATE"
    assert cli.left_behind() == []


def test_a_killed_runs_files_are_removed_by_the_next(cli, both, turbine):
    gate = threading.Event()
    turbine.on_file = lambda _report, _call: Answer(
        200, b"Date,Spend\n" * 9000, "text/csv", cut=50_000, stall=gate
    )
    run = cli.start(both)
    run.wait_until(cli.left_behind)
    run.send(signal.SIGKILL)
    gate.set()
    assert cli.left_behind()
    turbine.on_file = lambda _report, _call: None
    assert cli.run(both).status == 0
    assert cli.left_behind() == []
    assert len(turbine.submits) == 1


# The ledger


def test_without_a_ledger_all_works_but_reuse(cli, both, turbine):
    for submits in (1, 2):
        result = cli.run({**both, "job_ledger": "off"})
        assert result.status == 0, result.stderr
        assert len(turbine.submits) == submits
    assert not cli.ledger.exists()
    assert cli.run({**both, "job_ledger": "off"}, "--jobs", "--format", "json").json == []


def test_the_default_ledger_lies_in_the_users_state_folder(cli, both, turbine):
    del both["job_ledger"]
    assert cli.run(both).status == 0
    assert cli.run(both).status == 0
    assert len(turbine.submits) == 1
    files = [path for path in Path(cli.environment["XDG_STATE_HOME"]).rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_ledger_may_be_a_postgresql_database(cli, both, turbine):
    try:
        engine = sa.create_engine(POSTGRES, connect_args={"connect_timeout": 1})
        engine.connect().close()
        engine.dispose()
    except sa.exc.SQLAlchemyError:
        pytest.skip("no PostgreSQL answers")
    config = {**both, "job_ledger": POSTGRES}
    assert cli.run(config).status == 0
    result = cli.run(config)
    assert result.status == 0, result.stderr
    assert len(turbine.submits) == 1
    listed = cli.run(config, "--jobs", "--format", "json").json
    assert set(turbine.reports) <= {one["job_id"] for one in listed}


def test_a_ledger_that_cannot_be_opened_is_explained(cli, both):
    result = cli.run({**both, "job_ledger": "/proc/nowhere/jobs.sqlite"})
    assert result.status == 78
    assert "job_ledger" in result.stderr
    assert "Traceback" not in result.stderr


# What a Singer user expects


def batch(cli, both, encoding):
    folder = cli.folder / "batches"
    folder.mkdir()
    both["batch_config"] = {"encoding": encoding, "storage": {"root": f"file://{folder}", "prefix": "p-"}}
    result = cli.run(both)
    assert result.status == 0, result.stderr
    found = {}
    for message in result.messages:
        if message["type"] == "BATCH":
            assert message["encoding"]["format"] == encoding["format"]
            found.setdefault(message["stream"], []).extend(message["manifest"])
    return result, {
        stream: [name.removeprefix("file://") for name in names] for stream, names in found.items()
    }


def test_jsonl_batches_hold_what_the_records_would(cli, both):
    plain = cli.run(both)
    _, files = batch(cli, both, {"format": "jsonl", "compression": "gzip"})
    for stream in (TURBINE, NATURE):
        rows = [
            json.loads(line, parse_float=Decimal)
            for name in files[stream]
            for line in gzip.decompress(Path(name).read_bytes()).splitlines()
        ]
        assert rows == plain.records(stream)


def test_parquet_batches_hold_what_the_records_would(cli, both):
    parquet = pytest.importorskip("pyarrow.parquet")
    plain = cli.run(both)
    result, files = batch(cli, both, {"format": "parquet"})
    assert result.bookmark(TURBINE) == "2026-01-01"
    for stream in (TURBINE, NATURE):
        rows = [row for name in files[stream] for row in parquet.read_table(name).to_pylist()]
        wanted = plain.records(stream)
        assert len(rows) == len(wanted)
        for row, record in zip(rows, wanted, strict=True):
            assert set(row) == set(record)
            for name, value in record.items():
                if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
                    assert float(row[name]) == float(value)
                else:
                    assert (None if row[name] is None else str(row[name])) == (
                        None if value is None else str(value)
                    )


def test_stream_maps_and_flattening_work(cli, both):
    both["stream_maps"] = {
        TURBINE: {"double": "clicks * 2", "impressions": None, "__filter__": "campaign_id == '001'"},
        NATURE: {"__alias__": "people", "trainee_email": "trainee_email.upper()"},
    }
    both["flattening_enabled"] = True
    both["flattening_max_depth"] = 1
    result = cli.run(both)
    assert result.status == 0, result.stderr
    (record,) = result.records(TURBINE)
    assert record["double"] == 20
    assert "impressions" not in record
    assert record["spend"] == Decimal("0.036300000000000006")
    assert [one["trainee_email"] for one in result.records("people")] == ["A@EXAMPLE.COM", "B@EXAMPLE.COM"]


def test_streams_that_are_not_selected_are_not_asked_for(cli, both, turbine, nature):
    catalog = cli.run(both, "--discover").json
    before = len(nature.calls)
    result = cli.run(both, catalog=select(catalog, TURBINE))
    assert result.status == 0, result.stderr
    assert result.streams == [TURBINE]
    assert len(nature.calls) == before
    assert len(turbine.submits) == 1


def test_every_record_fits_its_schema(cli, both):
    result = cli.run(both)
    for stream in (TURBINE, NATURE):
        validator = Draft202012Validator(result.schema(stream)["schema"])
        for record in result.records(stream):
            plain = {
                name: float(value) if isinstance(value, Decimal) else value for name, value in record.items()
            }
            assert not list(validator.iter_errors(plain))


# Links and secrets


def test_credentials_do_not_follow_a_redirect_to_another_origin(cli, both, turbine, nature):
    nature.on_status = lambda ticket, _call: (
        Answer(302, headers={"Location": f"{turbine.url}/elsewhere"}) if len(ticket.polls) == 1 else None
    )
    result = cli.run({**both, "max_request_retries": 0})
    assert API_KEY not in str([call.headers for call in turbine.calls])
    assert result.status in {0, 1}


def test_no_secret_is_printed_at_debug_level(cli, both, turbine, nature):
    turbine.next_submits = [as_json({"error": "x"}, 401), as_json({"error": f"bad {CLIENT_SECRET}"}, 400)]
    nature.on_status = lambda ticket, _call: (
        as_json({"status": "failed", "error": f"key {API_KEY} at https://h/x?token={LINK_SECRET}"})
        if len(ticket.polls) == 2
        else None
    )
    runs = [
        cli.run(both, LOGLEVEL="DEBUG", TAP_REPORTS_LOGLEVEL="DEBUG"),
        cli.run(both, "--plan", LOGLEVEL="DEBUG"),
        cli.run(both, "--test", LOGLEVEL="DEBUG"),
        cli.run(both, "--jobs", LOGLEVEL="DEBUG"),
    ]
    assert "DEBUG" in runs[0].stderr
    for run in runs:
        for secret in (CLIENT_SECRET, API_KEY, SIGNATURE, LINK_SECRET, *turbine.tokens):
            assert secret not in run.everything


def test_a_vendor_that_is_down_is_explained(cli, block):
    config = cli.config(
        **ONE_DAY, digital_turbine={**block, "api_url": "http://127.0.0.1:9"}, max_request_retries=1
    )
    result = cli.run(config)
    assert result.status == 1
    assert "127.0.0.1" in last_lines(result, 2)
    assert "Traceback" not in result.stderr


def test_a_run_as_another_user_would_start_it_needs_no_terminal(cli, both):
    result = cli.run(both, TERM="dumb", HOME=str(cli.folder), LANG="C", LC_ALL="C", PYTHONUTF8="0")
    assert result.status == 0, result.stderr
    assert list(cli.temporary.iterdir()) == []
    assert len(result.records(NATURE)) == len(PEOPLE["Sessions"]) - 1


def test_a_stream_of_a_removed_report_does_not_stop_the_others(cli, both):
    catalog = cli.run(both, "--discover").json
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == TURBINE:
            entry["tap_stream_id"] = entry["stream"] = "digital_turbine_gone"
    result = cli.run(both, catalog=catalog)
    assert "Traceback" not in result.stderr
    assert len(result.records(NATURE)) == 2


def test_a_vendor_that_hangs_does_not_hold_the_end_up(cli, both, turbine):
    gate = threading.Event()
    turbine.on_file = lambda _report, _call: Answer(200, b"", stall=gate, cut=0)
    run = cli.start(both)
    run.wait_until(lambda: turbine.reports and next(iter(turbine.reports.values())).polls)
    began = time.monotonic()
    result = run.send(signal.SIGINT)
    gate.set()
    assert result.status == 130
    assert time.monotonic() - began < 15


def test_the_schema_comes_before_the_records_and_states_are_objects(cli, both):
    result = cli.run(both)
    seen = set()
    for message in result.messages:
        if message["type"] == "SCHEMA":
            seen.add(message["stream"])
        if message["type"] == "RECORD":
            assert message["stream"] in seen
            assert message["time_extracted"]
    kinds = {message["type"] for message in result.messages}
    assert kinds == {"SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION"}


def test_the_catalog_says_how_each_stream_is_replicated(cli, both):
    catalog = cli.run(both, "--discover").json
    for entry in catalog["streams"]:
        assert entry["replication_method"] == (
            "INCREMENTAL" if entry["tap_stream_id"] == TURBINE else "FULL_TABLE"
        )
        assert {"schema", "key_properties", "metadata", "tap_stream_id"} <= set(entry)
