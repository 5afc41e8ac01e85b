"""How fast rows become messages, how well waiting is shared, how soon a command answers.

`python benchmarks/run.py` prints a Markdown table of each; `--parts` chooses. Each way is a whole process
that reads a file and writes to `/dev/null`: its wall time, start-up included, and its peak memory. Rounds are
interleaved, so that a busy machine slows all ways alike; the medians are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import others
from data import make
from timed import Way, measure

PARTS = ("rows", "overlap", "startup")


def ways(folder: Path, rows: int, ordinary_rows: int, sheet_rows: int) -> list[Way]:
    """Return what is measured. The slow ways read fewer rows."""

    def ours(name: str, count: int, format_: str, *options: str) -> Way:
        path = make(folder, count, format_)
        command = [sys.executable, "emit_file.py", str(path), *options]
        return Way(name, count, command, path.suffix.replace(".gz", ".csv")[1:])

    def ordinary(count: int, format_: str) -> Way:
        config = folder / f"ordinary-{format_}.json"
        config.write_text(json.dumps({"path": str(make(folder, count, format_))}), encoding="utf-8")
        command = [sys.executable, "ordinary_tap.py", "--config", str(config)]
        return Way(f"ordinary SDK tap, {format_}", count, command, format_)

    def other(name: str, shown: str) -> list[Way]:
        command = [sys.executable, "others.py", name, str(make(folder, ordinary_rows, "csv"))]
        return [Way(shown, ordinary_rows, command, "csv")] if others.installed(name) else []

    plain = make(folder, rows, "csv")
    return [
        ordinary(ordinary_rows, "csv"),
        ours("RECORD, csv", rows, "csv"),
        ours("RECORD, csv.gz", rows, "csv.gz"),
        ours("RECORD, csv, the row path", min(rows, 2 * ordinary_rows), "csv", "--by-row", "lines"),
        ours("BATCH jsonl, csv", rows, "csv", "--batch", "jsonl"),
        ours("BATCH parquet, csv", rows, "csv", "--batch", "parquet"),
        ours(
            "BATCH parquet, csv, 100,000 rows a file",
            rows,
            "csv",
            "--batch",
            "parquet",
            "--batch-size",
            "100000",
        ),
        ordinary(min(ordinary_rows, 100_000), "json"),
        ours("RECORD, json", rows, "json"),
        ordinary(sheet_rows, "xlsx"),
        ours("RECORD, xlsx", sheet_rows, "xlsx"),
        *other("airbyte", "Airbyte CDK, declarative, csv as texts"),
        *other("dlt", "dlt, dicts of csv to jsonl"),
        Way("`cat`, csv", rows, ["cat", str(plain)]),
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
        "--rows", type=int, default=1_000_000, help="rows of the files (also 100000, 5000000)"
    )
    parser.add_argument("--ordinary-rows", type=int, default=200_000, help="rows for the slow ways")
    parser.add_argument("--sheet-rows", type=int, default=50_000, help="rows of the XLSX file")
    parser.add_argument("--rounds", type=int, default=3)
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
    measured = ways(folder, chosen.rows, min(chosen.rows, chosen.ordinary_rows), chosen.sheet_rows)
    measure(measured, chosen.rounds)
    return table(measured)


if __name__ == "__main__":
    main()
