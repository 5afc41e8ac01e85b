"""Prints the figures of docs/reliability.md: `python -m tests.chaos [--all] [--walks N]`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "whole")]
    sys.exit(importlib.import_module("chaos_report").main())
