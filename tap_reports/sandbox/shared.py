"""What all vendors of one sandbox share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

from tap_reports.sandbox.data import Restated
from tap_reports.sandbox.faults import Faults
from tap_reports.sandbox.files import Files, Storage
from tap_reports.sandbox.http import Route
from tap_reports.sandbox.jobs import JobStore
from tap_reports.sandbox.options import Accounts, Options, Time
from tap_reports.sandbox.webhooks import Notifier


class VendorApi(Protocol):
    """What a vendor's module offers."""

    def routes(self) -> list[Route]:
        """Return its routes."""

    def expected(
        self, report: str, start: dt.date | None, end: dt.date | None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return the rows that it would generate."""


@dataclass(slots=True)
class Shared:
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
    def make(cls, options: Options, accounts: Accounts | None = None) -> Shared:
        """Return them, new."""
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
