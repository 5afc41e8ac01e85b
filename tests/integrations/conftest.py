"""The tap as an engine runs it: its command, a configuration and a catalog."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "tap_reports"]


@pytest.fixture
def tap(tmp_path):
    """Write the files for a sandbox's Digital Turbine; returns what the engines' classes are given."""

    def write(sandbox, *, slice_days=90, **settings):
        config = {**sandbox.config("digital_turbine"), "start_date": "2026-03-01", "poll_interval_seconds": 1}
        config["digital_turbine"]["slice_days"] = slice_days
        config["job_ledger"] = str(tmp_path / "jobs.sqlite")
        paths = {name: tmp_path / f"{name}.json" for name in ("config", "catalog")}
        paths["config"].write_text(json.dumps({**config, **settings}))
        discover = [*COMMAND, "--config", paths["config"], "--discover"]
        paths["catalog"].write_bytes(subprocess.run(discover, capture_output=True, check=True).stdout)
        return {"command": COMMAND, **{name: str(path) for name, path in paths.items()}}

    return write
