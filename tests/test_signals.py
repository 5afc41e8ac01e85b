"""SignalHandler as process managers send them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tap_reports.exceptions import Stopped
from tap_reports.sandbox import Sandbox
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.signals import SignalHandler


def test_a_signal_that_comes_twice_at_the_same_moment_is_one(program):
    """`timeout` sends its signal to the process and to its group; a last state must be written."""
    with Sandbox(rows=2, delay=600) as sandbox:
        run = program.start(program.config(**sandbox.config("impact")))
        run.wait_until(lambda: "status=submit" in run.stderr)
        run.send_signal(signal.SIGTERM)
        time.sleep(0.01)  # signals that wait to be delivered would be one in any case
        ended = run.send(signal.SIGTERM)
    assert ended.status in {143, -signal.SIGTERM}  # the latter: it was on its way out already
    assert "submitted jobs are resumed by the next run" in ended.stderr.splitlines()[-1]
    assert ended.messages[-1]["type"] == "STATE"
    assert any(bookmark.get("pending_jobs") for bookmark in ended.state["bookmarks"].values())


def test_a_signal_ends_reading_at_once_even_if_it_came_just_before():
    """A workbook is read to its end before its first row is out: minutes, in which nothing is written."""
    signals = SignalHandler(Outcome(), lambda: True)
    with pytest.raises(Stopped), signals.interruptible():
        signals.handle(signal.SIGTERM)
    later = SignalHandler(Outcome(), lambda: True)
    later.handle(signal.SIGTERM)
    with pytest.raises(Stopped), later.interruptible():
        pytest.fail("what is to end has begun")
    with later.interruptible(allowed=False):
        pass


def test_a_signal_does_not_interrupt_a_state_that_is_written_before_there_is_an_engine():
    """Half a line would be left in the pipe, and the next message behind it."""
    signals = SignalHandler(Outcome(), lambda: False)
    with signals.interruptible(allowed=False):
        signals.handle(signal.SIGTERM)
    with pytest.raises(Stopped), signals.interruptible():
        pytest.fail("the run goes on")


WAITS = """
import os, queue, signal, threading, time
from tap_reports.sync.signals import wake_main_thread_on_signals

def ended(signum, frame):
    os._exit(43)

signal.signal(signal.SIGTERM, ended)
wake_main_thread_on_signals()

def send():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)

threading.Thread(target=send, daemon=True).start()
queue.SimpleQueue().get(timeout=50)
"""


def test_a_signal_that_does_not_interrupt_the_main_threads_wait_is_heard_at_once():
    """Here another thread receives it; one that comes just before the wait begins interrupts as little."""
    assert subprocess.run([sys.executable, "-c", WAITS], timeout=40, check=False).returncode == 43
