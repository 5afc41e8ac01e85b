from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner

from tap_reports.sandbox.__main__ import main


def test_the_printed_config_fits_the_port():
    result = CliRunner().invoke(
        main, ["--port", "4711", "--print-config", "--today", "2026-08-15", "--account-type", "brand"]
    )
    config = json.loads(result.output)
    assert config["impact"]["api_url"] == "http://127.0.0.1:4711"
    assert config["impact"]["reports"][0]["params"] == {"SUBAID": "1000"}
    assert config["start_date"] == "2026-04-17"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "0", "--print-config"], "--port other than 0"),
        (["--set", "colour=red"], "colour is none of"),
        (["--set", "credits=many"], "must be a number"),
        (["--faults", "{"], "Expecting"),
        (["--faults", "no-such-file.json"], "No such file"),
        (["--port", "0", "--faults", '{"action": "melt"}'], "melt"),
        (["--switch", "turbo"], "turbo"),
    ],
)
def test_wrong_options_are_told_without_a_traceback(arguments, text):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code != 0
    assert text in result.output
    assert isinstance(result.exception, SystemExit)


def test_the_program_says_where_it_listens_writes_its_config_and_ends_on_sigterm(tmp_path):
    config, faults = tmp_path / "config.json", tmp_path / "faults.json"
    faults.write_text(json.dumps([{"action": "status", "status": 418, "kind": "list"}]))
    options = ["--port", "0", "--config-file", config, "--faults", faults, "--speed", "60"]
    command = [sys.executable, "-m", "tap_reports.sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        first = program.stdout.readline()
        url = first.removeprefix("listening on ").strip()
        assert first.startswith("listening on http://127.0.0.1:")
        block = json.loads(config.read_text())["second_nature"]
        assert block["api_url"] == f"{url}/api"
        headers = {"Authorization": f"Token {block['api_key']}"}
        codes = [
            requests.get(f"{url}/api/reports/", headers=headers, timeout=10).status_code for _ in range(2)
        ]
        assert codes == [418, 200]
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=20) == 0


def test_a_taken_port_is_said_so(client):
    port = client.sandbox.url.rsplit(":", 1)[1]
    result = CliRunner().invoke(main, ["--port", port])
    assert result.exit_code == 1
    assert "in use" in result.output
