"""Runs the command against a hostile case and measures time and memory."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cases import Case
from command import Program
from server import SECRET, running

KILLED_SECONDS = 180.0
MAX_SECONDS = 60.0
MAX_SECONDS_AFTER_SIGNAL = 8.0
MAX_MIB = 350
MAX_MAPPED_MIB = 4096
"""Memory that a run may map: a defect must fail, not take the machine along."""
MAX_CAUSE_LENGTH = 120


@dataclass(frozen=True)
class Ran:
    """How a run ended.

    Attributes:
        status: None: it had to be killed.
        seconds: Since SIGTERM where one was sent. Of a file: of the processor, whatever else the machine does.
    """

    status: int | None
    seconds: float
    peak_mib: float
    log: str
    left_behind: tuple[str, ...]
    submissions: int

    @property
    def cause(self) -> str:
        """Why the stream failed, as the log says it; else its last line."""
        lines = [line for line in self.log.splitlines() if line.strip()] or [""]
        failed = [line.partition(" stream ")[2] for line in lines if "failed: vendor" in line]
        said = (failed or lines)[-1].rpartition(" | ")[2].partition(": ")[2] or lines[-1]
        return said.strip().replace("|", "\\|")[:MAX_CAUSE_LENGTH]


def faults(case: Case, ran: Ran) -> list[str]:
    """Return what was not as it should be."""
    statuses = {143} if case.signal_after else {0, 1} if case.ends_well else {1}
    longest = MAX_SECONDS_AFTER_SIGNAL if case.signal_after else MAX_SECONDS
    log = ran.log.lower()
    wrong = {
        f"exit status {ran.status}": ran.status not in statuses,
        f"{ran.seconds:.1f} seconds": ran.seconds >= longest,
        f"{ran.peak_mib:.0f} MiB": ran.peak_mib >= MAX_MIB,
        f"left behind: {ran.left_behind}": bool(ran.left_behind),
        f"{ran.submissions} submissions": ran.submissions > 2,
        **{
            f"{text!r} in the log": text in log
            for text in ("defect", "traceback", SECRET, "signature", "\x1b")
        },
    }
    return [text for text, is_wrong in wrong.items() if is_wrong]


def run(case: Case, folder: Path) -> Ran:
    """Run the command in a folder of its own."""
    program = Program(folder)
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
        status, seconds, peak = _measured(case, program, program.arguments(config))
        log = (folder / "log").read_text(errors="replace")
        return Ran(status, seconds, peak, log, tuple(program.left_behind()), vendor.submissions)


def _measured(case: Case, program: Program, arguments: list[str]) -> tuple[int | None, float, float]:
    began, used = time.monotonic(), _processor_seconds()
    with (program.folder / "log").open("wb") as log, Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(
            [sys.executable, "-m", "tap_reports", *arguments],
            stdout=nowhere,
            stderr=log,
            env=program.environment,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_AS, (MAX_MAPPED_MIB << 20, MAX_MAPPED_MIB << 20)
            ),
        )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak_mib(process.pid))
        if case.signal_after and time.monotonic() - began > case.signal_after:
            process.send_signal(signal.SIGTERM)
            began, case = time.monotonic(), replace(case, signal_after=None)
        if time.monotonic() - began > KILLED_SECONDS:
            process.kill()
            process.wait()
            return None, KILLED_SECONDS, peak
        time.sleep(0.01)
    seconds = _processor_seconds() - used if case.is_file else time.monotonic() - began
    return process.returncode, seconds, peak


def _processor_seconds() -> float:
    """Return what the ended children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mib(pid: int) -> float:
    """Return the most memory that a process has used since its program was started.

    `getrusage` would count what it had before: a copy of the memory of the tests, hundreds of MiB.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return max([0.0, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))])
