"""What `--test` finds out about an account, with free calls only: nothing is submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallError, ConfigError, counted
from tap_reports.models import Check, ReportType
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.similarweb import reports
from tap_reports.vendors.similarweb.calls import WRONG_KEY
from tap_reports.vendors.similarweb.days import last_period
from tap_reports.vendors.similarweb.selection import select

if TYPE_CHECKING:
    from tap_reports.vendors.similarweb.client import SimilarwebClient

CREDITS, TABLES, WEBHOOK = "credits", "tables", "webhook"


def check(client: SimilarwebClient, config: VendorConfig) -> Iterator[Check]:
    """Yield what was found; a wrong key ends it, as every further call would say the same."""
    try:
        yield _credits(client)
        yield _tables(client)
        for report in config.reports or ():
            yield _report(client, reports.bare(report, config), config)
        if config.callback_url:
            yield _webhook(client)
    except CallError as error:
        yield Check.of("api_key", error)


def _credits(client: SimilarwebClient) -> Check:
    def ask() -> str:
        left: Decimal | None = client.credits_left()
        return "the credits call does not answer" if left is None else f"{left:,} left"

    return _tried(CREDITS, ask)


def _tables(client: SimilarwebClient) -> Check:
    count = len(client.catalog.tables())
    if client.catalog.problem:
        detail = f"the {count} documented tables are used, as describe failed: {client.catalog.problem}"
        return Check(name=TABLES, ok=True, detail=detail)
    return Check(name=TABLES, ok=True, detail=f"{count} described")


def _report(client: SimilarwebClient, report: ReportType, config: VendorConfig) -> Check:
    """Validate the report's newest period, which is free."""
    try:
        select(report.parameters, config.values, client.catalog.tables())
    except ConfigError as error:
        return Check(name=report.name, ok=False, detail="; ".join(error.errors))

    def ask() -> str:
        period = last_period(report.granularity, client.final_day(report)) if report.dated else None
        estimates = [client.estimate(request) for request in client.requests(report, period)]
        cost = sum(estimate.credits for estimate in estimates)
        warnings = dict.fromkeys(text for estimate in estimates for text in estimate.warnings)
        return "; ".join([f"{period or 'a snapshot'} would cost {counted(cost, 'credit')}", *warnings])

    return _tried(report.name, ask)


def _webhook(client: SimilarwebClient) -> Check:
    def ask() -> str:
        client.test_webhook()
        return "Similarweb's test call was delivered"

    return _tried(WEBHOOK, ask)


def _tried(name: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=ask())
    except CallError as error:
        if error.status == WRONG_KEY:
            raise
        return Check.of(name, error)
