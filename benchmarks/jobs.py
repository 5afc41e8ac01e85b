"""What a run of many jobs costs of processor time, and of STATE. The vendor is the sandbox."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from timed import ENVIRONMENT, HERE

from tap_reports.sandbox import Sandbox

MANY, SMALL = 1000, 600
IN_FLIGHT = 20
"""Of the small ones; the many are in flight at once."""


@dataclass(frozen=True)
class Figures:
    """Of one run: processor seconds, bytes of STATE messages."""

    cpu: float
    state: int


def jobs() -> str:
    """Return the Markdown table. What a run with one job takes is start-up."""
    start = run(1, in_flight=1, delay=0.2)
    many = run(MANY, in_flight=MANY, delay=3)
    small = run(SMALL, in_flight=IN_FLIGHT, delay=0.2)
    rows = [
        ("a run with one job", start, ""),
        (f"{MANY:,} jobs of 3 s in flight at once", many, each(many, start, MANY)),
        (f"{SMALL:,} small reports, {IN_FLIGHT} in flight", small, each(small, start, SMALL)),
    ]
    head = ["| what | CPU | CPU a job | STATE |", "|---|--:|--:|--:|"]
    return "\n".join(
        [*head, *(f"| {name} | {one.cpu:.1f} s | {a} | {one.state / 1e6:.1f} MB |" for name, one, a in rows)]
    )


def each(found: Figures, start: Figures, count: int) -> str:
    """Return what a job costs beyond the start."""
    return f"{1000 * (found.cpu - start.cpu) / (count - 1):.1f} ms"


def run(count: int, *, in_flight: int, delay: float) -> Figures:
    """Extract so many slices of one day."""
    limits = {"dt_reports_per_minute": 10**6, "dt_reports_per_day": 10**6}
    with Sandbox(rows=10, delay=delay, **limits) as sandbox, tempfile.TemporaryDirectory() as folder:
        config = sandbox.config("digital_turbine")
        config["digital_turbine"] |= {
            "reports_per_minute": 10**6,
            "reports_per_day": 10**6,
            "slice_days": 1,
            "lookback_days": 0,
            "max_jobs_in_flight": in_flight,
            "poll_interval_seconds": 1,
            "poll_max_interval_seconds": 5,
        }
        last = sandbox.today - dt.timedelta(days=2)
        config |= {
            "start_date": (last - dt.timedelta(days=count - 1)).isoformat(),
            "end_date": last.isoformat(),
            "job_ledger": f"{folder}/jobs.sqlite",
        }
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-m", "tap_reports", "--config", f"{folder}/config.json"]
        with Path(folder, "messages").open("wb") as messages:
            process = subprocess.Popen(
                command, stdout=messages, stderr=subprocess.DEVNULL, cwd=HERE, env=ENVIRONMENT
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or len(sandbox.calls_of("digital_turbine", "submit")) != count:
            raise SystemExit(f"{count} jobs: exit {process.returncode}")
        with Path(folder, "messages").open("rb") as lines:
            state = sum(len(line) for line in lines if b'"type":"STATE"' in line[:40])
    return Figures(usage.ru_utime + usage.ru_stime, state)
