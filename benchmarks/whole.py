"""A sync of one file, as it is run every night: with a catalog and a configuration."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import file_vendor
from shapes import Shape
from timed import HERE, Way

SMALL = 1000
"""Rows of the file that shows what start-up costs."""
TAP = [sys.executable, "-m", "tap_reports"]
UNCOMPILED = [
    sys.executable,
    "-c",
    "import sys; sys.modules['_tap_reports_speedups'] = None; from tap_reports.__main__ import main; main()",
]
"""As where there was no C compiler."""


class Comparison:
    """One shape, read by an ordinary tap and by this one: some rows, and the few that show start-up.

    Args:
        shape: What is read.
        folder: Of the files; what the runs need and leave goes to `runs` in it.
        rows: How many rows each tap reads: the ordinary one, this one.
        vendors: Stops the vendors.
    """

    def __init__(
        self, shape: Shape, folder: Path, rows: tuple[int, int], vendors: contextlib.ExitStack
    ) -> None:
        self.shape = shape
        self._folder = folder
        self._runs = folder / "runs"
        self._runs.mkdir(exist_ok=True)
        self._vendors = vendors
        self._catalog = self._discovered()
        self.ordinary = [self._ordinary(count) for count in (SMALL, rows[0])]
        self.ours = [self._ours(count) for count in (SMALL, rows[1])]

    @property
    def ways(self) -> list[Way]:
        """What is to be measured."""
        return [*self.ordinary, *self.ours]

    def row(self) -> str:
        """Return its row of the table."""
        ordinary, ours = (_steady(*ways) for ways in (self.ordinary, self.ours))
        way = self.ours[1]
        return (
            f"| {self.shape.name} | {ordinary:.1f} | {ours:.2f} | {ordinary / ours:.1f} | "
            f"{max(way.peaks) // 1024:,} | {_path_of(way.said)} |"
        )

    def _ordinary(self, count: int) -> Way:
        path = self.shape.make(self._folder, count)
        config = self._runs / f"ordinary-{path.name}.json"
        settings = {"path": str(path), "columns": self.shape.columns, "is_nested": "nested" in path.name}
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "ordinary_tap.py", "--config", str(config)]
        return Way(f"ordinary, {self.shape.name}", count, command)

    def _ours(self, count: int) -> Way:
        tap = TAP if self.shape.compiled else UNCOMPILED
        config = self._config(count, self._batch_config() | self.shape.settings)
        return Way(self.shape.name, count, [*tap, "--config", config, "--catalog", self._catalog])

    def _batch_config(self) -> dict[str, Any]:
        if not self.shape.batch:
            return {}
        encoding = {"format": self.shape.batch}
        if self.shape.batch == "jsonl":
            encoding["compression"] = "gzip"
        return {"batch_config": {"encoding": encoding, "storage": {"root": (self._runs / "out").as_uri()}}}

    def _config(self, count: int, settings: dict[str, Any]) -> str:
        files = {self.shape.format: self.shape.make(self._folder, count)}
        url = self._vendors.enter_context(file_vendor.serve(files))
        report = {
            "format": self.shape.format,
            "columns": dict(self.shape.columns),
            "file": self.shape.options,
        }
        path = self._runs / f"config-{url.rpartition(':')[2]}.json"
        path.write_text(json.dumps(file_vendor.config(url, report, **settings)), encoding="utf-8")
        return str(path)

    def _discovered(self) -> str:
        """Return a catalog of the columns, learnt from a small file."""
        command = [*TAP, "--config", self._config(SMALL, {}), "--discover"]
        found = subprocess.run(command, capture_output=True, check=False, cwd=HERE)
        if found.returncode:
            raise SystemExit(f"discovery failed: {found.stderr.decode()[-2000:]}")
        path = self._runs / f"catalog-{self.shape.file}.json"
        path.write_bytes(found.stdout)
        return str(path)


def _steady(small: Way, large: Way) -> float:
    """Return the processor time of a row, in microseconds, without start-up."""
    return max(large.least_cpu - small.least_cpu, 1e-3) / (large.rows - small.rows) * 1e6


def _path_of(said: str) -> str:
    """Return which way the rows took, by the log."""
    for line in said.splitlines():
        before, found, _ = line.partition(" went through Python")
        if found:
            which = before.rpartition(": ")[2]
            return f"C; {which} in Python" if which.endswith("columns") else "Python"
    return "C"
