"""What `--test` finds out about an account, with free calls only: nothing is submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallError, ConfigError
from tap_reports.models import Check, ReportType
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.similarweb import reports
from tap_reports.vendors.similarweb.calls import WRONG_KEY
from tap_reports.vendors.similarweb.days import last_period

if TYPE_CHECKING:
    from tap_reports.vendors.similarweb.client import SimilarwebClient


def check(client: SimilarwebClient, config: VendorConfig) -> Iterator[Check]:
    """Yield what was found; a wrong key ends it, as every further call would say the same."""
    types = [reports.bare(report, config) for report in config.reports or ()]
    asked: list[tuple[str, Callable[[], str]]] = [
        ("credits", partial(_credits, client)),
        ("tables", partial(_tables, client)),
        *((type_.name, partial(_cost, client, type_)) for type_ in types),
    ]
    if config.callback_url:
        asked.append(("webhook", partial(_webhook, client)))
    try:
        for name, ask in asked:
            yield _tried(name, ask)
    except CallError as error:
        yield Check.of("api_key", error)


def _tried(name: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=ask())
    except ConfigError as error:
        return Check(name=name, ok=False, detail="; ".join(error.errors))
    except CallError as error:
        if error.status == WRONG_KEY:
            raise
        return Check.of(name, error)


def _credits(client: SimilarwebClient) -> str:
    left = client.credits_left()
    return "the credits call does not answer" if left is None else f"{left:,} left"


def _tables(client: SimilarwebClient) -> str:
    count, problem = len(client.catalog.tables()), client.catalog.problem
    return (
        f"the {count} documented tables are used, as describe failed: {problem}"
        if problem
        else f"{count} described"
    )


def _cost(client: SimilarwebClient, report: ReportType) -> str:
    """Validate the report's newest period, which is free."""
    period = last_period(report.granularity, client.final_day(report)) if report.dated else None
    estimates = [client.estimate(request) for request in client.requests(report, period)]
    cost = sum(estimate.credits for estimate in estimates)
    warnings = dict.fromkeys(text for estimate in estimates for text in estimate.warnings)
    return "; ".join([f"{period or 'a snapshot'} would cost {cost} credits", *warnings])


def _webhook(client: SimilarwebClient) -> str:
    client.test_webhook()
    return "Similarweb's test call was delivered"
