"""How well waiting is shared: the wall time of a run beside the least that the vendor's rules allow.

The vendor is the sandbox. The wall time is that from the first submission to the end of the process.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_reports.sandbox import Sandbox

HERE = Path(__file__).parent
STREAMS, JOB_SECONDS = 20, 10
SLICES, PER_MINUTE, SLICE_SECONDS, FASTER = 40, 5, 60, 20


@dataclass(frozen=True)
class Figures:
    """Seconds, as the vendor's clock has them."""

    name: str
    one_by_one: float
    bound: float
    wall: float

    def __str__(self) -> str:
        """Return a row of the table."""
        cells = (f"{self.one_by_one:,.0f} s", f"{self.bound:,.1f} s", f"{self.wall:,.1f} s")
        return f"| {self.name} | {' | '.join(cells)} | {self.wall / self.bound:.2f} |"


def overlap() -> str:
    """Return the Markdown table."""
    head = ["| what | one job after the other | bound | wall | wall ÷ bound |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*head, str(_streams()), str(_slices())])


def _streams() -> Figures:
    """Twenty streams with one job each: as long as one job."""
    with Sandbox(rows=5, delay=JOB_SECONDS) as sandbox:
        config = sandbox.config("impact")
        config["impact"] |= {
            "reports": [
                {"id": "mp_action_listing_fast", "name": f"r{number}", "params": {"SUBAID": str(number)}}
                for number in range(STREAMS)
            ],
            "timezone": "UTC",
            "max_jobs_in_flight": STREAMS,
            "poll_interval_seconds": 0.2,
            "poll_max_interval_seconds": 0.5,
        }
        last = sandbox.today - dt.timedelta(days=1)
        config |= {"start_date": last.isoformat(), "end_date": last.isoformat(), "job_ledger": "off"}
        wall = _wall(sandbox, "impact", ["-m", "tap_reports"], config, STREAMS)
    name = f"{STREAMS} streams, one job of {JOB_SECONDS} s"
    return Figures(name, STREAMS * JOB_SECONDS, JOB_SECONDS, wall)


def _slices() -> Figures:
    """Forty slices at five submissions a minute, the tap's and the vendor's clocks twenty times as fast."""
    with Sandbox(rows=5, delay=SLICE_SECONDS, speed=FASTER, dt_reports_per_minute=PER_MINUTE) as sandbox:
        config = sandbox.config("digital_turbine")
        config["digital_turbine"] |= {
            "reports_per_minute": PER_MINUTE,
            "slice_days": 1,
            "lookback_days": 0,
            "max_jobs_in_flight": SLICES,
            "poll_interval_seconds": 2,
            "poll_max_interval_seconds": 5,
        }
        last = sandbox.today - dt.timedelta(days=2)
        start = last - dt.timedelta(days=SLICES - 1)
        config |= {"start_date": start.isoformat(), "end_date": last.isoformat(), "job_ledger": "off"}
        command = [str(HERE / "fast_clock.py"), str(FASTER)]
        wall = _wall(sandbox, "digital_turbine", command, config, SLICES) * FASTER
    bound = (SLICES // PER_MINUTE - 1) * 60 + SLICE_SECONDS
    name = f"{SLICES} Digital Turbine slices of {SLICE_SECONDS} s at {PER_MINUTE} a minute"
    return Figures(name, SLICES * SLICE_SECONDS, bound, wall)


def _wall(sandbox: Sandbox, vendor: str, command: Sequence[str], config: dict[str, Any], jobs: int) -> float:
    """Run the tap and return the real seconds from its first submission to its end."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, *command, "--config", file.name], capture_output=True, check=False
        )
    ended = dt.datetime.now(dt.UTC)
    submitted = sandbox.calls_of(vendor, "submit")
    if done.returncode or len(submitted) != jobs:
        raise SystemExit(f"{len(submitted)} jobs, exit {done.returncode}: {done.stderr.decode()[-2000:]}")
    return (ended - submitted[0].time).total_seconds()
