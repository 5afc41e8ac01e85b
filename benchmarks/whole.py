"""A sync of one file, as it is run every night: with a catalog and a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import file_vendor

TAP = [sys.executable, "-m", "tap_reports"]


def sync(folder: Path, url: str, format_: str, batch: str = "") -> list[str]:
    """Return the command of a sync.

    Args:
        folder: Where configuration, catalog and BATCH files go, in `runs`.
        url: The vendor's.
        format_: `csv`, `json` or `xlsx`.
        batch: `jsonl` or `parquet`; empty: RECORD messages.
    """
    options: dict[str, Any] = {}
    if batch:
        encoding = {"format": batch, "compression": "gzip" if batch == "jsonl" else "snappy"}
        options["batch_config"] = {
            "encoding": encoding,
            "storage": {"root": (runs(folder) / "batches").as_uri()},
        }
    name = f"{url.rpartition(':')[2]}-{batch}.json"
    config, catalog = runs(folder) / f"config-{name}", runs(folder) / f"catalog-{name}"
    config.write_text(json.dumps(file_vendor.config(url, format_, **options)), encoding="utf-8")
    found = subprocess.run([*TAP, "--config", str(config), "--discover"], capture_output=True, check=True)
    catalog.write_bytes(found.stdout)
    return [*TAP, "--config", str(config), "--catalog", str(catalog)]


def runs(folder: Path) -> Path:
    """Return the folder of what the runs need and leave, which goes at the end."""
    path = folder / "runs"
    path.mkdir(exist_ok=True)
    return path
