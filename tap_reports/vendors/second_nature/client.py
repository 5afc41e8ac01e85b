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
from tap_reports.http.responses import Answer, answer_json, answer_object, call_of, required_text
from tap_reports.models import Check, Download, JobStatus, Json, ReportJob, ReportRequest, ReportType, Slice
from tap_reports.models.columns import distinct_names
from tap_reports.redaction import add_link
from tap_reports.setting import nearest
from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig
from tap_reports.vendors.second_nature import (
    POST,
    TICKET,
    field_names,
    listed_type,
    report_type,
    type_from_catalog,
)

logger = logging.getLogger("tap-reports.second_nature")

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
FORCE_UPDATE = "force_update"


def form_of(block: Json) -> Json:
    """Return the form of a request by the block's settings: method, and the vendor's names of the fields."""
    return {"method": block.get("request_method") or POST, "fields": field_names(block)}


DEFAULT_FORM = form_of({})


class SecondNature(ReportClient):
    """The API for one account (an API key)."""

    def __init__(self, config: VendorConfig, context: ClientContext) -> None:
        values = config.values
        super().__init__(account_of_key(values), config, context)
        self._form = form_of(values)
        self.api.denied = DENIED
        self.api.headers["Authorization"] = f"Token {values['api_key']}"
        if values.get("requests_per_minute"):
            self.api.rate_limit = RateLimiter(values["requests_per_minute"], 60, self.clock)

    def report_types(self) -> Iterable[ReportType]:
        """Return the configured reports, or all that the vendor lists. One call."""
        configured = self.config.reports
        if configured is None:
            try:
                return [listed_type(name) for name in self._listed()]
            except CallError as error:
                if error.status != 404:
                    raise
                text = f"second_nature.list_path: correct it, or name reports. {error}"
                raise ConfigError([text]) from error
        try:
            self._warn_of_unlisted(self._listed())
        except AccessDenied:
            raise
        except CallError as error:
            logger.warning("The report names are not checked, since the list call failed: %s", error)
        return [report_type(report) for report in configured]

    def _listed(self) -> list[str]:
        """Return the names of the available reports, from a list of names or of objects that hold one, bare
        or as `reports`.

        Raises:
            CallError: The list can't be read.
        """
        response = self.api.call("GET", self.config.values["list_path"])
        what, answer = call_of(response), answer_json(response)
        listed = answer.get("reports") if isinstance(answer, dict) else answer
        if not isinstance(listed, list):
            raise BadAnswer(what, "no list of reports came", status=200)
        entries = [entry if isinstance(entry, dict) else {"report_name": entry} for entry in listed]
        return list(dict.fromkeys(required_text(entry, "report_name", what) for entry in entries))

    def _warn_of_unlisted(self, listed: Sequence[str]) -> None:
        """Warn of each configured report that is not listed. It is requested all the same: its own refusal
        fails its stream alone.
        """
        for report in self.config.reports or ():
            name = report.values["report_name"]
            if name not in listed:
                guess = nearest(name, listed) or f" It lists: {', '.join(listed) or 'none'}."
                text = 'second_nature.reports: the vendor lists no report named "%s".%s'
                logger.warning(text, name, guess)

    @override
    def restore(self, known: CatalogStream) -> ReportType | None:
        return type_from_catalog(known, self.config.reports)

    @override
    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        values = report.parameters
        # A request of another form may bring another result: what a wrong name brought is not reused.
        form = {} if self._form == DEFAULT_FORM else {"form": self._form}
        options = {} if values[FORCE_UPDATE] is None else {FORCE_UPDATE: values[FORCE_UPDATE]}
        return [self.request(report, days, parameters={**values["asked"], **form}, options=options)]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Request a report; the answer is a ticket."""
        path, method = self.config.values["request_path"], self._form["method"]
        fields = self._fields(request, refresh=refresh)
        submitted_at = self.clock.now()
        try:
            sent = {"params": _query(fields)} if method == "GET" else {"json": fields}
            answer = answer_object(self.api.submit(method, path, **sent))
        except CallRejected as error:
            if error.status != 404:
                raise
            hint = f"no such report_name ({request.report}) or course_id, or request_path is wrong"
            raise CallRejected(error.what, f"{hint}: {error.answer}", status=404) from error
        ticket = required_text(answer, "ticket_id")
        return ReportJob(request=request, id=ticket, submitted_at=submitted_at)

    def _fields(self, request: ReportRequest, *, refresh: bool) -> dict[str, Any]:
        """Return the fields of a request, by the vendor's names."""
        filters = request.parameters.get("filters", {})
        fields = {"report_name": request.report, **request.parameters}
        if request.slice:
            fields["start_time"] = _unix(request.slice.start, dt.time(0, 0, 0))
            fields["end_time"] = _unix(request.slice.end, dt.time(23, 59, 59))
        if request.options.get(FORCE_UPDATE, refresh):
            fields[FORCE_UPDATE] = True
        names = self._form["fields"]
        return {**{names[ours]: value for ours, value in fields.items() if ours in names}, **filters}

    def poll(self, job: ReportJob) -> ReportJob:
        """Read the ticket's status; a complete one brings new links each time."""
        path = self.config.values["status_path"].replace(TICKET, quote(job.id, safe=""))
        with unknown_where(404):
            answer = answer_object(self.api.call("GET", path))
        word = required_text(answer, "status")
        status, unknown = status_of(STATUSES, word)
        is_done = status is JobStatus.SUCCEEDED
        return replace(
            job,
            status=status,
            word=word,
            unknown_word=unknown,
            message=str(answer.get("error") or ""),
            links={"files": self._links(answer)} if is_done else {},
        )

    def _links(self, answer: Answer) -> list[Json]:
        """Return a complete ticket's links, `{"url", "sheet"}` each: one file, or one a sheet. Those without
        a host are below the API's.

        Raises:
            BadAnswer: There is none, or an entry has none.
        """
        came = answer.get("report_url")
        entries = [_link(entry) for entry in (came if isinstance(came, list) else [came])]
        if not entries or not all(url for url, _ in entries):
            raise BadAnswer(answer.what, "the status is complete, but report_url is missing", status=200)
        links: list[Json] = []
        for (url, _), sheet in zip(entries, distinct_names(sheet for _, sheet in entries), strict=True):
            add_link(url)
            links.append({"url": url if "://" in url else joined(self.config.api_url, url), "sheet": sheet})
        return links

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the links; the key goes along only where one leads to the API itself."""
        if not job.links:
            raise LinkExpired(f"ticket {job.id}", "its link is not known here")
        api_url = self.config.api_url
        return [
            Download(**link, authenticated=same_origin(link["url"], api_url)) for link in job.links["files"]
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
