"""`--record`: a run's calls as a HAR file that holds nothing secret, and that the sandbox serves again."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from scenarios import SCENARIOS

from tap_reports.sandbox.__main__ import main

NO_STATUS = {"request": {"method": "GET", "url": "https://a.example"}, "response": {"status": "?"}}


@contextmanager
def replayed(path):
    """Serve a recording; yields its URL."""
    command = [sys.executable, "-m", "tap_reports.sandbox", "--port", "0", "--replay", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().removeprefix("listening on ").strip()
        server.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("vendor", SCENARIOS)
def test_a_recording_holds_no_secret_and_no_cell_and_is_served_again(program, sandbox, tmp_path, vendor):
    scenario = SCENARIOS[vendor]
    config = scenario.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite"))
    path = tmp_path / "run.har"
    first = program.run(config, "--record", str(path))
    assert first.status == 0, first.stderr
    assert path.stat().st_mode & 0o77 == 0
    text = path.read_text()
    assert not [secret for secret in dataclasses.astuple(sandbox.accounts) if secret in text]
    assert not re.search(r"sign=|signature=|Bearer \w|eyJ", text)
    records = first.records(scenario.stream)
    words = {
        value
        for record in records
        for name, value in record.items()
        if isinstance(value, str) and len(value) > 6 and " " in value and not name.startswith("_")
    }
    assert not [word for word in words if word in text]

    with replayed(path) as url:
        block = config[vendor]
        config[vendor] = {**block, "api_url": f"{url}/api" if vendor == "second_nature" else url}
        config["job_ledger"] = str(tmp_path / "other.sqlite")
        again = program.run(config)
    assert again.status == 0, again.stderr
    assert again.of_type("SCHEMA") == first.of_type("SCHEMA")
    jobs = [{one["_report_job_id"] for one in ran.records(scenario.stream)} for ran in (first, again)]
    assert jobs[1]
    assert jobs[0] == jobs[1] or vendor == "digital_turbine", "its jobs are links, which are replaced"


def test_failed_runs_and_other_commands_are_recorded_too(program, sandbox, tmp_path):
    config = SCENARIOS["impact"].config(sandbox, job_ledger="off")
    config["impact"]["auth_token"] = "a-wrong-token"
    path = tmp_path / "run.har"
    for arguments in ([], ["--discover"], ["--test"], ["--plan"]):
        done = program.run(config, *arguments, "--record", str(path))
        assert done.status != 0
        statuses = {entry["response"]["status"] for entry in json.loads(path.read_text())["log"]["entries"]}
        assert 401 in statuses
        assert "a-wrong-token" not in path.read_text()
        path.unlink()


def test_a_vendor_that_does_not_answer_is_recorded(program, tmp_path):
    config = {
        "similarweb": {"api_key": "a-key-of-mine", "domains": ["a.com"], "api_url": "http://127.0.0.1:9"}
    }
    more = {"start_date": "2026-01-01", "max_request_retries": 0, "job_ledger": "off"}
    program.run({**config, **more}, "--record", str(tmp_path / "run.har"))
    entries = json.loads((tmp_path / "run.har").read_text())["log"]["entries"]
    assert {entry["response"]["status"] for entry in entries} == {0}


def test_a_recording_that_cannot_be_written_is_an_error_before_any_call(program, sandbox):
    config = SCENARIOS["impact"].config(sandbox, job_ledger="off")
    done = program.run(config, "--record", "no/such/folder/run.har")
    assert "--record no/such/folder/run.har: can't be written (No such file" in done.stderr
    assert sandbox.calls == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is not a HAR file"),
        ("no json", "is not a HAR file"),
        ('{"log": {"creator": {"name": "Firefox"}, "entries": []}}', 'is a HAR file of "Firefox", not a rec'),
        ('{"log": {"creator": {"name": "tap-reports"}, "entries": [1]}}', "has an entry that can't be read"),
        (
            json.dumps({"log": {"creator": {"name": "tap-reports"}, "entries": [NO_STATUS]}}),
            "has an entry that can't be read",
        ),
        (None, "can't be read (No such file"),
    ],
)
def test_a_recording_of_another_tool_is_refused_in_words(tmp_path, content, said):
    path = tmp_path / "other.har"
    if content is not None:
        path.write_text(content)
    done = CliRunner().invoke(main, ["--port", "0", "--replay", str(path)])
    assert done.exit_code == 78
    assert said in done.output
    assert isinstance(done.exception, SystemExit)
