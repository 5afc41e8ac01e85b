"""SIGTERM, SIGINT and a closed output: how each ends a run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tap_reports.exceptions import Stopped
from tap_reports.sync.outcome import Outcome

SAME_SIGNAL_SECONDS = 1.0
"""Signals within this time count as one: `timeout` signals the process and its group."""
WAKE_DELAY_SECONDS = (0.1, 0.3, 0.6)


class SignalHandler:
    """Ends a run: at once while it waits for vendors, between two blocks while messages are written.

    Args:
        outcome: The signal is noted in it.
        stop_engine: Stops the jobs; returns False if there is no engine yet.
    """

    def __init__(self, outcome: Outcome, stop_engine: Callable[[], bool]) -> None:
        self._outcome = outcome
        self._stop_engine = stop_engine
        self._is_interruptible: bool | None = None
        self._received_at = 0.0

    @contextlib.contextmanager
    def interruptible(self, *, allowed: bool = True) -> Iterator[None]:
        """Let a signal end this block at once, as it writes no messages; if not `allowed`, only after it.

        Raises:
            Stopped: A signal arrived, in this block or before it.
        """
        before, self._is_interruptible = self._is_interruptible, allowed
        try:
            if allowed and (signum := self._outcome.signal) is not None:
                raise Stopped(f"signal {signum}", signum)
            yield
        finally:
            self._is_interruptible = before

    def handle(self, signum: int) -> None:
        """Note a signal and end the run.

        Raises:
            Stopped: The run ends here.
        """
        now = time.monotonic()
        if self._outcome.signal is not None:
            if now - self._received_at >= SAME_SIGNAL_SECONDS:
                os._exit(128 + signum)  # the second request: exit even if a write to the reader hangs
            return
        self._received_at = now
        self._outcome.signal = signum
        is_stopping = not self._is_interruptible and self._stop_engine()
        # Without an engine to stop, the run ends here, unless a message is being written.
        if not is_stopping and self._is_interruptible is not False:
            raise Stopped(f"signal {signum}", signum)


def wake_main_thread_on_signals() -> None:
    """Make the main thread handle SIGTERM and SIGINT at once, even if it is waiting.

    Python runs signal handlers in the main thread. A signal that arrives just before the main thread starts
    to wait, or in another thread, does not interrupt that wait, which may take a minute. So a helper thread
    is told of each signal and sends SIGURG, which does nothing else, to the main thread.
    """
    if not hasattr(signal, "pthread_kill"):  # Windows
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGURG, lambda *_: None)
    threading.Thread(target=_wake_main_thread, args=(reader,), name="signals", daemon=True).start()


def _wake_main_thread(reader: int) -> None:
    main = threading.main_thread()
    while signum := os.read(reader, 1):
        for seconds in WAKE_DELAY_SECONDS if signum[0] in {signal.SIGTERM, signal.SIGINT} else ():
            time.sleep(seconds)
            signal.pthread_kill(main.ident or 0, signal.SIGURG)


def discard_stdout() -> None:
    """Send what is still buffered for standard output to nowhere: its reader has left."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
