"""Prints the table of docs/reliability.md: `python -m tests.hostile [part of a name]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from cases import CASES
from runs import faults, run


def main() -> int:
    """Run all cases, or those whose names hold the argument. Returns 1 if one was not as it should be."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print("| what comes | exit status | seconds | peak MiB | what the log says |\n|---|--:|--:|--:|---|")
    found = {}
    for name, case in CASES.items():
        if wanted not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            ran = run(case, Path(folder))
        seconds = f"{ran.seconds:.1f}{' after SIGTERM' if case.signal_after else ''}"
        print(f"| {name} | {ran.status} | {seconds} | {ran.peak_mib:.0f} | {ran.cause} |", flush=True)
        found[name] = faults(case, ran)
    wrong = [f"WRONG {name}: {', '.join(said)}" for name, said in found.items() if said]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
