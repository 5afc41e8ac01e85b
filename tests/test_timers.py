"""Timers: one thread calls all functions whose time has come."""

from __future__ import annotations

import os
import threading

import pytest

from tap_reports.clock import Timers

LONG = 30.0


def test_timers_are_called_in_order_and_one_that_fails_does_not_stop_the_others():
    timers, called, done = Timers(), [], threading.Event()
    timers.start(LONG, done.set)
    timers.start(0.02, done.set)
    timers.start(0.01, lambda: called.append("fails") or 1 / 0)
    assert done.wait(LONG)
    assert called == ["fails"]


def test_a_cancelled_timer_is_not_called():
    timers, called, done = Timers(), [], threading.Event()
    timers.start(0.01, lambda: called.append("cancelled"))()
    timers.start(0.02, done.set)
    assert done.wait(LONG)
    assert called == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_its_own_timers():
    """Only the thread that forks goes on in the new process."""
    timers, done = Timers(), threading.Event()
    timers.start(0.01, done.set)
    assert done.wait(LONG)
    child = os.fork()
    if not child:
        again = threading.Event()
        timers.start(0.01, again.set)
        os._exit(0 if again.wait(LONG) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
