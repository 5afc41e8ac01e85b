"""What all vendors of one sandbox share: limits on calls, and what their servers do alike."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from tap_reports.sandbox.data import Restated
from tap_reports.sandbox.faults import Faults
from tap_reports.sandbox.files import Files, Part, Storage
from tap_reports.sandbox.http import Answer, Refusal, Request, Route
from tap_reports.sandbox.jobs import Job, JobStore, Phase
from tap_reports.sandbox.options import Accounts, Options, Switch, Time
from tap_reports.sandbox.webhooks import Notifier


class RollingLimit:
    """At most so many calls in a rolling time."""

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
    """At most so many calls a UTC day."""

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

    def clear(self) -> None:
        """Forget all calls."""
        self._used = 0


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


Call = Callable[[Request], Answer]
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
        self.kept: list[RollingLimit | DayQuota | dict[str, Any]] = []

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
        for part in self.kept:
            part.clear()

    def has(self, switch: Switch) -> bool:
        """Return whether a switch is on."""
        return self._options.has(switch)

    def routed(
        self, table: Iterable[tuple[str, str, str, Call]], check: Callable[[Request], None]
    ) -> list[Route]:
        """Return routes, of method, path, kind and handler; `check` refuses calls that may not pass."""

        def guarded(call: Call, request: Request) -> Answer:
            check(request)
            return call(request)

        return [
            Route(method, path, self.name, kind, partial(guarded, call)) for method, path, kind, call in table
        ]

    def start(self, request: Request, report: str, what: Any, **more: Any) -> Job:
        """Accept a submission and start its job."""
        job = self._jobs.add(self.name, report, what, **more)
        self._jobs.accepted[self.name] += 1
        request.job_id = job.id
        return job

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
