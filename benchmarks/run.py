"""How fast rows of many shapes become messages, how well waiting is shared, how soon a command answers.

`python benchmarks/run.py` prints a Markdown table of each; `--parts` chooses. Each way is a whole
process that writes to `/dev/null`. This tap asks a vendor on loopback for the file, downloads, checks
and reads it; an ordinary tap reads it where it lies. Compared is the processor time of a row, without
start-up: what a long file takes beyond a short one. Rounds are interleaved, so that a busy machine slows
all ways alike; the fastest runs are shown, and the largest memory.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import others
from shapes import SHAPES
from timed import Way, measure
from whole import Comparison

PARTS = ("shapes", "growth", "others", "overlap", "jobs", "startup")


def shapes(folder: Path, chosen: argparse.Namespace) -> str:
    """Compare every shape."""
    lines = [
        "| shape | ordinary, µs a row | ours, µs a row | x ordinary | peak RSS MiB | path |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for shape in SHAPES:
        if not chosen.only or any(one in shape.name or one == shape.file for one in chosen.only):
            with contextlib.ExitStack() as vendors:
                vendors.callback(shutil.rmtree, folder / "runs", ignore_errors=True)
                rows = chosen.rows // (10 if shape.file == "wide" else 4 if shape.format == "xlsx" else 1)
                found = Comparison(shape, folder, (min(rows, chosen.ordinary_rows), rows), vendors)
                measure(found.ways, chosen.rounds)
                lines.append(found.row())
                print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def growth(folder: Path, chosen: argparse.Namespace) -> str:
    """Compare the memory that files of many and of five times as many rows take."""
    lines = ["| shape | rows | peak RSS MiB | five times as many | ratio |", "|---|--:|--:|--:|--:|"]
    for shape in [one for one in SHAPES if not one.settings and one.compiled and one.file in _GROWING]:
        few = chosen.rows // (5 if shape.format == "xlsx" else 1)
        with contextlib.ExitStack() as vendors:
            vendors.callback(shutil.rmtree, folder / "runs", ignore_errors=True)
            named = replace(shape, name=f"{shape.format} {shape.batch}".strip())
            ways = [Comparison(named, folder, (1001, rows), vendors).ours[1] for rows in (few, 5 * few)]
            measure(ways, chosen.rounds)
            small, large = (max(way.peaks) // 1024 for way in ways)
            lines.append(f"| {named.name} | {few:,} | {small:,} | {large:,} | {large / small:.2f} |")
    return "\n".join(lines)


_GROWING = ("plain", "flat", "sheet")


def other_tools(folder: Path, chosen: argparse.Namespace) -> str:
    """Run other tools over the plain CSV, where they are installed."""
    path = SHAPES[0].make(folder, chosen.ordinary_rows)
    shown = {"airbyte": "Airbyte CDK, declarative, csv as texts", "dlt": "dlt, dicts of csv to jsonl"}
    ways = [
        Way(text, chosen.ordinary_rows, [chosen.others, "others.py", name, str(path)])
        for name, text in shown.items()
        if others.installed(chosen.others, name)
    ]
    measure(ways, chosen.rounds)
    return _rates(ways)


def _rates(ways: Sequence[Way]) -> str:
    lines = ["| what | rows | rows/s | peak RSS MiB |", "|---|--:|--:|--:|"]
    for way in ways:
        rate = way.rows / way.median
        lines.append(f"| {way.name} | {way.rows:,} | {rate:,.0f} | {max(way.peaks) // 1024:,} |")
    return "\n".join(lines)


def main() -> None:
    """Make the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--only", nargs="+", help="shapes with this in their name, or of this file")
    parser.add_argument("--rows", type=int, default=400_000, help="rows of the files")
    parser.add_argument("--ordinary-rows", type=int, default=40_000, help="rows for the ordinary tap")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--others", metavar="PYTHON", default=sys.executable, help="one that has airbyte-cdk or dlt installed"
    )
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for part in chosen.parts:
            print(_part(part, folder, chosen), end="\n\n", flush=True)


def _part(part: str, folder: Path, chosen: argparse.Namespace) -> str:
    if part == "overlap":
        from overlap import overlap

        return overlap()
    if part == "jobs":
        from jobs import jobs

        return jobs()
    if part == "startup":
        from startup import startup

        return startup(folder, chosen.rounds)
    return {"shapes": shapes, "growth": growth, "others": other_tools}[part](folder, chosen)


if __name__ == "__main__":
    main()
