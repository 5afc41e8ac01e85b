"""Hostile files and servers: a run ends, in little memory, with an error in words, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES
from runs import run
from server import SECRET

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(200)]
LONGEST_SECONDS, LONGEST_AFTER_SIGNAL = 60, 8
MOST_MIB = 350


@pytest.mark.parametrize("name", CASES)
def test_a_run_ends_in_bounds_and_says_why(name, tmp_path):
    case = CASES[name]
    ran = run(case, tmp_path)
    assert ran.status in ({143} if case.signal_after else {0, 1} if case.ends_well else {1}), ran.log[-2000:]
    assert ran.seconds < (LONGEST_AFTER_SIGNAL if case.signal_after else LONGEST_SECONDS)
    assert ran.peak_mib < MOST_MIB
    assert ran.left_behind == ()
    assert "unexpected" not in ran.log.lower()
    assert "Traceback" not in ran.log
    assert SECRET not in ran.log
    assert "signature" not in ran.log
    assert "\x1b" not in ran.log
    assert ran.submissions <= 2
