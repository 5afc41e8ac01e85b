"""Runs the command against each hostile case and measures what that cost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cases import Case
from server import SECRET, running

LONGEST_SECONDS = 90.0
MOST_MIB = 4096
"""Memory that a run may map at the most: a defect is to fail, not to take the machine along."""


@dataclass(frozen=True)
class Ran:
    """How a run ended. `seconds` is since SIGTERM where one was sent; `status` None: it had to be killed."""

    status: int | None
    seconds: float
    peak_mib: float
    log: str
    left_behind: tuple[str, ...]
    submissions: int


def run(case: Case, folder: Path) -> Ran:
    """Run the command in a folder of its own."""
    temporary = folder / "tmp"
    temporary.mkdir()
    with running(case.vendor()) as vendor:
        config = {
            "start_date": "2026-11-10",
            "end_date": "2026-11-12",
            "request_timeout_seconds": 2,
            "retry_backoff_seconds": 0.05,
            "max_request_retries": 2,
            "job_deadline_seconds": 6,
            "digital_turbine": {
                "api_url": vendor.url,
                "client_id": "client",
                "client_secret": SECRET,
                "poll_interval_seconds": 0.2,
                "poll_max_interval_seconds": 0.3,
                "reports": [{"name": "r", "splits": ["Date", "Country"], "metrics": ["Clicks", "Spend"]}],
            },
            **case.settings,
        }
        (folder / "config.json").write_text(json.dumps(config))
        status, seconds, peak = _measured(case, folder, temporary)
        log = (folder / "log").read_text(errors="replace")
        left = tuple(sorted(path.name for path in temporary.iterdir()))
        return Ran(status, seconds, peak, log, left, vendor.submissions)


def _measured(case: Case, folder: Path, temporary: Path) -> tuple[int | None, float, float]:
    command = [sys.executable, "-m", "tap_reports", "--config", str(folder / "config.json")]
    began = time.monotonic()
    with (folder / "log").open("wb") as log, Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(
            command,
            stdout=nowhere,
            stderr=log,
            env={
                **{name: text for name, text in os.environ.items() if not name.startswith("TAP_REPORTS_")},
                "XDG_STATE_HOME": str(folder / "state"),
                "TMPDIR": str(temporary),
            },
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MIB << 20, MOST_MIB << 20)),
        )
    while True:
        pid, code, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(code)
            return process.returncode, time.monotonic() - began, used.ru_maxrss / 1024
        if case.signal_after and time.monotonic() - began > case.signal_after:
            process.send_signal(signal.SIGTERM)
            began, case = time.monotonic(), Case(case.vendor)
        if time.monotonic() - began > LONGEST_SECONDS:
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            return None, LONGEST_SECONDS, used.ru_maxrss / 1024
        time.sleep(0.02)
