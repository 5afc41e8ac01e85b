"""Environments with packages from the Python Package Index, for tests that are marked `installs`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bootstrap import SetupError, environment


def installed(folder: Path, *requirements: str) -> Path:
    """Return the commands of an environment with these requirements; without network the test is skipped."""
    try:
        return environment(folder, list(requirements))
    except SetupError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"packages can't be installed: {error}")
