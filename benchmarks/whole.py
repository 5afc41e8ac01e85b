"""A sync of one file, as it is run every night: with a catalog and a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import file_vendor

TAP = [sys.executable, "-m", "tap_reports"]


def sync(folder: Path, url: str, format_: str, batch: str = "", size: int = 10_000) -> list[str]:
    """Return the command of a sync.

    Args:
        folder: Where configuration, catalog and BATCH files go.
        url: The vendor's.
        format_: `csv`, `json` or `xlsx`.
        batch: `jsonl` or `parquet`; empty: RECORD messages.
        size: Rows of a BATCH file.
    """
    options: dict[str, Any] = {}
    if batch:
        encoding = {"format": batch, "compression": "gzip" if batch == "jsonl" else "none"}
        storage = {"root": batches(folder).as_uri()}
        options["batch_config"] = {"encoding": encoding, "storage": storage, "batch_size": size}
    name = f"{url.rpartition(':')[2]}-{batch}-{size}"
    config = folder / f"config-{name}.json"
    config.write_text(json.dumps(file_vendor.config(url, format_, **options)), encoding="utf-8")
    catalog = folder / f"catalog-{name}.json"
    found = subprocess.run([*TAP, "--config", str(config), "--discover"], capture_output=True, check=True)
    catalog.write_bytes(found.stdout)
    return [*TAP, "--config", str(config), "--catalog", str(catalog)]


def batches(folder: Path) -> Path:
    """Return where BATCH files go."""
    return folder / "batches"
