"""Prints the figures of docs/reliability.md: `python -m tests.chaos [--all] [--walks N]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "whole")]

from concurrent_runs import PER_DAY, PROCESSES, ConcurrentRuns, run_concurrently
from kill_points import kills, table
from ledger_fixtures import own_schema
from random_faults import random_faults
from scenario_runner import run_all

SEED = 20260320


def main() -> int:
    """Print the figures. Returns 1 if one of them is not what is promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every vendor at every point, some minutes")
    parser.add_argument("--walks", type=int, default=200, help="walks of random faults")
    parser.add_argument("--workers", type=int, default=3, help="scenarios at a time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcomes = run_all(folder, kills(everything=options.all), workers=options.workers)
        print(table(outcomes))
        bad = len([one for one in outcomes if not one.is_good])
        found = random_faults(folder, SEED, options.walks)
        print(
            f"\nfaults: {found.counts['recovered']} recovered exactly, {found.counts['loud']} failed loudly, "
            f"{len(found.wrong)} wrong"
        )
        for text in found.wrong:
            print(f"WRONG {text}")
        bad += len(found.wrong)
        bad += print_concurrent("SQLite", run_concurrently(folder / "sqlite", str(folder / "crowd.sqlite")))
        try:
            with own_schema() as url:
                bad += print_concurrent("PostgreSQL", run_concurrently(folder / "postgres", url))
        except sa.exc.OperationalError as error:
            print(f"{PROCESSES} processes on PostgreSQL: no server answers ({error.orig})")
    return 1 if bad else 0


def print_concurrent(database: str, seen: ConcurrentRuns) -> int:
    """Print what came of ten processes, and return the breaches."""
    shown = f"{seen.breaches} quota breaches ({seen.submitted} submissions of {PER_DAY} a day"
    print(f"{PROCESSES} processes on {database}: {shown}, at most {seen.most} jobs in flight)")
    return seen.breaches


if __name__ == "__main__":
    sys.exit(main())
