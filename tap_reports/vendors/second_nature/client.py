"""Second Nature's client: tickets.

https://help.secondnature.ai/en/articles/11744961-reporting-api-export-reports-programmatically
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    sentence,
)
from tap_reports.http.origin import same_origin
from tap_reports.http.rate_limit import RateLimiter
from tap_reports.models import (
    Check,
    Download,
    JobStatus,
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
HINTS = {
    401: "the API key is missing, wrong or has expired; make a new one in Account Settings and set api_key",
    403: "the API key's user is no Admin; set an api_key that an Admin user made",
}


class SecondNature:
    """The API for one account (an API key)."""

    def __init__(self, config: VendorConfig, tools: ClientContext) -> None:
        key: str = config.values["api_key"]
        self.account = f"key-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        self._config = config
        self._paths = {name: config.values[f"{name}_path"] for name in ("request", "status", "list")}
        self._api = tools.api
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
        asked = {
            name: report.parameters[name] for name in ("format", "course_id") if name in report.parameters
        }
        request = ReportRequest(
            vendor=self._config.name,
            account=self.account,
            api_url=self._config.api_url,
            report=report.report,
            parameters=asked,
            slice=days,
        )
        return [request]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Ask for a report; the answer is a ticket."""
        path = self._paths["request"]
        body: dict[str, Any] = {"report_name": request.report, **request.parameters}
        if request.slice:
            body["start_time"] = _unix(request.slice.start, dt.time(0, 0, 0))
            body["end_time"] = _unix(request.slice.end, dt.time(23, 59, 59))
        if self._bypasses_cache(request, refresh=refresh):
            body["force_update"] = True
        submitted_at = self._clock.now()
        try:
            with _explained():
                response = self._api.submit("POST", path, json=body)
        except CallRejected as error:
            if error.status != NOT_FOUND:
                raise
            hint = f"no such report_name ({request.report}) or course_id, or request_path is wrong"
            raise CallRejected(error.what, f"{hint}: {error.answer}", status=NOT_FOUND) from error
        ticket = answers.ticket_id(response, self._api.shown("POST", path))
        return ReportJob(request=request, id=ticket, submitted_at=submitted_at)

    def _bypasses_cache(self, request: ReportRequest, *, refresh: bool) -> bool:
        """Return whether to force an update. The setting is looked up here, since it is no part of a
        request's identity: a cached result and a forced one are the same job.
        """
        settings = {
            report.values.get("force_update")
            for report in self._config.reports or ()
            if report.values["report_name"] == request.report
            and reports.filters(report.values) == dict(request.parameters)
        }
        return True in settings or (refresh and False not in settings)

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
            yield _bad(error)
        except CallError as error:
            yield from self._check_key(error)
        else:
            yield Check(name="credentials", ok=True, detail=f"{len(names)} reports are available")

    def _check_key(self, listing: CallError) -> Iterator[Check]:
        try:
            self._get(KEY_CHECK_PATH)
        except CallError as error:
            yield _bad(error)
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
        with _explained():
            return self._api.call("GET", path)


@contextmanager
def _explained() -> Iterator[None]:
    """Add what the vendor's guide says about a status to the error."""
    try:
        yield
    except AccessDenied as error:
        hint = HINTS.get(error.status or 0, "access denied")
        raise AccessDenied(error.what, f"{hint}: {error.answer}", status=error.status) from error


def _bad(error: CallError) -> Check:
    return Check(name="credentials", ok=False, detail=sentence(str(error), error.remedy))


def _unix(day: dt.date, time: dt.time) -> int:
    return int(dt.datetime.combine(day, time, dt.UTC).timestamp())
