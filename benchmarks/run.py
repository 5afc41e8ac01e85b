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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jobs
import waiting
from shapes import SHAPES
from timed import Way, measure
from whole import Comparison


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


BARE = """
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

class Nothing(Stream):
    name = "nothing"
    schema = th.PropertiesList(th.Property("id", th.StringType())).to_dict()
    def get_records(self, context):
        return ()

class Bare(Tap):
    name = "tap-bare"
    config_jsonschema = th.PropertiesList().to_dict()
    def discover_streams(self):
        return [Nothing(self)]

Bare.cli()
"""


def startup(folder: Path, chosen: argparse.Namespace) -> str:
    """Compare the commands that ask the tap about itself with those of an SDK tap that has nothing in it."""
    lines = ["| command | bare SDK tap | tap-reports | ratio |", "|---|--:|--:|--:|"]
    bare = folder / "bare_tap.py"
    bare.write_text(BARE, encoding="utf-8")
    for option in ("--version", "--about", "--help"):
        commands = ([str(bare)], ["-m", "tap_reports"])
        ways = [Way(option, 0, [sys.executable, *command, option]) for command in commands]
        measure(ways, max(chosen.rounds, 3) * 3)
        # The fastest run: what the machine's other work can only add to.
        least, ours = (min(way.seconds) for way in ways)
        lines.append(f"| `{option}` | {least:.2f} s | {ours:.2f} s | {ours / least:.2f} |")
    return "\n".join(lines)


PARTS: dict[str, Callable[[Path, argparse.Namespace], str]] = {
    "shapes": shapes,
    "growth": growth,
    "overlap": lambda *_: waiting.overlap(),
    "postbacks": lambda *_: waiting.postbacks(),
    "jobs": lambda *_: jobs.jobs(),
    "startup": startup,
}


def main() -> None:
    """Make the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", nargs="+", help="shapes with this in their name, or of this file")
    parser.add_argument("--rows", type=int, default=400_000, help="rows of the files")
    parser.add_argument("--ordinary-rows", type=int, default=40_000, help="rows for the ordinary tap")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for part in chosen.parts:
            print(PARTS[part](folder, chosen), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
