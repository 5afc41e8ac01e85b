"""How well waiting is shared, and what the vendors' calls save. The vendor is the sandbox."""

from __future__ import annotations

import datetime as dt
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tap_reports.sandbox import Postback, Sandbox

HERE = Path(__file__).parent
STREAMS, JOB_SECONDS = 20, 10
SLICES, PER_MINUTE, SLICE_SECONDS, FASTER = 40, 5, 60, 20
JOBS, CALLED_SECONDS, SPEED = 50, 60, 30
FIRST_POLL, MAX_POLL, FALLBACK = 5, 60, 300
"""The settings' defaults, seconds."""
REPORT, ACTION_ID = "mp_action_listing_fast", "action_id"
SECRET = "a-secret-of-the-benchmark"
WITH_CALLS = {
    "postbacks": "",
    "postbacks, each sent twice": "duplicate",
    "postbacks, all forged at the start": "forge",
    "postbacks, all lost": "lose",
}
"""Row of the table -> the fault that hits every call of the vendor."""


def run(config: dict[str, Any], command: Sequence[str] = ("-m", "tap_reports")) -> bytes:
    """Run the tap in a process of its own. Returns its messages."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, *command, "--config", file.name], capture_output=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"exit {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout


def config_of(sandbox: Sandbox, vendor: str, *, final: int, days: int = 1, **block: Any) -> dict[str, Any]:
    """Return the configuration for so many days, the last of them so many days ago."""
    last = sandbox.today - dt.timedelta(days=final)
    config = sandbox.config(vendor)
    config[vendor] |= block
    start = last - dt.timedelta(days=days - 1)
    return config | {"start_date": start.isoformat(), "end_date": last.isoformat(), "job_ledger": "off"}


def overlap() -> str:
    """Compare a run's wall time with the least that the vendor's rules allow."""
    head = ["| what | one job after the other | bound | wall | wall ÷ bound |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*head, _streams(), _slices()])


def _streams() -> str:
    """Twenty streams with one job each: as long as one job."""
    reports = [
        {"id": REPORT, "name": f"r{number}", "params": {"SUBAID": str(number)}} for number in range(STREAMS)
    ]
    polls = {"poll_interval_seconds": 0.2, "poll_max_interval_seconds": 0.5}
    # Twenty jobs that are asked so often would use up half of an hour's calls, and the rest are spread.
    with Sandbox(rows=5, delay=JOB_SECONDS, requests_per_hour=10**6) as sandbox:
        block = {"reports": reports, "timezone": "UTC", "max_jobs_in_flight": STREAMS, **polls}
        wall = _wall(sandbox, "impact", config_of(sandbox, "impact", final=1, **block), STREAMS)
    return _row(f"{STREAMS} streams, one job of {JOB_SECONDS} s", STREAMS * JOB_SECONDS, JOB_SECONDS, wall)


def _slices() -> str:
    """Forty slices at five submissions a minute, the tap's and the vendor's clocks twenty times as fast."""
    limits = {"reports_per_minute": PER_MINUTE, "max_jobs_in_flight": SLICES, "lookback_days": 0}
    polls = {"poll_interval_seconds": 2, "poll_max_interval_seconds": 5}
    with Sandbox(rows=5, delay=SLICE_SECONDS, speed=FASTER, dt_reports_per_minute=PER_MINUTE) as sandbox:
        vendor = "digital_turbine"
        config = config_of(sandbox, vendor, final=2, days=SLICES, slice_days=1, **limits, **polls)
        wall = FASTER * _wall(sandbox, vendor, config, SLICES, [str(HERE / "fast_clock.py"), str(FASTER)])
    bound = (SLICES // PER_MINUTE - 1) * 60 + SLICE_SECONDS
    name = f"{SLICES} Digital Turbine slices of {SLICE_SECONDS} s at {PER_MINUTE} a minute"
    return _row(name, SLICES * SLICE_SECONDS, bound, wall)


def _row(name: str, one_by_one: float, bound: float, wall: float) -> str:
    return f"| {name} | {one_by_one:,.0f} s | {bound:,.1f} s | {wall:,.1f} s | {wall / bound:.2f} |"


def _wall(sandbox: Sandbox, vendor: str, config: dict[str, Any], jobs: int, *command: Sequence[str]) -> float:
    """Run the tap and return the real seconds from its first submission to the end of the process."""
    run(config, *command)
    ended = dt.datetime.now(dt.UTC)
    submitted = sandbox.calls_of(vendor, "submit")
    if len(submitted) != jobs:
        raise SystemExit(f"{len(submitted)} jobs")
    return (ended - submitted[0].time).total_seconds()


def postbacks() -> str:
    """Fifty impact.com jobs of a minute each, with the vendor's calls and without.

    The sandbox is thirty times as fast; the poll intervals and the fallback are as much shorter.
    """
    polls, polling = _with_postbacks("polling")
    rows = [polling, *(_with_postbacks(name, fault, polls)[1] for name, fault in WITH_CALLS.items())]
    head = ["| | status calls | a job (most) | ÷ polling | run | job's end → download | rows |"]
    return "\n".join([*head, "|---|--:|--:|--:|--:|--:|--:|", *rows])


def _with_postbacks(name: str, fault: str | None = None, polling: int = 0) -> tuple[int, str]:
    """Run a row of the table. Returns its status calls, and the row; `fault` None: nobody calls."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    postback = None if fault is None else Postback(f"{url}/{SECRET}/impact")
    polls = {
        "poll_interval_seconds": FIRST_POLL / SPEED,
        "poll_max_interval_seconds": MAX_POLL / SPEED,
    }
    with Sandbox(rows=20, delay=CALLED_SECONDS, speed=SPEED, postback=postback) as sandbox:
        if fault:
            sandbox.faults.add(fault, vendor="impact", kind="postback", times=0)
        block = {"reports": [{"id": REPORT}], "timezone": "UTC", "slice_days": 1, "max_jobs_in_flight": JOBS}
        config = config_of(sandbox, "impact", final=1, days=JOBS, **block, **polls)
        if postback:
            listen = {"listen": f"127.0.0.1:{port}", "public_url": url, "secret": SECRET}
            config["postbacks"] = {**listen, "fallback_poll_seconds": FALLBACK / SPEED}
        messages = [json.loads(line) for line in run(config).splitlines()]
        rows = Counter(str(one["record"][ACTION_ID]) for one in messages if one["type"] == "RECORD")
        days = (dt.date.fromisoformat(config[name]) for name in ("start_date", "end_date"))
        is_whole = rows == Counter(str(row[ACTION_ID]) for row in sandbox.expected("impact", REPORT, *days))
        count = Counter(call.job_id for call in sandbox.calls_of("impact", "poll"))
        cells = (
            f"{count.total()} | {count.total() / JOBS:.1f} ({max(count.values())})",
            f"{count.total() / (polling or count.total()):.2f} | {_seconds(sandbox) * SPEED:.0f} s",
            f"{statistics.median(_delays(sandbox)):.3f} s | {rows.total()}{'' if is_whole else ' NOT WHOLE'}",
        )
    return count.total(), f"| {name} | {' | '.join(cells)} |"


def _seconds(sandbox: Sandbox) -> float:
    """Return the seconds from the first submission to the last call for a file."""
    first = sandbox.calls_of("impact", "submit")[0].time
    return (sandbox.calls_of("impact", "link")[-1].time - first).total_seconds()


def _delays(sandbox: Sandbox) -> list[float]:
    """Return the seconds between each job's end, when its vendor calls, and the first call for its file."""
    starts: dict[str, dt.datetime] = {}
    for call in sandbox.calls_of("impact", "link"):
        starts.setdefault(call.job_id, call.time)
    return [(starts[job.id] - job.completed_at).total_seconds() for job in sandbox.jobs.of("impact")]
