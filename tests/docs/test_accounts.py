"""The recipe for several accounts of one vendor in docs/meltano.md."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.options import Accounts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "meltano.md"


def tap(folder, *arguments):
    command = [sys.executable, "-m", "tap_reports", "--config", "config.json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_accounts_of_the_recipe_run_with_one_ledger_which_keeps_them_apart(tmp_path):
    (text,) = re.findall(r"^```yaml\n(plugins:\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    parent, *accounts = yaml.safe_load(text)["plugins"]["extractors"]
    assert len(accounts) == 2
    for number, account in enumerate(accounts, 1):
        assert account["inherit_from"] == parent["name"]
        config = {**parent["config"], "job_ledger": str(tmp_path / "jobs.sqlite"), **account["config"]}
        block = config["impact"]
        credentials = Accounts(impact_sid=block["account_sid"], impact_word="a-token-of-this-account")
        with Sandbox(
            speed=1000, delay=0, account_type=block["account_type"], accounts=credentials
        ) as sandbox:
            block |= {"auth_token": credentials.impact_word, "api_url": sandbox.url, "reports_per_day": 1}
            block["reports"][0]["params"] = {"SUBAID": "1000"}
            config["start_date"] = config["end_date"] = str(sandbox.today - dt.timedelta(days=2))
            (tmp_path / "config.json").write_text(json.dumps(config))
            assert '"RECORD"' in tap(tmp_path)
            assert sandbox.submissions("impact").accepted == 1, "the day's quota is each account's own"
        assert len(json.loads(tap(tmp_path, "--jobs", "--format", "json"))) == number
