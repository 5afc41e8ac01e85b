"""Digital Turbine's client: get a token, request a report, watch its link.

https://docs.digitalturbine.com/dt-growth/reporting-api/reporting-api-endpoints/api-v1-token
https://docs.digitalturbine.com/dt-growth/reporting-api/reporting-api-endpoints/api-v1-report
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from requests import Response
from typing_extensions import override

from tap_reports.client import ReportClient
from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, JobUnknown, LinkExpired, NotSent
from tap_reports.http.origin import last_path_segment
from tap_reports.http.responses import answer_object, call_of, json_of, missing
from tap_reports.models import (
    Check,
    Download,
    JobStatus,
    Json,
    Kind,
    ReportJob,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.models.columns import columns_of, property_name
from tap_reports.redaction import add_link, add_secrets, redact
from tap_reports.vendor import ClientContext, ReportConfig, VendorConfig
from tap_reports.vendors.digital_turbine import CAMPAIGN_ID, CAMPAIGN_NAME, DATE

PRODUCT = "dtgrowth"
TOKEN_PATH, REPORT_PATH = "/auth/v1/token", "/api/v1/report"
NOTES = "Money is in US dollars, days are UTC; for performance analysis, not for billing."
KINDS = {
    DATE: Kind.DATE,
    **dict.fromkeys(("Impressions", "Clicks", "Installs"), Kind.INTEGER),
    "Spend": Kind.NUMBER,
}
"""The names that the vendor's pages show; every other column is text unless `columns` says more."""

FILLED_WITHIN = dt.timedelta(hours=1)
"""A link that is empty for longer never fills: the vendor says to request the report again."""
TOLERANCE = dt.timedelta(seconds=1)
"""The poll at the default deadline, which is an hour too, must still see that the hour is over."""
LINK_LIFE = dt.timedelta(hours=3)
FINAL_AFTER = dt.timedelta(hours=36)
"""A UTC day is complete twelve hours after its end, so 36 hours after its start."""
TOKEN_SECONDS = 3600.0
"""A token's life as documented, also for an answer that does not say, or says something else."""
RENEW_BEFORE_SECONDS = 60.0


class DigitalTurbine(ReportClient):
    """The API for one account (a client id)."""

    def __init__(self, config: VendorConfig, context: ClientContext) -> None:
        super().__init__(config.values["client_id"], config, context)
        self._token, self._renew_token_at = "", 0.0
        self._token_lock = threading.Lock()

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
        """Request a report; the answer's link is the job."""
        if request.slice is None:
            what = self.api.shown("POST", REPORT_PATH)
            raise CallRejected(what, "not sent: every report needs a date range")
        self._access_token()  # its call may be repeated for minutes, which are not the report's
        submitted_at = self.clock.now()
        query = {
            "dateRange": {"start": str(request.slice.start), "end": str(request.slice.end)},
            "metrics": list(request.parameters["metrics"]),
            "splits": list(request.parameters["splits"]),
            "filters": [dict(entry) for entry in request.parameters["filters"]],
            "reportFormat": "csv",
        }
        link = _read_link(self._post({"product": PRODUCT, "query": query}))
        return ReportJob(
            request=request, id=last_path_segment(link), submitted_at=submitted_at, handle={"link": link}
        )

    def _post(self, body: Json, *, refused_token: str = "") -> Response:
        token = self._access_token(refused=refused_token)
        try:
            return self.api.submit(
                "POST", REPORT_PATH, json=body, headers={"Authorization": f"Bearer {token}"}
            )
        except AccessDenied as error:
            if error.status != 401 or refused_token:
                raise
        # A refused token means that nothing was accepted, so the one submission is still to come.
        return self._post(body, refused_token=token)

    def _access_token(self, *, refused: str = "") -> str:
        """Return a token that is still good and is not the one that the vendor just refused.

        Raises:
            AccessDenied: The credentials are wrong.
            CallBroken, CallRejected: The call failed.
            NotSent: No token came, so what needs it can't be sent.
        """
        with self._token_lock:
            if self._token in {"", refused} or self.clock.monotonic() >= self._renew_token_at:
                requested_at = self.clock.monotonic()
                self._token, seconds = _read_token(self._request_token())
                self._renew_token_at = requested_at + max(seconds - RENEW_BEFORE_SECONDS, seconds / 2)
            return self._token

    def _request_token(self) -> Response:
        credentials = {name: self.config.values[name] for name in ("client_id", "client_secret")}
        try:
            body = {"grant_type": "client_credentials", **credentials}
            return self.api.call("POST", TOKEN_PATH, json=body)
        except CallRejected as error:
            if error.status not in {400, 401, 403}:  # wrong credentials are a 400 here
                raise
            answer = f"the vendor refuses client_id and client_secret; check both: {error.answer}"
            raise AccessDenied(error.what, answer, status=error.status) from error
        except BadAnswer as error:  # not of a submission, which may have been accepted
            raise NotSent(error.what, error.answer, status=error.status, remedy=error.remedy) from error

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
        if not filled and age + TOLERANCE >= FILLED_WITHIN:
            return _expired(job, "the report is still empty one hour after the request")
        return replace(job, status=JobStatus.SUCCEEDED if filled else JobStatus.RUNNING)

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the link; it carries its own permission."""
        return [Download(url=_known_link(job))]

    def check(self) -> Iterable[Check]:
        """Get a token."""
        detail = f"client_id {self.account} gets an access token"
        yield Check.tried("credentials", lambda: self._access_token() and detail)


def _report_type(report: ReportConfig) -> ReportType:
    splits, metrics = tuple(report.values["splits"]), tuple(report.values["metrics"])
    name, headers = property_name(report.values["name"]), splits + metrics
    return ReportType(
        name=name,
        report=name,
        columns=columns_of({header: KINDS.get(header, Kind.STRING) for header in headers}),
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


def _read_link(response: Response) -> str:
    """Return the link of a submission's answer, its query registered as a secret."""
    answer = answer_object(response)
    link = answer.get("signed_url") or answer.get("url")
    if isinstance(link, str) and last_path_segment(link):
        add_link(link)
        return link
    if isinstance(link, str) and link:
        raise BadAnswer(answer.what, "its signed_url is not an address", status=response.status_code)
    if said := answer.get("error") or answer.get("message"):
        raise CallRejected(answer.what, redact(said), status=response.status_code)
    raise missing(answer, "signed_url")


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


def _read_token(response: Response) -> tuple[str, float]:
    """Return token and life in seconds; the body is never shown, as it may hold the token."""
    try:
        answer = json_of(response.content)
    except ValueError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token = fields.get("accessToken")
    if not isinstance(token, str) or not token:
        what = call_of(response)
        raise NotSent(what, "no accessToken came", status=response.status_code, remedy=BadAnswer.remedy)
    add_secrets([token])
    try:
        seconds = float(str(fields.get("expiresIn")))
    except ValueError:
        seconds = TOKEN_SECONDS
    return token, seconds if 0 < seconds < TOKEN_SECONDS else TOKEN_SECONDS
