"""The tap from outside: its command line against servers written from the vendors' documentation."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def cli(tmp_path):
    from cli_under_test import Cli

    return Cli(tmp_path)
