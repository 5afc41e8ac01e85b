"""What all vendors of one sandbox share."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit
from urllib.request import Request as Call
from urllib.request import urlopen

from tap_reports.sandbox.data import Restated
from tap_reports.sandbox.faults import Action, Faults
from tap_reports.sandbox.files import Files, Storage
from tap_reports.sandbox.http import Route
from tap_reports.sandbox.jobs import Job, JobStore
from tap_reports.sandbox.options import Accounts, Options, Time

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class VendorRooms(Protocol):
    """What a vendor's module offers."""

    def routes(self) -> list[Route]:
        """Return its routes."""

    def expected(
        self, report: str, start: dt.date | None, end: dt.date | None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return the rows that it would generate."""


class Window:
    """At most so many calls in a rolling time."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._times: deque[float] = deque()

    def left(self, now: float) -> int:
        """Return how many calls are left."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        return self.limit - len(self._times)

    def take(self, now: float) -> bool:
        """Count a call if there is room for it."""
        if self.left(now) <= 0:
            return False
        self._times.append(now)
        return True

    def reset_in(self, now: float) -> float:
        """Return the seconds until there is room again."""
        return max(0.0, self._times[0] + self.seconds - now) if self._times else 0.0

    def clear(self) -> None:
        """Forget all calls."""
        self._times.clear()


class DayQuota:
    """At most so many calls a UTC day."""

    def __init__(self, limit: int, time: Time) -> None:
        self.limit = limit
        self._time = time
        self._day = time.today()
        self._used = 0

    @property
    def left(self) -> int:
        """Calls left today."""
        if self._time.today() != self._day:
            self._day, self._used = self._time.today(), 0
        return self.limit - self._used

    def take(self) -> bool:
        """Count a call if there is room for it."""
        if self.left <= 0:
            return False
        self._used += 1
        return True

    def clear(self) -> None:
        """Forget all calls."""
        self._used = 0


class Notifier:
    """Calls the tap's side when a job is done, and everything that can go wrong with that."""

    def __init__(self, faults: Faults, options: Options) -> None:
        self._faults = faults
        self._options = options
        self._timers: list[threading.Timer] = []
        self.sent: list[str] = []

    def when_done(self, job: Job, kind: str, method: str, url: str, values: dict[str, Any]) -> None:
        """Call `url` once the job's time is over. Other hosts than loopback are never called."""
        fault = self._faults.take(job.vendor, kind)
        action = fault.action if fault else None
        if action is Action.LOSE:
            return
        wait = job.seconds + (self._options.real(fault.seconds) if fault and action is Action.DELAY else 0.0)
        for _ in range(2 if action is Action.DUPLICATE else 1):
            self._later(0.0 if action is Action.FORGE else wait, method, url, values)

    def cancel(self) -> None:
        """Call nobody any more."""
        for timer in self._timers:
            timer.cancel()

    def _later(self, wait: float, method: str, url: str, values: dict[str, Any]) -> None:
        timer = threading.Timer(wait, self.call, (method, url, values))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def call(self, method: str, url: str, values: dict[str, Any]) -> bool:
        """Make the call now and return whether a 2xx came back; nothing is raised if nobody answers."""
        if urlsplit(url).hostname not in LOOPBACK:
            return False
        body = None
        if method == "GET":
            url = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(values)}"
        else:
            body = json.dumps(values).encode()
        call = Call(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(call, timeout=5):
                self.sent.append(url)
                return True
        except OSError:
            return False


@dataclass(slots=True)
class World:
    """Options, time, jobs, files and faults of one sandbox."""

    options: Options
    accounts: Accounts
    time: Time
    faults: Faults
    jobs: JobStore
    files: Files
    storage: Storage
    notifier: Notifier

    @classmethod
    def make(cls, options: Options, accounts: Accounts | None = None) -> World:
        """Return a new world."""
        time, faults = Time(options.today), Faults()
        files = Files(options)
        return cls(
            options=options,
            accounts=accounts or Accounts(),
            time=time,
            faults=faults,
            jobs=JobStore(options, time),
            files=files,
            storage=Storage(files, options, time),
            notifier=Notifier(faults, options),
        )

    def restated(self, revision: int) -> Restated:
        """Return which days a run of that revision sees changed."""
        if not self.options.restated_days:
            return Restated()
        return Restated(self.time.today() - dt.timedelta(days=self.options.restated_days), revision)
