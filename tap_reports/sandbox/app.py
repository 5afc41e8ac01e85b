"""The sandbox as a whole: the vendors' origin, the storage's origin, and what tests ask of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Self

from tap_reports.sandbox.config import tap_config
from tap_reports.sandbox.control import Control
from tap_reports.sandbox.digital_turbine import DigitalTurbine
from tap_reports.sandbox.impact import Impact
from tap_reports.sandbox.jobs import Submissions
from tap_reports.sandbox.options import Accounts, Options
from tap_reports.sandbox.second_nature import SecondNature
from tap_reports.sandbox.server import Origin, RecordedCall
from tap_reports.sandbox.shared import Shared, VendorApi
from tap_reports.sandbox.similarweb import Similarweb


class Sandbox:
    """A local server that behaves as the vendors do.

    Use it as `with Sandbox(rows=5, speed=1000) as sandbox:`; keywords are fields of `Options`.

    Args:
        options: Where to start from; keywords are laid over it.
        port: Port of the vendors' API; 0 takes a free one.
        downloads_port: Port of the cloud storage, another origin; 0 takes a free one.
        accounts: The credentials that it accepts; None: its own.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        port: int = 0,
        downloads_port: int = 0,
        accounts: Accounts | None = None,
        **changes: Any,
    ) -> None:
        self.options = replace(options or Options(), **changes)
        self._shared = Shared(self.options, accounts)
        self.faults, self.jobs = self._shared.faults, self._shared.jobs
        kinds: tuple[type[VendorApi], ...] = (Similarweb, Impact, DigitalTurbine, SecondNature)
        self._vendors = {kind.name: kind(self._shared) for kind in kinds}
        self.calls: list[RecordedCall] = []
        routes = Control(self).routes()
        for vendor in self._vendors.values():
            routes += vendor.routes()
        vendors = Origin(port, routes, self._shared, self.calls)
        links = self._shared.storage.routes(self._vendors)
        try:
            storage = Origin(downloads_port, links, self._shared, self.calls)
        except OSError:
            vendors.server_close()
            raise
        self._origins = (vendors, storage)
        self._shared.storage.url = self._origins[1].url

    def __enter__(self) -> Self:
        """Start serving."""
        for origin in self._origins:
            origin.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and remove all files."""
        self._shared.notifier.cancel()
        for origin in self._origins:
            origin.stop()
        self._shared.files.remove()

    @property
    def url(self) -> str:
        """Base URL of the vendors' APIs."""
        return self._origins[0].url

    @property
    def downloads_url(self) -> str:
        """Base URL of the cloud storage."""
        return self._origins[1].url

    @property
    def accounts(self) -> Accounts:
        """The credentials that it accepts; others may be set while it runs, as keys are changed."""
        return self._shared.accounts

    @accounts.setter
    def accounts(self, accounts: Accounts) -> None:
        self._shared.accounts = accounts

    @property
    def today(self) -> dt.date:
        """The current date here."""
        return self._shared.time.today()

    def move_to(self, today: dt.date) -> None:
        """Make another day the current one: days become final, results older than their retention vanish."""
        self._shared.time.move_to(today)

    def config(self, vendor: str | None = None) -> dict[str, Any]:
        """Return a tap config for one vendor, or for all."""
        return tap_config(self.url, self.options, self.today, self.accounts, vendor)

    def submissions(self, vendor: str | None = None) -> Submissions:
        """Return how often reports were requested."""
        return self.jobs.submissions(vendor)

    def calls_of(self, vendor: str, kind: str | None = None) -> list[RecordedCall]:
        """Return the calls of a vendor, or only those of one kind."""
        return [call for call in list(self.calls) if call.vendor == vendor and kind in {None, call.kind}]

    def expected(
        self, vendor: str, report: str, start: dt.date | None = None, end: dt.date | None = None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return the rows that a report has: header → cell as in its file (text; typed for Second Nature).

        Args:
            vendor: The vendor's block name.
            report: Table, handle (or `clicks`) or report name; Digital Turbine has only `dtgrowth`.
            start: First day; None for a snapshot.
            end: Last day.
            what: What else the vendor's report takes; see the vendors' modules.
        """
        api = self._vendors[vendor]
        return list(api.rows(api.query(report, start, end, what), what.get("revision", 0)))

    def reset(self) -> None:
        """Forget jobs, calls, quotas and faults."""
        self.calls.clear()
        self.jobs.clear()
        self.faults.clear()
        for vendor in self._vendors.values():
            vendor.clear()
