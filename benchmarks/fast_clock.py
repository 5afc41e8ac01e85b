"""The tap with a clock that runs so many times faster: `fast_clock.py 20 --config config.json`."""

from __future__ import annotations

import datetime as dt
import sys
import threading
import time

from typing_extensions import override

from tap_reports import clock
from tap_reports.__main__ import main
from tap_reports.sync import run


class FastClock(clock.SystemClock):
    """Lets time pass `faster` times as fast, beginning now."""

    faster = 1.0

    def __init__(self) -> None:
        self._began = dt.datetime.now(dt.UTC)
        self._start = time.monotonic()

    @override
    def now(self) -> dt.datetime:
        return self._began + dt.timedelta(seconds=self.monotonic() - self._start)

    @override
    def monotonic(self) -> float:
        return self._start + (time.monotonic() - self._start) * self.faster

    @override
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.faster)


_wait = threading.Condition.wait


def wait(condition: threading.Condition, timeout: float | None = None) -> bool:
    """Wait as long as it is by the fast clock: who waits for another thread waits here."""
    return _wait(condition, None if timeout is None else timeout / FastClock.faster)


if __name__ == "__main__":
    FastClock.faster = float(sys.argv.pop(1))
    run.SystemClock = FastClock
    threading.Condition.wait = wait
    main()
