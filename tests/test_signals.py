"""Signals as process managers send them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tap_reports.sandbox import Sandbox


def test_a_signal_that_comes_twice_at_the_same_moment_is_one(tmp_path):
    """`timeout` sends its signal to the process and to its group; a last state must be written."""
    with Sandbox(rows=2, delay=600) as sandbox:
        config = {**sandbox.config("impact"), "job_ledger": str(tmp_path / "jobs.sqlite")}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "tap_reports", "--config", str(tmp_path / "config.json")]
        with (
            (tmp_path / "log").open("w") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            end = time.monotonic() + 120
            while "status=submit" not in (tmp_path / "log").read_text() and time.monotonic() < end:
                time.sleep(0.01)  # signals that wait to be delivered would be one in any case
            process.send_signal(signal.SIGTERM)
            time.sleep(0.01)  # signals that wait to be delivered would be one in any case
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=120)
    assert process.returncode in {143, -signal.SIGTERM}  # the latter: it was on its way out already
    assert "submitted jobs are resumed by the next run" in (tmp_path / "log").read_text().splitlines()[-1]
    last = json.loads(out.splitlines()[-1])
    assert last["type"] == "STATE"
    assert any(bookmark.get("pending_jobs") for bookmark in last["value"]["bookmarks"].values())
