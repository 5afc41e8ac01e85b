"""How fast rows become messages, how well waiting is shared, how soon a command answers.

`python benchmarks/run.py` prints a Markdown table of each; `--parts` chooses. Each way is a whole process
that writes to `/dev/null`: its wall time, start-up included, and its peak memory. This tap asks a vendor on
loopback for the file, downloads, checks and reads it; the others read it where it lies. Rounds are
interleaved, so that a busy machine slows all ways alike; the medians are shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import file_vendor
import others
import whole
from data import make
from timed import Way, measure

PARTS = ("rows", "overlap", "startup")


def ways(folder: Path, chosen: argparse.Namespace, vendors: contextlib.ExitStack) -> list[Way]:
    """Return what is measured. The slow ways read fewer rows."""
    few = min(max(chosen.rows), chosen.few_rows)
    most = min(max(chosen.rows), chosen.ordinary_rows)

    def ours(name: str, count: int, format_: str, batch: str = "", *, compiled: bool = True) -> Way:
        kind = format_.removesuffix(".gz")
        url = vendors.enter_context(file_vendor.serve({kind: make(folder, count, format_)}))
        return Way(name, count, whole.sync(folder, url, kind, batch, compiled=compiled), kind)

    def ordinary(count: int, format_: str) -> Way:
        config = whole.runs(folder) / f"ordinary-{format_}.json"
        config.write_text(json.dumps({"path": str(make(folder, count, format_))}), encoding="utf-8")
        command = [sys.executable, "ordinary_tap.py", "--config", str(config)]
        return Way(f"ordinary SDK tap, {format_}", count, command, format_)

    def by_row(count: int) -> Way:
        command = [sys.executable, "emit_file.py", str(make(folder, count, "csv")), "--by-row", "lines"]
        return Way("RECORD, csv, the row path alone", count, command, "csv")

    def other(name: str, shown: str) -> list[Way]:
        command = [chosen.others, "others.py", name, str(make(folder, few, "csv"))]
        return [Way(shown, few, command, "csv")] if others.installed(chosen.others, name) else []

    return [
        ordinary(most, "csv"),
        *(ours("RECORD, csv", count, "csv") for count in chosen.rows),
        *(ours("RECORD, csv.gz", count, "csv.gz") for count in chosen.rows),
        by_row(2 * few),
        *(ours("BATCH jsonl, csv", count, "csv", "jsonl") for count in chosen.rows),
        *(ours("BATCH parquet, csv", count, "csv", "parquet") for count in chosen.rows),
        ours("RECORD, csv, not compiled", most, "csv", compiled=False),
        ours("BATCH parquet, csv, not compiled", most, "csv", "parquet", compiled=False),
        ordinary(min(few, 100_000), "json"),
        *(ours("RECORD, json", count, "json") for count in chosen.rows),
        ours("RECORD, json, not compiled", most, "json", compiled=False),
        ordinary(chosen.sheet_rows, "xlsx"),
        ours("RECORD, xlsx", chosen.sheet_rows, "xlsx"),
        *other("airbyte", "Airbyte CDK, declarative, csv as texts"),
        *other("dlt", "dlt, dicts of csv to jsonl"),
        Way("`cat`, csv", max(chosen.rows), ["cat", str(make(folder, max(chosen.rows), "csv"))]),
    ]


def table(measured: Sequence[Way]) -> str:
    """Return the Markdown table."""
    base = {way.yardstick: way.rate for way in measured if way.name.startswith("ordinary")}
    lines = ["| what | rows | rows/s | x ordinary | peak RSS MiB |", "|---|--:|--:|--:|--:|"]
    for way in measured:
        ratio = f"{way.rate / base[way.yardstick]:.1f}" if way.yardstick else "-"
        lines.append(
            f"| {way.name} | {way.rows:,} | {way.rate:,.0f} | {ratio} | {max(way.peaks) // 1024:,} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000], help="rows of the files"
    )
    parser.add_argument(
        "--ordinary-rows", type=int, default=1_000_000, help="rows of the CSV for the ordinary tap"
    )
    parser.add_argument("--few-rows", type=int, default=200_000, help="rows for the other slow ways")
    parser.add_argument("--sheet-rows", type=int, default=200_000, help="rows of the XLSX file")
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
    if part == "startup":
        from startup import startup

        return startup(folder, chosen.rounds)
    with contextlib.ExitStack() as vendors:
        vendors.callback(shutil.rmtree, whole.runs(folder), ignore_errors=True)
        measured = ways(folder, chosen, vendors)
        measure(measured, chosen.rounds)
    return table(measured)


if __name__ == "__main__":
    main()
