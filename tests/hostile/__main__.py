"""Prints what hostile files and servers cost: `python -m tests.hostile [part of a name]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES
from runs import run


def main() -> int:
    """Run all cases, or those whose names hold the argument."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print("| what comes | exit status | seconds | peak MiB | what the log says last |\n|---|--:|--:|--:|---|")
    for name, case in CASES.items():
        if wanted in name:
            with tempfile.TemporaryDirectory() as folder:
                ran = run(case, Path(folder))
            lines = [
                line.partition(" | ")[2] or line for line in ran.log.splitlines() if "METRIC" not in line
            ]
            last = (lines or [""])[-1].rpartition(" | ")[2][:120]
            after = " after SIGTERM" if case.signal_after else ""
            print(
                f"| {name} | {ran.status} | {ran.seconds:.1f}{after} | {ran.peak_mib:.0f} | {last} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
