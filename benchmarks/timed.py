"""Processes that are run and measured: wall time, processor time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without its byte code a program is compiled at each start, which is not how anyone installs it."""
STARTER = """
import json, os, sys, time
nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
began = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[nowhere])
_, status, usage = os.wait4(process, 0)
seconds, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss]))
"""
"""Starts a command from a small process: Linux counts the memory of who starts it as the command's own."""


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
    def least_cpu(self) -> float:
        """Processor seconds of the fastest run: what the machine's other work can only add to."""
        return min(self.cpu)

    def measure(self) -> None:
        """Run it once."""
        found = subprocess.run(
            [sys.executable, "-IS", "-c", STARTER, *self.command],
            capture_output=True,
            check=True,
            cwd=HERE,
            env=ENVIRONMENT,
        )
        self.said = found.stderr.decode(errors="replace")
        status, seconds, cpu, peak = json.loads(found.stdout)
        if status:
            raise SystemExit(f"{self.name} failed: {self.said[-2000:]}")
        self.seconds.append(seconds)
        self.cpu.append(cpu)
        self.peaks.append(peak // (1 if sys.platform == "linux" else 1024))


def measure(ways: Sequence[Way], rounds: int) -> None:
    """Measure all ways in turns, so that a busy machine slows all of them alike."""
    for _ in range(rounds):
        for way in ways:
            way.measure()
