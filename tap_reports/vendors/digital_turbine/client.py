"""Digital Turbine's client: ask for a report, watch its link.

https://docs.digitalturbine.com/dt-growth/reporting-api/reporting-api-endpoints/api-v1-report
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_reports.client import ReportClient
from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, JobUnknown, LinkExpired
from tap_reports.http.origin import last_part
from tap_reports.http.responses import answer_object, missing
from tap_reports.models import (
    Check,
    Column,
    Download,
    JobStatus,
    Json,
    Kind,
    ReportJob,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.models.columns import property_name, property_names
from tap_reports.redaction import add_link, redact
from tap_reports.vendor import ClientContext, ReportConfig, VendorConfig
from tap_reports.vendors.digital_turbine.token import AccessToken

if TYPE_CHECKING:
    from requests import Response

PRODUCT = "dtgrowth"
REPORT_PATH = "/api/v1/report"
DATE = "Date"
NOTES = "Money is in US dollars, days are UTC; for performance analysis, not for billing."
CAMPAIGN_ID, CAMPAIGN_NAME = "Campaign ID", "Campaign Name"
"""A campaign's name may change, so it is not part of the key where its id is."""
KINDS = {
    DATE: Kind.DATE,
    "Impressions": Kind.INTEGER,
    "Clicks": Kind.INTEGER,
    "Installs": Kind.INTEGER,
    "Spend": Kind.NUMBER,
}
"""The names that the vendor's pages show; every other column is text unless `columns` says more."""

MAX_DAYS = 90
FILLED_WITHIN = dt.timedelta(hours=1)
"""A link that is empty for longer never fills: the vendor says to ask again."""
SLACK = dt.timedelta(seconds=1)
"""The poll at the default deadline, which is an hour too, must still see that the hour is over."""
LINK_LIFE = dt.timedelta(hours=3)
FINAL_AFTER = dt.timedelta(hours=36)
"""A UTC day is complete twelve hours after its end, so 36 hours after its start."""


class DigitalTurbine(ReportClient):
    """The API for one account (a client id)."""

    def __init__(self, config: VendorConfig, tools: ClientContext) -> None:
        super().__init__(config.values["client_id"], config, tools)
        credentials = {name: config.values[name] for name in ("client_id", "client_secret")}
        self._token = AccessToken(tools.api, tools.clock, credentials)

    @override
    def report_types(self) -> Iterable[ReportType]:
        return [_report_type(report) for report in self.config.reports or ()]

    @override
    def final_day(self, report: ReportType) -> dt.date:
        return (self.clock.now() - FINAL_AFTER).date()

    @override
    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        return [self.request(report, days, report=PRODUCT)]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Ask for a report; the answer's link is the job."""
        what = self.api.shown("POST", REPORT_PATH)
        days = request.slice
        if days is None:
            raise CallRejected(what, "not sent: every report needs a date range")
        submitted_at = self.clock.now()
        query = {
            "dateRange": {"start": days.start.isoformat(), "end": days.end.isoformat()},
            "metrics": list(request.parameters["metrics"]),
            "splits": list(request.parameters["splits"]),
            "filters": [dict(entry) for entry in request.parameters["filters"]],
            "reportFormat": "csv",
        }
        link = _read_link(self._post({"product": PRODUCT, "query": query}), what)
        return ReportJob(
            request=request, id=last_part(link), submitted_at=submitted_at, handle={"link": link}
        )

    def _post(self, body: Json) -> Response:
        token = self._token.get()
        try:
            return self._post_with(token, body)
        except AccessDenied as error:
            if error.status != 401:
                raise
        # A refused token means that nothing was accepted, so the one submission is still to come.
        return self._post_with(self._token.get(refused=token), body)

    def _post_with(self, token: str, body: Json) -> Response:
        return self.api.submit("POST", REPORT_PATH, json=body, headers={"Authorization": f"Bearer {token}"})

    def poll(self, job: ReportJob) -> ReportJob:
        """Look whether the link has a body yet; a header alone is one."""
        link = _known_link(job)
        age = self.clock.now() - job.submitted_at
        if age >= LINK_LIFE:
            return _expired(job, "the link's three hours are over")
        try:
            filled = self.api.repeated(lambda: self.files.is_filled(link))
        except LinkExpired as error:
            return _expired(job, f"the link is no longer good: {error}")
        if filled:
            return replace(job, status=JobStatus.SUCCEEDED)
        if age + SLACK >= FILLED_WITHIN:
            return _expired(job, "the report is still empty one hour after the request")
        return replace(job, status=JobStatus.RUNNING)

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the link; it carries its own permission."""
        return [Download(url=_known_link(job))]

    def check(self) -> Iterable[Check]:
        """Ask for a token."""
        found = f"client_id {self.account} gets an access token"
        yield Check.tried("credentials", lambda: self._token.get() and found)


def _report_type(report: ReportConfig) -> ReportType:
    splits, metrics = tuple(report.values["splits"]), tuple(report.values["metrics"])
    name = property_name(report.values["name"])
    headers = splits + metrics
    return ReportType(
        name=name,
        report=name,
        columns=tuple(
            Column(header, property_, KINDS.get(header, Kind.STRING))
            for header, property_ in zip(headers, property_names(headers), strict=True)
        ),
        primary_keys=tuple(split for split in splits if split != CAMPAIGN_NAME or CAMPAIGN_ID not in splits),
        asked=headers,
        date_column=DATE if DATE in splits else None,
        parameters={
            "splits": splits,
            "metrics": metrics,
            "filters": tuple(report.values.get("filters") or ()),
        },
        description=f"DT Growth: {', '.join(metrics)} by {', '.join(splits)}. {NOTES}",
    )


def _read_link(response: Response, what: str) -> str:
    """Return the link of a submission's answer, its query registered as a secret."""
    answer = answer_object(response, what)
    link = answer.get("signed_url") or answer.get("url")
    if isinstance(link, str) and last_part(link):
        add_link(link)
        return link
    if isinstance(link, str) and link:
        raise BadAnswer(what, "its signed_url is not an address", status=response.status_code)
    if said := answer.get("error") or answer.get("message"):
        raise CallRejected(what, redact(said), status=response.status_code)
    raise missing(answer, "signed_url", what)


def _known_link(job: ReportJob) -> str:
    link = job.handle.get("link")
    if not link:
        raise JobUnknown(
            f"job {job.id}",
            "its link is its only handle and stands in the job ledger alone, which does not have it; "
            "share job_ledger between runs to resume such jobs",
        )
    add_link(link)
    return str(link)


def _expired(job: ReportJob, why: str) -> ReportJob:
    return replace(job, status=JobStatus.EXPIRED, message=why)
