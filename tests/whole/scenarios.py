"""One small dated report of each vendor in two slices, the rows that must come, and runs in this process."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from run_messages import RunMessages, counted, parse, plain_cell
from virtual_clock import FakeClock, VirtualLoop

from tap_reports.models.columns import property_name
from tap_reports.sandbox import Sandbox
from tap_reports.sync.slices import GRID_ORIGIN
from tap_reports.tap import TapReports

DAYS = 24
"""Days of a report: on impact.com's grid two slices of 12 days, or 4 of 6."""


@dataclass(frozen=True)
class Scenario:
    """One vendor's report.

    Attributes:
        final: How many days before today the last day is, so that it is final at any hour.
        block: Settings of the vendor's block that replace the sandbox's.
        what: Further arguments of `Sandbox.expected`.
    """

    vendor: str
    stream: str
    report: str
    final: int
    block: dict[str, Any]
    what: dict[str, Any] = field(default_factory=dict)

    def config(self, sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
        """Return a configuration for two slices."""
        config = sandbox.config(self.vendor)
        config["start_date"] = self.first_day(sandbox).isoformat()
        config["end_date"] = self.last_day(sandbox).isoformat()
        config["retry_backoff_seconds"] = 0.01
        block = {
            "slice_days": DAYS // 2,
            "lookback_days": 0,
            **copy.deepcopy(self.block),
        }  # tests change theirs
        config[self.vendor] |= block | settings.pop("block", {})
        return {**config, **settings}

    def first_day(self, sandbox: Sandbox) -> dt.date:
        return self.last_day(sandbox) - dt.timedelta(days=DAYS - 1)

    def last_day(self, sandbox: Sandbox) -> dt.date:
        last = sandbox.today - dt.timedelta(days=self.final)
        if self.vendor == "impact":  # its slices lie on a fixed grid
            last -= dt.timedelta(days=((last - GRID_ORIGIN).days + 1) % DAYS)
        return last

    def expected(
        self, sandbox: Sandbox, last: dt.date | None = None, *, first: dt.date | None = None
    ) -> list[dict[str, Any]]:
        """Return the records of these days, as `RunMessages.rows` has them."""
        days = (first or self.first_day(sandbox), last or self.last_day(sandbox))
        rows = sandbox.expected(self.vendor, self.report, *days, **self.what)
        return [{property_name(header): plain_cell(cell) for header, cell in row.items()} for row in rows]

    def rows(
        self, sandbox: Sandbox, last: dt.date | None = None, *, first: dt.date | None = None
    ) -> Counter[str]:
        """Return what `RunMessages.rows` must be of a run of these days."""
        return counted(self.expected(sandbox, last, first=first))


SCENARIOS = {
    "similarweb": Scenario(
        vendor="similarweb",
        stream="similarweb_visits",
        report="traffic_and_engagement",
        final=4,
        block={
            "reports": [
                {
                    "name": "visits",
                    "table": "traffic_and_engagement",
                    "granularity": "daily",
                    "metrics": ["desktop_visits"],
                }
            ]
        },
        what={
            "granularity": "daily",
            "metrics": ["desktop_visits"],
            "filters": {"domains": ["example.com", "example.org"], "countries": ["WW", "US"]},
        },
    ),
    "impact": Scenario(
        vendor="impact",
        stream="impact_mp_action_listing_fast",
        report="mp_action_listing_fast",
        final=1,
        block={"reports": [{"id": "mp_action_listing_fast"}], "timezone": "UTC"},
    ),
    "digital_turbine": Scenario(
        vendor="digital_turbine",
        stream="digital_turbine_campaign_daily",
        report="dtgrowth",
        final=2,
        block={"reports_per_minute": 1000},
    ),
    "second_nature": Scenario(
        vendor="second_nature",
        stream="second_nature_attempts",
        report="trainee-improvement-first-to-best",
        final=1,
        block={
            "reports": [
                {
                    "name": "attempts",
                    "report_name": "trainee-improvement-first-to-best",
                    "dated": True,
                    "primary_keys": ["trainee_email", "last_attempt"],
                    "replication_key": "last_attempt",
                }
            ]
        },
    ),
}


@dataclass
class Ran(RunMessages):
    """What a run in this process did.

    Attributes:
        seconds: How long it took on the fake clock.
    """

    tap: TapReports
    messages: list[dict[str, Any]]
    seconds: float

    @property
    def status(self) -> int:
        return self.tap.outcome.exit_status

    @property
    def failure(self) -> Exception:
        """The only one."""
        (error,) = self.tap.outcome.failures.values()
        return error

    @property
    def error(self) -> str:
        return str(self.failure)

    @property
    def error_class(self) -> str:
        return type(self.failure).__name__


def run_here(
    config: dict[str, Any], clock: FakeClock | None = None, *, leaves_jobs: bool = False, **given: Any
) -> Ran:
    """Run the tap in this process and thread on a virtual clock. If it succeeds, no job may stay pending,
    unless `leaves_jobs`.
    """
    clock = clock or FakeClock()
    began = clock.seconds
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tap = TapReports(config=config, clock=clock, loop=VirtualLoop(clock), **given)
        tap.sync_all()
    ran = Ran(tap, parse(out.getvalue()), clock.seconds - began)
    if ran.status == 0 and ran.states and not leaves_jobs:
        assert not [name for name in ran.state["bookmarks"] if ran.pending(name)]
    return ran
