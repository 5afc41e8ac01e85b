"""Tests that need a C compiler are skipped where there is none, never in CI."""

from __future__ import annotations

import os
import shutil
import sysconfig

import pytest

COMMAND = (sysconfig.get_config_var("CC") or "cc").split()[0]

needs_compiler = pytest.mark.skipif(
    not shutil.which(COMMAND) and not os.environ.get("CI"), reason="there is no C compiler"
)
