"""How long loading into PostgreSQL takes, by RECORD and by BATCH, and whether both load the same rows.

    python benchmarks/loads.py --postgres postgresql://postgres@127.0.0.1/postgres

needs meltanolabs-target-postgres on the path (or in `--bin`) and psycopg, which is the extra `postgres`. Each
load is the whole pipe, the start-up of both processes included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from contents import COLUMNS
from shapes import SHAPES

HERE = Path(__file__).parent
WAYS = ("ordinary", "record", "batch")
NAMES = {
    "ordinary": "ordinary SDK tap, RECORD",
    "record": "tap-reports, RECORD",
    "batch": "tap-reports, BATCH jsonl",
}


@dataclass
class Load:
    """One way into one target; `rows` makes the loaded rows comparable, without the target's own columns."""

    name: str
    target: list[str]
    config: dict[str, Any]
    rows: Callable[[], list[tuple[Any, ...]]]


def commands(path: Path, folder: Path) -> dict[str, list[str]]:
    """Return the command of each way."""
    config = folder / "ordinary.json"
    config.write_text(json.dumps({"path": str(path), "columns": COLUMNS}), encoding="utf-8")
    ours = [sys.executable, "emit_file.py", str(path), "--no-lineage"]  # as many columns as the other
    return {
        "ordinary": [sys.executable, "ordinary_tap.py", "--config", str(config)],
        "record": ours,
        "batch": [*ours, "--batch", "jsonl", "--storage", str(folder / "batches")],
    }


def run(load: Load, command: list[str], folder: Path) -> float:
    """Load once. Returns the seconds that it took."""
    config = folder / "target.json"
    config.write_text(json.dumps(load.config), encoding="utf-8")
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=HERE) as tap:
        done = subprocess.run(
            [*load.target, "--config", str(config)], stdin=tap.stdout, capture_output=True, check=False
        )
    if done.returncode or tap.returncode:
        raise SystemExit(f"{load.name} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - began


def postgres(url: str, bin_: str) -> Iterator[Load]:
    """Yield the loads into PostgreSQL, each into a schema of its own that goes at the end."""
    import psycopg

    parts = urlparse(url)
    settings = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "user": parts.username,
        "password": parts.password or "",
        "database": parts.path[1:],
    }
    with psycopg.connect(url, autocommit=True) as connection:

        def loaded(schema: str) -> list[tuple[Any, ...]]:
            return _rows(connection.execute, schema)

        for way in WAYS:
            schema = f"bench_{os.getpid()}_{way}"
            try:
                yield Load(
                    way,
                    [_program("target-postgres", bin_)],
                    {**settings, "default_target_schema": schema},
                    lambda schema=schema: loaded(schema),
                )
            finally:
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def _rows(execute: Callable[[str], Any], schema: str) -> list[tuple[Any, ...]]:
    table = f'"{schema}".report'
    names = [one[0] for one in execute(f"SELECT * FROM {table} LIMIT 0").description]
    columns = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in sorted(names) if not name.startswith("_sdc"))
    found: list[tuple[Any, ...]] = execute(f"SELECT {columns} FROM {table} ORDER BY {columns}").fetchall()
    return found


def _program(name: str, bin_: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([bin_, os.environ["PATH"]]))
    if not found:
        raise SystemExit(f"{name} is not installed: `uv tool install {name}`, or name its folder with --bin.")
    return found


@dataclass
class Measured:
    """What came of one way."""

    seconds: list[float] = field(default_factory=list)
    rows: int = 0
    is_same: bool = True


def measure(loads: Iterator[Load], path: Path, found: dict[str, Measured]) -> None:
    """Load once by each way, and compare what the target has."""
    expected = None
    with contextlib.closing(loads):
        for load in loads:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "batches").mkdir()
                seconds = run(load, commands(path, Path(folder))[load.name], Path(folder))
            rows, way = load.rows(), found[load.name]
            expected = rows if load.name == "record" else expected
            way.seconds.append(seconds)
            way.rows = len(rows)
            way.is_same &= load.name != "batch" or rows == expected


def table(found: dict[str, Measured]) -> str:
    """Return the Markdown table of the medians."""
    lines = ["| tap | rows | wall | ÷ ordinary | rows as by RECORD |", "|---|--:|--:|--:|---|"]
    base = statistics.median(found["ordinary"].seconds)
    for name, way in found.items():
        took = statistics.median(way.seconds)
        same = "-" if name != "batch" else "yes" if way.is_same else "NO"
        cells = (NAMES[name], f"{way.rows:,}", f"{took:.1f} s", f"{took / base:.2f}", same)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Load, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--postgres", metavar="URL", required=True)
    parser.add_argument("--bin", default="", help="folder of the targets' programs")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    found = {way: Measured() for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = SHAPES[0].make(Path(folder), chosen.rows, "csv")
        for _ in range(chosen.rounds):
            measure(postgres(chosen.postgres, chosen.bin), path, found)
    print(table(found))


if __name__ == "__main__":
    main()
