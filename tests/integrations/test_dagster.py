"""The Dagster module: two partitions are loaded; the sensor waits, then asks for a run."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from installs import installed

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("dagster"), pytest.mark.timeout(600)]
PROGRAM = """
import datetime as dt
import json, sys, time
import dagster as dg
sys.path.insert(0, {module!r})
from tap_reports_dagster import TapReports

weeks = dg.WeeklyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-15")
tap = TapReports(config={config!r}, catalog={catalog!r}, target={target!r}, command={command!r})
assets = tap.assets(weeks)
sensor = tap.sensor(assets, weeks)
rows = []
instance = dg.DagsterInstance.ephemeral()
for key in weeks.get_partition_keys():
    done = dg.materialize(assets, partition_key=key, instance=instance)
    event, = done.get_asset_materialization_events()
    rows.append(event.materialization.metadata["dagster/partition_row_count"].value)
answers, cursor = [], None
for _ in range(60):
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    answer = sensor(context)
    answers.append(type(answer).__name__)
    if isinstance(answer, dg.SensorResult):
        break
    time.sleep(0.5)
runs = [run.partition_key for run in answer.run_requests]
print(json.dumps({{"rows": rows, "answers": answers, "runs": runs}}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    return installed(tmp_path_factory.mktemp("dagster") / "venv", "dagster>=1.13") / "python"


def test_partitions_are_windows_and_the_sensor_waits_for_the_jobs(python, tap, tmp_path):
    target = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with Sandbox(rows=3, delay=3, today=dt.date(2026, 3, 20), dt_reports_per_minute=1000) as sandbox:
        files = tap(sandbox, reuse_job_hours=0)
        program = PROGRAM.format(module=str(ROOT / "integrations/dagster"), target=target, **files)
        done = subprocess.run(
            [python, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        )
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["rows"] == [3 * 7, 3 * 7]
    assert said["answers"][-1] == "SensorResult"
    assert said["runs"] == ["2026-03-08"]
