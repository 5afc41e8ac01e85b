"""Second Nature's client: tickets.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from tap_reports.client import ReportClient, account_of_key, status_of, unknown_where
from tap_reports.exceptions import AccessDenied, BadAnswer, CallError, CallRejected, ConfigError, LinkExpired
from tap_reports.http.origin import joined, same_origin
from tap_reports.http.rate_limit import RateLimiter
from tap_reports.http.responses import answer_object, required_text
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
from tap_reports.models.columns import distinct_names
from tap_reports.redaction import add_link
from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig
from tap_reports.vendors.second_nature import reports

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


class SecondNature(ReportClient):
    """The API for one account (an API key)."""

    def __init__(self, config: VendorConfig, tools: ClientContext) -> None:
        key: str = config.values["api_key"]
        super().__init__(account_of_key(config.values), config, tools)
        self._paths = {name: config.values[f"{name}_path"] for name in ("request", "status", "list")}
        self._form = form_of(config.values)
        self.api.denied = DENIED
        self.api.headers["Authorization"] = f"Token {key}"
        if config.values.get("requests_per_minute"):
            self.api.rate_limit = RateLimiter(config.values["requests_per_minute"], 60, tools.clock)

    def report_types(self) -> Iterable[ReportType]:
        """Return the configured reports, or all that the vendor lists. One call."""
        configured = self.config.reports
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

    @override
    def restore(self, known: CatalogStream) -> ReportType | None:
        return reports.restored(known, self.config.reports)

    @override
    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        values, form = report.parameters, self._form
        # A request of another form may bring another result: what a wrong name brought is not reused.
        parameters = {**values["asked"], **({"form": form} if form != DEFAULT_FORM else {})}
        options = {} if values["force_update"] is None else {FORCE_UPDATE: values["force_update"]}
        return [self.request(report, days, parameters=parameters, options=options)]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Ask for a report; the answer is a ticket."""
        path, method = self._paths["request"], self._form["method"]
        fields = self._fields(request, refresh=refresh)
        submitted_at = self.clock.now()
        try:
            if method == "GET":
                response = self.api.submit(method, path, params=_query(fields))
            else:
                response = self.api.submit(method, path, json=fields)
        except CallRejected as error:
            if error.status != NOT_FOUND:
                raise
            hint = f"no such report_name ({request.report}) or course_id, or request_path is wrong"
            raise CallRejected(error.what, f"{hint}: {error.answer}", status=NOT_FOUND) from error
        what = self.api.shown(method, path)
        ticket = required_text(answer_object(response, what), "ticket_id", what)
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
        what = self.api.shown("GET", path)
        with unknown_where(NOT_FOUND):
            answer = answer_object(self.api.call("GET", path), what)
        word = required_text(answer, "status", what)
        status, unknown = status_of(STATUSES, word)
        links = self._links(answer, what) if status is JobStatus.SUCCEEDED else []
        return replace(
            job,
            status=status,
            word=word,
            unknown_word=unknown,
            message=str(answer.get("error") or ""),
            links={"files": links} if links else {},
        )

    def _links(self, answer: Json, what: str) -> list[Json]:
        """Return a complete ticket's links, `{"url", "sheet"}` each: one file, or one a sheet. Those without
        a host are below the API's.

        Raises:
            BadAnswer: There is none, or an entry has none.
        """
        came = answer.get("report_url")
        found = [_link(entry) for entry in (came if isinstance(came, list) else [came])]
        if not found or not all(url for url, _ in found):
            raise BadAnswer(what, "the status is complete, but report_url is missing", status=200)
        links: list[Json] = []
        for (url, _), sheet in zip(found, distinct_names(sheet for _, sheet in found), strict=True):
            add_link(url)
            links.append({"url": url if "://" in url else joined(self.config.api_url, url), "sheet": sheet})
        return links

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the links; the key goes along only where one leads to the API itself."""
        links = job.links.get("files")
        if not links:
            raise LinkExpired(f"ticket {job.id}", "its link is not known here")
        return [
            Download(
                url=link["url"],
                sheet=link.get("sheet"),
                authenticated=same_origin(link["url"], self.config.api_url),
            )
            for link in links
        ]

    def check(self) -> Iterable[Check]:
        """List the reports; where that is not possible, make a call that any key may make."""
        yield Check.tried("credentials", self._key_is_good)

    def _key_is_good(self) -> str:
        try:
            return f"{len(self._listed())} reports are available"
        except AccessDenied:
            raise
        except CallError as error:
            self.api.call("GET", KEY_CHECK_PATH)
            return f"the API key is good, but the reports can't be listed (see list_path): {error}"

    def _listed(self) -> list[str]:
        """Return the names of the available reports.

        Raises:
            CallError: The list cannot be read.
        """
        path = self._paths["list"]
        return reports.report_names(self.api.call("GET", path), self.api.shown("GET", path))


def _query(fields: Json) -> dict[str, Any]:
    """Return fields as a query has them: `true` for True."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}


def _unix(day: dt.date, time: dt.time) -> int:
    return int(dt.datetime.combine(day, time, dt.UTC).timestamp())


def _link(entry: Any) -> tuple[str, str | None]:
    """Return an entry's link, "" if it has none, and the sheet that it names."""
    if isinstance(entry, dict):
        sheet = entry.get("sheet_name")
        return _link(entry.get("url"))[0], None if sheet is None else str(sheet)
    return entry if isinstance(entry, str) else "", None
