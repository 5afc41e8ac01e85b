"""Second Nature's client: tickets.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tap_reports.exceptions import (
    AccessDenied,
    CallError,
    CallRejected,
    ConfigError,
    JobUnknown,
    LinkExpired,
)
from tap_reports.http.origin import same_origin
from tap_reports.http.rate_limit import RateLimiter
from tap_reports.models import (
    Check,
    Download,
    JobStatus,
    Json,
    ReportJob,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig, status_of
from tap_reports.vendors.second_nature import answers, reports

if TYPE_CHECKING:
    from requests import Response

logger = logging.getLogger("tap-reports.second_nature")

TICKET = "{ticket_id}"
NOT_FOUND = 404
KEY_CHECK_PATH = "/course-status/"
"""A documented neighbour call that any good key may make."""
STATUSES = {
    "pending": JobStatus.PENDING,
    "in_progress": JobStatus.RUNNING,
    "complete": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED_RETRYABLE,
}
DENIED = {
    401: "The API key is missing, wrong or has expired: check the credentials, make a new key in Account "
    "Settings and set api_key.",
    403: "The user of the API key is not an Admin: set an api_key that an Admin user made.",
}
POST, FORCE_UPDATE = "POST", "force_update"


def form_of(values: Json) -> Json:
    """Return the form of a request by the block's settings: method, and the vendor's names of the fields."""
    return {"method": values.get("request_method") or POST, "fields": reports.field_names(values)}


DEFAULT_FORM = form_of({})


class SecondNature:
    """The API for one account (an API key)."""

    def __init__(self, config: VendorConfig, tools: ClientContext) -> None:
        key: str = config.values["api_key"]
        self.account = f"key-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        self._config = config
        self._paths = {name: config.values[f"{name}_path"] for name in ("request", "status", "list")}
        self._form = form_of(config.values)
        self._api = tools.api
        self._api.denied = DENIED
        self._clock = tools.clock
        self._api.headers["Authorization"] = f"Token {key}"
        if config.values.get("requests_per_minute"):
            self._api.rate_limit = RateLimiter(config.values["requests_per_minute"], 60, tools.clock)

    def report_types(self) -> Iterable[ReportType]:
        """Return the configured reports, or all that the vendor lists. One call."""
        configured = self._config.reports
        try:
            listed = self._listed()
        except AccessDenied:
            raise
        except CallError as error:
            if configured is None and error.status == NOT_FOUND:
                raise ConfigError(
                    [f"second_nature.list_path: correct it, or name reports. {error}"]
                ) from error
            if configured is None:
                raise
            logger.warning("The report names are not checked, since the list call failed: %s", error)
            return [reports.report_type(report) for report in configured]
        if configured is None:
            return [reports.listed_type(name) for name in listed]
        for doubt in reports.unlisted(configured, listed):
            logger.warning("%s", doubt)
        return [reports.report_type(report) for report in configured]

    def restore(self, known: CatalogStream) -> ReportType | None:
        """Return the report that a stream's name or title means, its sheet set."""
        return reports.restored(known, self._config.reports)

    def final_day(self, report: ReportType) -> dt.date:
        """Return yesterday, in UTC."""
        return self._clock.now().date() - dt.timedelta(days=1)

    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        """Return the one request of a slice; the sheets of a report share it."""
        values, form = report.parameters, self._form
        request = ReportRequest(
            vendor=self._config.name,
            account=self.account,
            api_url=self._config.api_url,
            report=report.report,
            # A request of another form may bring another result: what a wrong name brought is not reused.
            parameters={**values["asked"], **({"form": form} if form != DEFAULT_FORM else {})},
            slice=days,
            options={} if values["force_update"] is None else {FORCE_UPDATE: values["force_update"]},
        )
        return [request]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Ask for a report; the answer is a ticket."""
        path, method = self._paths["request"], self._form["method"]
        fields = self._fields(request, refresh=refresh)
        submitted_at = self._clock.now()
        try:
            if method == "GET":
                response = self._api.submit(method, path, params=_query(fields))
            else:
                response = self._api.submit(method, path, json=fields)
        except CallRejected as error:
            if error.status != NOT_FOUND:
                raise
            hint = f"no such report_name ({request.report}) or course_id, or request_path is wrong"
            raise CallRejected(error.what, f"{hint}: {error.answer}", status=NOT_FOUND) from error
        ticket = answers.ticket_id(response, self._api.shown("POST", path))
        return ReportJob(request=request, id=ticket, submitted_at=submitted_at)

    def _fields(self, request: ReportRequest, *, refresh: bool) -> dict[str, Any]:
        """Return the fields of a request, by the vendor's names."""
        asked = {name: value for name, value in request.parameters.items() if name != "form"}
        filters = asked.pop("filters", {})
        fields: dict[str, Any] = {"report_name": request.report, **asked}
        if request.slice:
            fields["start_time"] = _unix(request.slice.start, dt.time(0, 0, 0))
            fields["end_time"] = _unix(request.slice.end, dt.time(23, 59, 59))
        if request.options.get(FORCE_UPDATE, refresh):
            fields[FORCE_UPDATE] = True
        return {**{self._form["fields"][name]: value for name, value in fields.items()}, **filters}

    def poll(self, job: ReportJob) -> ReportJob:
        """Read the ticket's status; a complete one brings new links each time."""
        path = self._paths["status"].replace(TICKET, quote(job.id, safe=""))
        what = self._api.shown("GET", path)
        try:
            response = self._get(path)
        except CallRejected as error:
            if error.status == NOT_FOUND:
                raise JobUnknown(what, f"no such ticket: {error.answer}", status=NOT_FOUND) from error
            raise
        answer = answers.status(response, what)
        status, unknown = status_of(STATUSES, answer.word)
        links = answers.links(answer, what) if status is JobStatus.SUCCEEDED else ()
        return replace(
            job,
            status=status,
            word=answer.word,
            unknown_word=unknown,
            message=answer.error,
            finished_at=(job.finished_at or self._clock.now()) if status.is_terminal else None,
            links={"files": links} if links else {},
        )

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the links; the key goes along only where one leads to the API itself."""
        links = job.links.get("files")
        if not links:
            raise LinkExpired(f"ticket {job.id}", "its link is not known here")
        answers.hide(links)
        return [
            Download(
                url=link["url"],
                sheet=link.get("sheet"),
                authenticated=same_origin(link["url"], self._config.api_url),
            )
            for link in links
        ]

    def check(self) -> Iterable[Check]:
        """List the reports; where that is not possible, make a call that any key may make."""
        try:
            names = self._listed()
        except AccessDenied as error:
            yield Check.of("credentials", error)
        except CallError as error:
            yield from self._check_key(error)
        else:
            yield Check(name="credentials", ok=True, detail=f"{len(names)} reports are available")

    def _check_key(self, listing: CallError) -> Iterator[Check]:
        try:
            self._get(KEY_CHECK_PATH)
        except CallError as error:
            yield Check.of("credentials", error)
        else:
            yield Check(
                name="credentials",
                ok=True,
                detail=f"the API key is good, but the reports can't be listed (see list_path): {listing}",
            )

    def _listed(self) -> list[str]:
        """Return the names of the available reports.

        Raises:
            CallError: The list cannot be read.
        """
        path = self._paths["list"]
        return answers.report_names(self._get(path), self._api.shown("GET", path))

    def _get(self, path: str) -> Response:
        return self._api.call("GET", path)


def _query(fields: Json) -> dict[str, Any]:
    """Return fields as a query has them: `true` for True."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}


def _unix(day: dt.date, time: dt.time) -> int:
    return int(dt.datetime.combine(day, time, dt.UTC).timestamp())
