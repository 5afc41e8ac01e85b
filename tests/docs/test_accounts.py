"""The recipe for several accounts of one vendor in docs/meltano.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "meltano.md"


def test_each_account_of_the_recipe_is_a_configuration_and_they_share_a_ledger(tmp_path):
    (text,) = re.findall(r"^```yaml\n(plugins:\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    parent, *accounts = yaml.safe_load(text)["plugins"]["extractors"]
    assert len(accounts) == 2
    for account in accounts:
        assert account["inherit_from"] == parent["name"]
        config = {**parent["config"], "job_ledger": str(tmp_path / "jobs.sqlite"), **account["config"]}
        config["impact"]["auth_token"] = "a-token-of-this-account"
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = subprocess.run(
            [sys.executable, "-m", "tap_reports", "--config", "config.json", "--check-config"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
