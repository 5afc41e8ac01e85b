"""What the vendors' calls save: status calls, and the time from a job's end to its download.

Fifty impact.com jobs of a minute each, against the sandbox at thirty times the speed: the jobs, the poll
intervals and the fallback are all thirty times shorter than they would be. Run it from the project's folder:

    python benchmarks/postbacks.py
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tap_reports.sandbox import Postback, Sandbox

JOBS = 50
JOB_SECONDS = 60
SPEED = 30
FIRST_POLL, LONGEST_POLL, FALLBACK = 5, 60, 300
"""The settings' defaults, seconds."""
REPORT, ACTION_ID = "mp_action_listing_fast", "action_id"
SECRET = "a-secret-of-the-benchmark"


@dataclass(frozen=True)
class Scenario:
    """One row of the table. `fault` hits every call of the vendor."""

    name: str
    listens: bool = True
    fault: str = ""


SCENARIOS = (
    Scenario("polling", listens=False),
    Scenario("postbacks"),
    Scenario("postbacks, each sent twice", fault="duplicate"),
    Scenario("postbacks, all forged at the start", fault="forge"),
    Scenario("postbacks, all lost", fault="lose"),
)


@dataclass(frozen=True)
class Figures:
    """What a run took. Seconds are the vendor's, delays real ones."""

    polls: Counter[str]
    seconds: float
    delays: list[float]
    rows: Counter[str]
    is_whole: bool


def main() -> None:
    """Run all scenarios and print the table."""
    table = Table(title=f"{JOBS} impact.com jobs of {JOB_SECONDS} s, times {SPEED}", title_justify="left")
    for name in ("", "status calls", "a job (most)", "÷ polling", "run", "job's end → download", "rows"):
        table.add_column(name, justify="left" if not name else "right")
    polling = 0
    for scenario in SCENARIOS:
        figures = measured(scenario)
        count = figures.polls.total()
        polling = polling or count
        table.add_row(
            scenario.name,
            str(count),
            f"{count / JOBS:.1f} ({max(figures.polls.values())})",
            f"{count / polling:.2f}",
            f"{figures.seconds:.0f} s",
            f"{statistics.median(figures.delays):.3f} s",
            f"{figures.rows.total()}{'' if figures.is_whole else ' NOT WHOLE'}",
        )
    Console(width=120).print(table)


def measured(scenario: Scenario) -> Figures:
    """Return what a run of a scenario took."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    postback = Postback(f"{url}/{SECRET}/impact") if scenario.listens else None
    with Sandbox(rows=20, delay=JOB_SECONDS, speed=SPEED, postback=postback) as sandbox:
        if scenario.fault:
            sandbox.faults.add(scenario.fault, vendor="impact", kind="postback", times=0)
        config = config_for(sandbox)
        if scenario.listens:
            config["postbacks"] = {
                "listen": f"127.0.0.1:{port}",
                "public_url": url,
                "secret": SECRET,
                "fallback_poll_seconds": FALLBACK / SPEED,
            }
        rows = extracted(config)
        first, last = (dt.date.fromisoformat(config[name]) for name in ("start_date", "end_date"))
        expected = sandbox.expected("impact", REPORT, first, last)
        return Figures(
            Counter(call.job_id for call in sandbox.calls_of("impact", "poll")),
            duration(sandbox) * SPEED,
            delays(sandbox),
            rows,
            rows == Counter(str(row[ACTION_ID]) for row in expected),
        )


def config_for(sandbox: Sandbox) -> dict:
    """Return the configuration: a report of so many single days, all in flight at once."""
    last = sandbox.today - dt.timedelta(days=1)
    config = sandbox.config("impact")
    config["impact"] |= {
        "reports": [{"id": REPORT}],
        "timezone": "UTC",
        "slice_days": 1,
        "max_jobs_in_flight": JOBS,
        "poll_interval_seconds": FIRST_POLL / SPEED,
        "poll_max_interval_seconds": LONGEST_POLL / SPEED,
    }
    start = last - dt.timedelta(days=JOBS - 1)
    return config | {"start_date": start.isoformat(), "end_date": last.isoformat(), "job_ledger": "off"}


def extracted(config: dict) -> Counter[str]:
    """Run the tap, in a process of its own, and return the ids of the records."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        command = [sys.executable, "-m", "tap_reports", "--config", file.name]
        done = subprocess.run(command, capture_output=True, check=True)
    messages = map(json.loads, done.stdout.splitlines())
    return Counter(str(one["record"][ACTION_ID]) for one in messages if one["type"] == "RECORD")


def duration(sandbox: Sandbox) -> float:
    """Return the seconds from the first submission to the last call for a file."""
    first = sandbox.calls_of("impact", "submit")[0].time
    return (sandbox.calls_of("impact", "link")[-1].time - first).total_seconds()


def delays(sandbox: Sandbox) -> list[float]:
    """Return the seconds between each job's end, when its vendor calls, and the first call for its file."""
    starts: dict[str, dt.datetime] = {}
    for call in sandbox.calls_of("impact", "link"):
        starts.setdefault(call.job_id, call.time)
    return [(starts[job.id] - job.completed_at).total_seconds() for job in sandbox.jobs.of("impact")]


if __name__ == "__main__":
    main()
