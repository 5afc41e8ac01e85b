"""Jobs of all vendors: how far they are, and how many were requested."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tap_reports.sandbox.faults import Action, Fault
from tap_reports.sandbox.options import Options, Time

FAILING = {"internal_error", "bad_request", "failed", "error", "cancelled", "canceled"}
DONE = {"completed", "complete"}


class Phase(StrEnum):
    """How far a job is by the clock."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


@dataclass(slots=True)
class Job:
    """One report in the making."""

    id: str
    vendor: str
    report: str
    what: dict[str, Any]  # The report's parameters, as the vendor's module reads them
    created_at: dt.datetime
    completed_at: dt.datetime = field(init=False)
    started: float = field(init=False)
    seconds: float = field(init=False)  # Real seconds from start to end
    # Which run of this report it is, counted from 0; restated days depend on it
    revision: int = field(init=False)
    words: deque[str] = field(default_factory=deque)  # Status words still to be shown, from a fault
    failed: str = ""  # The failing word that stays until the job is run again
    runs: int = 0  # How often it was started
    scripts: list[Fault] = field(default_factory=list)  # The faults whose words it took over

    def bind(self, fault: Fault) -> None:
        """Take over a fault's status script, each script once."""
        if fault.action is Action.STATUSES and fault not in self.scripts:
            self.scripts.append(fault)
            self.words.extend(fault.words)

    def show(self, natural: str, fault: Fault | None) -> str:
        """Return the status word of a poll: the script's next, else the failing one, else `natural`."""
        if fault is not None:
            self.bind(fault)
        if not self.words:
            return self.failed or natural
        word = self.words.popleft()
        plain = word.lower().replace(" ", "_").replace("-", "_")
        self.failed = word if plain in FAILING else ""
        if plain in DONE:
            self.seconds = 0.0
        return word


@dataclass(frozen=True, slots=True)
class Submissions:
    """Counts of one vendor (or all)."""

    calls: int  # Submit calls that came
    accepted: int  # Those that were taken; they cost quota or credits
    jobs: int  # New jobs made; impact.com returns an old one for the same parameters


class JobStore:
    """All jobs, by vendor and id."""

    def __init__(self, options: Options, time: Time) -> None:
        self._options, self._time = options, time
        self._jobs: dict[tuple[str, str], Job] = {}
        self._runs: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.lock = threading.RLock()

    def add(self, vendor: str, report: str, what: dict[str, Any], *, seconds: float | None = None) -> Job:
        """Start a job; `seconds` of the vendor's time, default the sandbox's."""
        job = Job(str(uuid.uuid4()), vendor, report, what, self._time.now())
        with self.lock:
            self._start(job, seconds)
            self._jobs[vendor, job.id] = job
        return job

    def run_again(self, job: Job) -> None:
        """Start a job again under its id."""
        with self.lock:
            self._start(job)
            job.failed = ""
            job.words.clear()

    def get(self, vendor: str, job_id: str) -> Job | None:
        """Return a job."""
        return self._jobs.get((vendor, job_id))

    def of(self, vendor: str) -> list[Job]:
        """Return a vendor's jobs, oldest first."""
        with self.lock:
            return [job for (name, _), job in self._jobs.items() if name == vendor]

    def phase(self, job: Job) -> Phase:
        """Return how far a job is; the first half of its time it is queued."""
        elapsed = self._time.monotonic() - job.started
        if elapsed >= job.seconds:
            return Phase.DONE
        return Phase.RUNNING if elapsed >= job.seconds / 2 else Phase.QUEUED

    def revision(self, vendor: str, report: str) -> int:
        """Return the revision of a report's latest run; 0 if there was none."""
        return max(0, self._runs[vendor, report] - 1)

    def submissions(self, vendor: str | None = None) -> Submissions:
        """Return the counts of a vendor, or of all."""
        with self.lock:
            if vendor is not None:
                return Submissions(self.calls[vendor], self.accepted[vendor], len(self.of(vendor)))
            return Submissions(self.calls.total(), self.accepted.total(), len(self._jobs))

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            for part in (self._jobs, self._runs, self.calls, self.accepted):
                part.clear()

    def _start(self, job: Job, seconds: float | None = None) -> None:
        job.started = self._time.monotonic()
        job.seconds = self._options.real(self._options.delay if seconds is None else seconds)
        job.completed_at = self._time.now() + dt.timedelta(seconds=job.seconds)
        job.revision = self._runs[job.vendor, job.report]
        job.runs += 1
        self._runs[job.vendor, job.report] += 1
