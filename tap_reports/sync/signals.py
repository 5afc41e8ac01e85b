"""SIGTERM, SIGINT and an output that closes: what of a run they end, and when."""

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

ONE_SIGNAL_SECONDS = 1.0
"""Signals that come within this time are one: `timeout` sends its own to the process and to its group."""

WAKE_AFTER_SECONDS = (0.1, 0.3, 0.6)


class Signals:
    """Ends a run at once while vendors are asked, and between two blocks while messages are written.

    Args:
        outcome: Where the signal is noted.
        stop: Ends the engine's work; returns whether it did, that is, whether there is an engine.
    """

    def __init__(self, outcome: Outcome, stop: Callable[[], bool]) -> None:
        self._outcome = outcome
        self._stop = stop
        self._is_at_once = False
        self._came_at = 0.0

    @contextlib.contextmanager
    def at_once(self, *, is_on: bool = True) -> Iterator[None]:
        """Let a signal end what is done in here at once, as nothing is being written; or not so (`is_on`).

        Raises:
            Stopped: One has come, here or before.
        """
        before, self._is_at_once = self._is_at_once, is_on
        try:
            if is_on and (signum := self._outcome.signal) is not None:
                raise Stopped(f"signal {signum}", signum)
            yield
        finally:
            self._is_at_once = before

    def came(self, signum: int) -> None:
        """Note a signal, and end the run.

        Raises:
            Stopped: It ends here.
        """
        now = time.monotonic()
        if self._outcome.signal is not None:
            if now - self._came_at >= ONE_SIGNAL_SECONDS:
                os._exit(128 + signum)  # asked twice: at once, also out of a write to a reader that hangs
            return
        self._came_at = now
        self._outcome.signal = signum
        if self._is_at_once or not self._stop():
            raise Stopped(f"signal {signum}", signum)


def hear_signals_at_once() -> None:
    """Have the main thread hear of SIGTERM and SIGINT also where it is about to wait when one comes.

    Python runs a signal's handler in the main thread once that is out of what it waits in, and the signal
    gets it out only if it was in already: one that comes a moment earlier, or that another thread receives,
    would be heard when the wait is over, up to a minute later. A thread is told of each signal at once and
    sends the main thread another one, which means nothing.
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
    while came := os.read(reader, 1):
        for seconds in WAKE_AFTER_SECONDS if came[0] in {signal.SIGTERM, signal.SIGINT} else ():
            time.sleep(seconds)
            signal.pthread_kill(main.ident or 0, signal.SIGURG)


def forget_stdout() -> None:
    """Give the interpreter something to flush to at its end, as nobody reads standard output any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
