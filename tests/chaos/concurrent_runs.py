"""Ten processes at once with one account and one ledger, as the vendor sees them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from command import POLLS, Program
from scenarios import SCENARIOS

from tap_reports.sandbox import Sandbox

PROCESSES = 10
PER_DAY = 20
IN_FLIGHT = 4


@dataclass
class ConcurrentRuns:
    """What the vendor saw of runs at the same time.

    Attributes:
        submitted: Submissions that reached the vendor.
        refused: Of those, refused since a quota was exceeded.
        most: Most jobs that were in flight at a time.
        statuses: The exit status of each process.
    """

    submitted: int
    refused: int
    most: int
    statuses: list[int | None]

    @property
    def breaches(self) -> int:
        return self.refused + max(0, self.submitted - PER_DAY) + max(0, self.most - IN_FLIGHT)


def run_concurrently(folder: Path, ledger: str) -> ConcurrentRuns:
    """Run ten processes at once, each with a report of its own."""
    scenario = SCENARIOS["digital_turbine"]
    with (
        Sandbox(rows=1, delay=0.2, dt_reports_per_minute=1000, dt_reports_per_day=PER_DAY) as sandbox,
        contextlib.ExitStack() as stack,
    ):
        most = _watched(sandbox)
        runs = []
        for number in range(PROCESSES):
            block = {
                "slice_days": 8,
                "reports_per_day": PER_DAY,
                "max_jobs_in_flight": IN_FLIGHT,
                **POLLS,
                "reports": [
                    {
                        "name": f"report {number}",
                        "splits": ["Date"],
                        "metrics": ["Clicks"],
                        "filters": [{"dimension": "Country", "values": [f"C{number}"]}],
                    }
                ],
            }
            config = scenario.config(sandbox, block=block, job_ledger=ledger)
            runs.append(stack.enter_context(Program(folder / str(number)).start(config)))
        statuses = [run.finish().status for run in runs]
        calls = sandbox.calls_of(scenario.vendor, "submit")
        refused = [one for one in calls if one.status == 429]
        return ConcurrentRuns(len(calls), len(refused), max(most), statuses)


def _watched(sandbox: Sandbox) -> list[int]:
    """Return a list to which each submission adds how many jobs were in flight then."""
    most = [0]
    add = sandbox.jobs.add

    def adding(*args, **values):
        job = add(*args, **values)
        running = [one for one in sandbox.jobs.of(job.vendor) if sandbox.jobs.phase(one) != "done"]
        most.append(len(running))
        return job

    sandbox.jobs.add = adding
    return most
