"""The benchmark's command runs and prints what it names; its figures are not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SMALL = ["--rows", "8000", "--ordinary-rows", "2000", "--rounds", "1"]


@pytest.mark.documents
@pytest.mark.timeout(300)
def test_the_benchmark_prints_a_row_of_figures_for_each_shape(tmp_path):
    done = subprocess.run(
        [sys.executable, "run.py", "--parts", "shapes", "--only", "odd", "--folder", str(tmp_path), *SMALL],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    heads, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.split("\n") if line
    ]
    assert heads[0] == "shape"
    assert all("one odd cell in 1,000 rows" in row[0] for row in rows)
    for row in rows:
        assert len(row) == len(heads)
        assert all(float(cell.replace(",", "")) for cell in row[1:-1]), row
    assert not (tmp_path / "runs").exists()
