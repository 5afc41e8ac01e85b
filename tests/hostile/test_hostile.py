"""Hostile files and servers: a run ends, in little memory, with an error in words, and leaves nothing behind."""

from __future__ import annotations

import pytest
from cases import CASES
from runs import faults, run

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", CASES)
def test_a_run_ends_in_bounds_and_says_why(name, tmp_path):
    ran = run(CASES[name], tmp_path)
    assert faults(CASES[name], ran) == [], ran.log[-2000:]
