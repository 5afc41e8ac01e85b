"""A sync of one file, as it is run every night: with a catalog and a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import file_vendor
from data import make

SMALL = 1000
TAP = [sys.executable, "-m", "tap_reports"]
UNCOMPILED = [
    sys.executable,
    "-c",
    "import sys; sys.modules['_tap_reports_speedups'] = None; from tap_reports.__main__ import main; main()",
]
"""As where there was no C compiler."""


def sync(folder: Path, url: str, format_: str, batch: str = "", *, compiled: bool = True) -> list[str]:
    """Return the command of a sync.

    Args:
        folder: Where configuration, catalog and BATCH files go, in `runs`.
        url: The vendor's.
        format_: `csv`, `json` or `xlsx`.
        batch: `jsonl` or `parquet`; empty: RECORD messages.
        compiled: Use the compiled module.
    """
    options: dict[str, Any] = {}
    if batch:
        encoding = {"format": "jsonl", "compression": "gzip"} if batch == "jsonl" else {"format": batch}
        options["batch_config"] = {
            "encoding": encoding,
            "storage": {"root": (runs(folder) / "batches").as_uri()},
        }
    config = runs(folder) / f"config-{url.rpartition(':')[2]}-{batch}.json"
    config.write_text(json.dumps(file_vendor.config(url, format_, **options)), encoding="utf-8")
    tap = TAP if compiled else UNCOMPILED
    return [*tap, "--config", str(config), "--catalog", str(_catalog(folder, format_))]


def _catalog(folder: Path, format_: str) -> Path:
    """Return a catalog of the columns, learnt from a small file."""
    path = runs(folder) / f"catalog-{format_}.json"
    if not path.exists():
        with file_vendor.serve({format_: make(folder, SMALL, format_)}) as url:
            config = runs(folder) / "discovery.json"
            config.write_text(json.dumps(file_vendor.config(url, format_)), encoding="utf-8")
            command = [*TAP, "--config", str(config), "--discover"]
            found = subprocess.run(command, capture_output=True, check=False)
            if found.returncode:
                raise SystemExit(f"discovery failed: {found.stderr.decode()[-2000:]}")
            path.write_bytes(found.stdout)
    return path


def runs(folder: Path) -> Path:
    """Return the folder of what the runs need and leave, which goes at the end."""
    path = folder / "runs"
    path.mkdir(exist_ok=True)
    return path
