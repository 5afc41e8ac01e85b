"""Similarweb's Batch API for one account: validate, submit, poll, retry, download link."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial

from typing_extensions import override

from tap_reports.client import ReportClient, account_of_key, unknown_where
from tap_reports.exceptions import (
    AccessDenied,
    CallError,
    CallRejected,
    ConfigError,
    LinkExpired,
    SubmissionLost,
)
from tap_reports.http.rate_limit import RateLimiter
from tap_reports.models import (
    RESULT_HOURS,
    Check,
    Download,
    Estimate,
    ReportJob,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.redaction import add_secrets, redact
from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig
from tap_reports.vendors.similarweb import calls, days, reports
from tap_reports.vendors.similarweb.calls import GONE, WRONG_KEY, Calls, rejection
from tap_reports.vendors.similarweb.describe import Catalog
from tap_reports.vendors.similarweb.selection import Selection, select

logger = logging.getLogger("tap-reports.similarweb")

CALLS_PER_SECOND = 10
"""https://developers.similarweb.com/docs/rate-limit, taken to hold for Batch calls too."""
WEBHOOK_TEST = "/v3/batch/webhooks/test"
NO_SUCH_PATH = 'That path does not exist there: set another "api_version", and check api_url.'
WRONG_API_KEY = (
    'Check the credentials: set "api_key" to the key of Settings > Account > Batch API, switched on there.'
)
LOST = (
    'Look in the Similarweb account for a report named "{}" (with api_version "v3" they have no name) before '
    "you run again: it is charged if it was accepted."
)
KEY_LIMIT = (
    "Ask the account's admin whether this key may submit Batch reports, and whether its user has a limit of "
    "Batch credits: such a limit can be spent while the account still has credits."
)
NO_RETRY = 'Set "retry_path", or run again to submit a new (charged) report.'
NO_WEBHOOK = 'Check that "postbacks.public_url" can be reached from the internet.'


class SimilarwebClient(ReportClient):
    """The API for one account (an API key)."""

    def __init__(self, config: VendorConfig, context: ClientContext) -> None:
        key = str(config.values["api_key"])
        super().__init__(account_of_key(config.values), config, context)
        add_secrets([key, config.callback_url])
        self._version: str = config.values["api_version"]
        self.api.headers["api-key"] = key
        self.api.rate_limit = RateLimiter(CALLS_PER_SECOND, 1, context.clock)
        self.api.denied = {401: WRONG_API_KEY}
        self._calls = Calls(context.api, config.values)
        self._catalog = Catalog(self._calls)

    # --- reports --------------------------------------------------------------------------------------

    @override
    def report_types(self) -> Iterable[ReportType]:
        return reports.report_types(self.config, self._catalog.tables())

    @override
    def restore(self, known: CatalogStream) -> ReportType | None:
        types = (reports.type_from_settings(report, self.config) for report in self.config.reports or ())
        return next((type_ for type_ in types if type_.name == known.name), None)

    @override
    def final_day(self, report: ReportType) -> dt.date:
        """Return the end of the newest period that describe names, else of the last that should be ready."""
        table = self._catalog.tables().get(report.report)
        end = table.ends.get(report.granularity, "") if table else ""
        day = days.last_day(end, report.granularity)
        if end and day is None:
            logger.warning("describe's end_date %r of %s is not a date, not used", redact(end), report.name)
        return day or days.final_by_rule(report.granularity, self.clock.now())

    def first_day(self, report: ReportType) -> dt.date | None:
        """Return the beginning of the oldest period that describe names."""
        table = self._catalog.tables().get(report.report)
        return days.first_day(table.starts.get(report.granularity, ""), report.granularity) if table else None

    @override
    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        selection = self._selection(report)
        options = {"retention_days": selection.retention_days} if selection.retention_days else {}
        return [
            self.request(
                report,
                days,
                parameters=parameters,
                options=options,
                row_limit=selection.limit or selection.table.limit,
            )
            for parameters in selection.parameters(self.config.values["response_format"])
        ]

    @override
    def gaps(self, report: ReportType, days: Slice) -> str:
        gaps = ", ".join(self._selection(report).gaps(days))
        return f"by describe, metrics have values for a part of these days only: {gaps}" if gaps else ""

    def _selection(self, report: ReportType) -> Selection:
        return select(report.parameters, self.config.values, self._catalog.tables())

    # --- before submitting ----------------------------------------------------------------------------

    def estimate(self, request: ReportRequest) -> Estimate:
        """Return what Similarweb's validate call says; it is free."""
        path = reports.path(request, self._version, reports.VALIDATE)
        body = reports.payload(request, self._version)
        response = self.api.call("POST", path, json=body, accept={400, *GONE})
        if response.status_code in {400, *GONE}:
            raise rejection(response, NO_SUCH_PATH if response.status_code in GONE else "")
        return calls.estimate(response)

    def remaining_credits(self) -> Decimal | None:
        """Return the credits left; None where Similarweb does not tell (no such path, not allowed)."""
        try:
            return self._credits_left()
        except CallRejected as error:
            if error.status == WRONG_KEY:
                raise
            logger.info("Similarweb does not tell the credits left: %s", error)
            return None

    def _credits_left(self) -> Decimal | None:
        return calls.credits_left(self._calls.call("GET", "credits_path"))

    # --- the job --------------------------------------------------------------------------------------

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Submit a report: charged once it runs. Each submission is a new one, whatever `refresh` says."""
        path = reports.path(request, self._version, reports.SUBMIT)
        body = reports.payload(request, self._version, self.config.callback_url)
        try:
            report_id = calls.report_id(self.api.submit("POST", path, json=body))
        except AccessDenied as error:
            error.remedy = error.remedy if error.status == WRONG_KEY else KEY_LIMIT
            raise
        except SubmissionLost as error:
            error.remedy = LOST.format(request.key)
            raise
        except CallRejected as error:
            remedy = NO_SUCH_PATH if error.status in GONE else ""
            answer = calls.message_of(error.answer) or error.answer
            raise CallRejected(error.what, answer, status=error.status, remedy=remedy) from error
        # The setting may change later: how long this result is kept is the job's own.
        days = request.options.get("retention_days")
        handle = {RESULT_HOURS: days * 24} if days else {}
        return ReportJob(request=request, id=report_id, submitted_at=self.clock.now(), handle=handle)

    def poll(self, job: ReportJob) -> ReportJob:
        """Return the job as Similarweb sees it now."""
        with unknown_where(*GONE):
            response = self._calls.call("GET", "status_path", job.id)
        return calls.polled(job, response, self.clock.now())

    def retry(self, job: ReportJob) -> ReportJob:
        """Have Similarweb run a failed report again, for free."""
        response = self._calls.call("POST", "retry_path", job.id, NO_RETRY)
        return calls.rerun(job, response, NO_RETRY)

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the report's one file; its link is signed and gets no credentials."""
        link = job.links.get(calls.LINK)
        if not link:
            raise LinkExpired("download link", "is not known any more")
        return [Download(url=str(link))]

    # --- --test ---------------------------------------------------------------------------------------

    def check(self) -> Iterator[Check]:
        """Yield the results of free calls; a wrong key ends it, as further calls would say the same."""
        calls: list[tuple[str, Callable[[], str]]] = [
            ("credits", self._check_credits),
            ("tables", self._check_tables),
        ]
        types = [reports.type_from_settings(report, self.config) for report in self.config.reports or ()]
        calls += [(type_.name, partial(self._check_cost, type_)) for type_ in types]
        if self.config.callback_url:
            calls.append(("webhook", self._check_webhook))
        for name, call in calls:
            try:
                yield Check(name=name, ok=True, detail=call())
            except ConfigError as error:
                yield Check(name=name, ok=False, detail="; ".join(error.errors))
            except CallError as error:
                if error.status == WRONG_KEY:
                    yield Check.of("api_key", error)
                    return
                yield Check.of(name, error)

    def _check_credits(self) -> str:
        try:
            left = self._credits_left()
        except CallRejected as error:
            if error.status not in GONE:
                raise
            left = None
        return "the credits call does not answer" if left is None else f"{left:,} left"

    def _check_tables(self) -> str:
        count, problem = len(self._catalog.tables()), self._catalog.problem
        documented = f"the {count} documented tables are used, as describe failed: {problem}"
        return documented if problem else f"{count} described"

    def _check_cost(self, report: ReportType) -> str:
        """Validate the report's newest period."""
        period = days.last_period(report.granularity, self.final_day(report)) if report.dated else None
        estimates = [self.estimate(request) for request in self.requests(report, period)]
        cost = sum(estimate.credits for estimate in estimates)
        warnings = dict.fromkeys(text for estimate in estimates for text in estimate.warnings)
        return "; ".join([f"{period or 'a snapshot'} would cost {cost} credits", *warnings])

    def _check_webhook(self) -> str:
        """Have Similarweb call the webhook."""
        body = {"webhook_url": self.config.callback_url}
        response = self.api.call("POST", WEBHOOK_TEST, json=body, accept={400})
        if response.status_code == 400:
            raise rejection(response, NO_WEBHOOK)
        return "Similarweb's test call was delivered"
