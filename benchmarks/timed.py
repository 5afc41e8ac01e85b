"""Processes that are run and measured: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without its byte code a program is compiled at each start, which is not how anyone installs it."""


@dataclass
class Way:
    """A process to be measured.

    Attributes:
        name: For the table.
        rows: Rows that it reads.
        command: What to run.
        cpu: Processor seconds of each run, user and system.
        peaks: The most memory that each run held, in KiB.
        said: What the last run wrote to standard error.
    """

    name: str
    rows: int
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    said: str = ""

    @property
    def median(self) -> float:
        """Seconds, the median."""
        return statistics.median(self.seconds)

    @property
    def least_cpu(self) -> float:
        """Processor seconds of the fastest run: what the machine's other work can only add to."""
        return min(self.cpu)

    def measure(self) -> None:
        """Run it once."""
        began = time.perf_counter()
        with subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE, env=ENVIRONMENT
        ) as process:
            self.said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.name} failed: {self.said[-2000:]}")
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.seconds.append(time.perf_counter() - began)
        self.peaks.append(usage.ru_maxrss // (1 if sys.platform == "linux" else 1024))


def measure(ways: Sequence[Way], rounds: int) -> None:
    """Measure all ways in turns, so that a busy machine slows all of them alike."""
    for _ in range(rounds):
        for way in ways:
            way.measure()
