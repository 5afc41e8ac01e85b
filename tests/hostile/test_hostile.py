"""Hostile files and servers: a run ends with an error in words, uses little memory and leaves no file."""

from __future__ import annotations

import pytest
from cases import CASES
from runs import faults, run

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", CASES)
def test_a_run_ends_within_bounds_with_an_error_in_words(name, tmp_path):
    ran = run(CASES[name], tmp_path)
    assert faults(CASES[name], ran) == [], ran.log[-2000:]
