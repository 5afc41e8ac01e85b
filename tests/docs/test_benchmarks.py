"""The benchmark's command still runs and measures what it names; its figures are no test's business."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SIZES = {"--ordinary-rows": 1000, "--few-rows": 1000, "--sheet-rows": 300, "--rounds": 1}
SMALL = ["--rows", "2000", "20000", *(str(part) for pair in SIZES.items() for part in pair)]


@pytest.mark.timeout(300)
def test_one_command_prints_a_row_for_each_way_and_size(tmp_path):
    done = subprocess.run(
        [sys.executable, "run.py", "--parts", "rows", "--folder", str(tmp_path), *SMALL],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.split("\n") if line]
    found = {(what, rows) for what, rows, *_ in cells}
    for what in ("RECORD, csv", "RECORD, csv.gz", "BATCH jsonl, csv", "BATCH parquet, csv", "RECORD, json"):
        assert {(what, "2,000"), (what, "20,000")} <= found
    assert {("RECORD, xlsx", "300"), ("ordinary SDK tap, csv", "1,000")} <= found
    for what in ("RECORD, csv", "BATCH parquet, csv", "RECORD, json"):
        assert (f"{what}, not compiled", "1,000") in found
    assert not (tmp_path / "runs").exists()
