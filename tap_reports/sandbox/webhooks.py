"""The vendors' calls when a job is done."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request as Call
from urllib.request import urlopen

from tap_reports.sandbox.faults import Action, Faults
from tap_reports.sandbox.jobs import Job
from tap_reports.sandbox.options import Options

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Notifier:
    """Calls the tap's side when a job is done, and everything that can go wrong with that."""

    def __init__(self, faults: Faults, options: Options) -> None:
        self._faults, self._options = faults, options
        self._timers: list[threading.Timer] = []

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
        body = None if method == "GET" else json.dumps(values).encode()
        if method == "GET":
            url = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(values)}"
        call = Call(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(call, timeout=5):
                return True
        except OSError:
            return False
