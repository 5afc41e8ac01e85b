"""What all vendors of one sandbox share: limits on calls, and what their servers do alike."""

from __future__ import annotations

import datetime as dt
import json
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit
from urllib.request import Request as Call
from urllib.request import urlopen

from tap_reports.sandbox.data import Restated
from tap_reports.sandbox.faults import Action, Faults
from tap_reports.sandbox.files import Files, Part, Storage
from tap_reports.sandbox.http import Answer, Refusal, Request, Route
from tap_reports.sandbox.jobs import Job, JobStore, Phase
from tap_reports.sandbox.options import Accounts, Options, Switch, Time


class RollingLimit:
    """At most `limit` calls within any `seconds` seconds."""

    def __init__(self, limit: int, seconds: float, time: Time) -> None:
        self.limit, self._seconds, self._time = limit, seconds, time
        self._times: deque[float] = deque()

    @property
    def left(self) -> int:
        """Calls left."""
        while self._times and self._times[0] <= self._time.monotonic() - self._seconds:
            self._times.popleft()
        return self.limit - len(self._times)

    def take(self) -> bool:
        """Count a call if there is room for it."""
        is_free = self.left > 0
        if is_free:
            self._times.append(self._time.monotonic())
        return is_free

    @property
    def reset_in(self) -> float:
        """Seconds until there is room again."""
        return max(0.0, self._times[0] + self._seconds - self._time.monotonic()) if self._times else 0.0

    @property
    def retry_after(self) -> dict[str, str]:
        """The header of a refusal."""
        return {"Retry-After": str(max(1, round(self.reset_in)))}

    def clear(self) -> None:
        """Forget all calls."""
        self._times.clear()


class DayQuota:
    """At most `limit` calls a UTC day."""

    def __init__(self, limit: int, time: Time) -> None:
        self.limit, self._time = limit, time
        self._day, self._used = time.today(), 0

    def take(self) -> bool:
        """Count a call if there is room for it."""
        if self._time.today() != self._day:
            self._day, self._used = self._time.today(), 0
        is_free = self._used < self.limit
        self._used += is_free
        return is_free

    @property
    def retry_after(self) -> dict[str, str]:
        """The header of a refusal: the seconds until midnight."""
        now = self._time.now()
        passed = dt.timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
        return {"Retry-After": str(86400 - int(passed.total_seconds()))}

    def clear(self) -> None:
        """Forget all calls."""
        self._used = 0


LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Notifier:
    """Calls the tap's side when a job is done, and everything that can go wrong with that."""

    def __init__(self, faults: Faults, options: Options) -> None:
        self._faults, self._options = faults, options
        self._timers: list[threading.Timer] = []

    def when_done(self, job: Job, kind: str, method: str, url: str, values: dict[str, Any]) -> None:
        """Call `url` once the job's time is over. Other hosts than loopback are never called."""
        fault, wait, times = self._faults.take(job.vendor, kind), job.seconds, 1
        if fault and fault.action is Action.LOSE:
            return
        if fault and fault.action is Action.DELAY:
            wait += self._options.real(fault.seconds)
        if fault and fault.action is Action.FORGE:
            wait = 0.0
        if fault and fault.action is Action.DUPLICATE:
            times = 2
        for _ in range(times):
            timer = threading.Timer(wait, self.call, (method, url, values))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def cancel(self) -> None:
        """Cancel the calls that are still to come."""
        for timer in self._timers:
            timer.cancel()

    def call(self, method: str, url: str, values: dict[str, Any]) -> bool:
        """Make the call now and return whether a 2xx came back; no answer is False."""
        if urlsplit(url).hostname not in LOOPBACK:
            return False
        if method == "GET":
            url, body = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(values)}", None
        else:
            body = json.dumps(values).encode()
        call = Call(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(call, timeout=5):
                return True
        except OSError:
            return False


class Shared:
    """Options, time, jobs, files and faults of one sandbox."""

    def __init__(self, options: Options, accounts: Accounts | None = None) -> None:
        self.options, self.accounts = options, accounts or Accounts()
        self.time, self.faults, self.files = Time(options.today), Faults(), Files(options)
        self.jobs = JobStore(options, self.time)
        self.storage = Storage(self.files, options, self.time)
        self.notifier = Notifier(self.faults, options)

    def restated(self, revision: int) -> Restated:
        """Return which days a run of that revision sees changed."""
        if not self.options.restated_days:
            return Restated()
        return Restated(self.time.today() - dt.timedelta(days=self.options.restated_days), revision)


Handle = Callable[[Request], Answer]
Day = dt.date | None


class VendorApi(ABC):
    """What the vendors' servers have in common."""

    name: ClassVar[str]
    link_seconds: ClassVar[int]
    words: ClassVar[dict[Phase, str]]
    retention: ClassVar[dt.timedelta] = dt.timedelta.max

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._options, self._time, self._jobs = shared.options, shared.time, shared.jobs
        self.to_clear: list[RollingLimit | DayQuota | dict[str, Any]] = []

    @abstractmethod
    def routes(self) -> list[Route]:
        """Return its routes."""

    @abstractmethod
    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> Any:
        """Return what a submission for a report would ask for."""

    @abstractmethod
    def rows(self, query: Any, revision: int) -> Iterable[dict[str, Any]]:
        """Return the rows of a run of a report."""

    def clear(self) -> None:
        """Forget quotas and results."""
        for part in self.to_clear:
            part.clear()

    def has(self, switch: Switch) -> bool:
        """Return whether a switch is on."""
        return self._options.has(switch)

    def routed(self, table: Iterable[tuple[str, str, str, Handle]]) -> list[Route]:
        """Return routes of method, path, kind and handler."""
        return [
            Route(method, path, self.name, kind, partial(self.guarded, handle))
            for method, path, kind, handle in table
        ]

    def guarded(self, handle: Handle, request: Request) -> Answer:
        """Answer a call. A vendor refuses here what carries no good key, or comes too often."""
        return handle(request)

    def start(self, request: Request, report: str, what: Any, **more: Any) -> Job:
        """Accept a submission and start its job."""
        job = self._jobs.add(self.name, report, what, **more)
        self._jobs.accepted[self.name] += 1
        request.job_id = job.id
        return job

    def past(self, end: dt.date) -> dt.date:
        """Return the end of a range without the days that are yet to come, which have no rows."""
        return min(end, self._time.today())

    def find(self, request: Request, parameter: str, missing: Answer) -> Job:
        """Return the job that a path names, or refuse with `missing`."""
        job = self._jobs.get(self.name, request.params[parameter])
        if job is None or self._time.now() - job.created_at > self.retention:
            raise Refusal(missing)
        request.job_id = job.id
        return job

    def word(self, job: Job, request: Request) -> str:
        """Return the status word of a poll."""
        return job.show(self.words[self._jobs.phase(job)], request.fault)

    def sign(self, job: Job, part: Part, request: Request, **more: Any) -> str:
        """Return a signed link to a file."""
        return self._shared.storage.sign(
            self.name, job.id, part, seconds=self.link_seconds, request=request, **more
        )
