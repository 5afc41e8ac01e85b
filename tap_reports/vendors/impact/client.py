"""impact.com's API for one account: submit, poll, replay, download."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from requests.auth import HTTPBasicAuth
from typing_extensions import override

from tap_reports.client import ReportClient, status_of
from tap_reports.exceptions import AccessDenied, CallError, ConfigError
from tap_reports.http.rate_limit import RateLimiter
from tap_reports.http.responses import required_text
from tap_reports.models import (
    Check,
    Download,
    FileFormat,
    JobStatus,
    ReportJob,
    ReportRequest,
    ReportType,
    Slice,
)
from tap_reports.redaction import add_basic_secret, redact
from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig
from tap_reports.vendors.impact import reports
from tap_reports.vendors.impact.catalog import Catalog, described, is_accessible, wrong_parameters
from tap_reports.vendors.impact.jobs import (
    HOUR_SECONDS,
    STATUSES,
    JobCalls,
    end_dates,
    ended_at,
    has_ended,
    instant,
    job_id_of,
    shows_earlier_run,
    whole_number,
)
from tap_reports.vendors.impact.pages import page_download
from tap_reports.vendors.impact.settings import AGENCY, BRAND, PARTNER, has_clicks
from tap_reports.vendors.impact.zones import AccountZone, read_zone, zone_text

PREFIXES = {BRAND: "Advertisers", PARTNER: "Mediapartners", AGENCY: "Agencies"}
DENIED = {
    401: 'Check the credentials: set "account_sid" and "auth_token" as Settings > API shows them.',
    403: 'Check what the credentials may access: "account_type", and the scopes of "auth_token".',
}
REPLAYED_FROM = "replayed_from"
"""Handle of a replayed job: when its earlier run ended, so that it is not taken for the new one."""


class ImpactClient(ReportClient):
    """The API for one account."""

    def __init__(self, config: VendorConfig, context: ClientContext) -> None:
        values = config.values
        super().__init__(values["account_sid"], config, context)
        self.api.auth = HTTPBasicAuth(self.account.encode(), values["auth_token"].encode())
        add_basic_secret(self.account, values["auth_token"])
        if values.get("api_version"):
            self.api.headers["IR-Version"] = str(values["api_version"])
        self.api.denied = DENIED
        self.api.rate_limit = RateLimiter(values["calls_per_hour"], HOUR_SECONDS, context.clock)
        prefix = f"/{PREFIXES[values['account_type']]}/{quote(self.account, safe='')}"
        self._catalog = Catalog(self.api, prefix)
        self._jobs = JobCalls(self.api, self.clock, prefix)
        self._zone = AccountZone(values.get("timezone"), self._catalog.timezone)

    def zone(self) -> dt.tzinfo:
        """Return the account's time zone. May cost one call a run."""
        return self._zone.get()

    @override
    def report_types(self) -> Iterator[ReportType]:
        if self.config.reports is None or self.config.reports:
            yield from self._described_reports()
        if has_clicks(self.config.values):
            yield reports.clicks_type(self.config, zone_text(self.zone()))

    def _described_reports(self) -> list[ReportType]:
        configured, entries = self.config.reports, self._catalog.reports()
        types, errors = list[ReportType](), list[str]()
        for index, report in enumerate(reports.configured_or_all(configured, entries)):
            place = f"impact.reports[{index}]"
            if wrong := reports.why_unavailable(report, entries):
                errors.append(f"{place}.id: {wrong}")
                continue
            entry = entries[reports.report_id(report)]
            metadata = self._catalog.metadata(entry)
            type_ = reports.type_from_settings(self.config, report, zone_text(self.zone()))
            errors += [f"{place}.params.{text}" for text in wrong_parameters(type_, metadata)]
            types.append(described(type_, entry, metadata, selected=configured is not None))
        if errors:
            raise ConfigError(errors)
        return types

    @override
    def restore(self, known: CatalogStream) -> ReportType | None:
        zone = self._zone.known
        return reports.type_from_catalog(self.config, known, zone_text(zone) if zone else None)

    @override
    def final_day(self, report: ReportType) -> dt.date:
        return self.clock.now().astimezone(self.zone()).date() - dt.timedelta(days=1)

    @override
    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        values = self.config.values
        account = {
            "account_type": values["account_type"],
            "api_version": str(values.get("api_version") or ""),
        }
        return [
            self.request(
                report,
                export_days,
                parameters={**account, "path": path, "query": query},
                quota="click" if report.report == reports.CLICKS else "report",
                row_limit=reports.ROW_LIMITS.get(report.report),
            )
            for path, query, export_days in reports.exports_of(values, report, days, self.zone)
        ]

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Submit an export.

        For parameters that the vendor knows it returns the job that it already has, with its old data, so
        `refresh` has nothing to ask for: `poll` says how old the data is and `replay` renews it. For the
        same reason the answer's status is not believed: the job is PENDING until it is polled.

        Raises:
            QuotaSpent: The day's quota is spent.
            CallRejected: The vendor said no, also within an HTTP 200.
        """
        parameters = request.parameters
        answer = self._jobs.submit(parameters["path"], parameters["query"], request.quota)
        return ReportJob(
            request=request,
            id=job_id_of(answer) or "",
            submitted_at=self.clock.now(),
            word=str(answer.get("Status") or ""),
        )

    def poll(self, job: ReportJob) -> ReportJob:
        """Return the job as it is now; a replayed one has not ended before its own dates have changed."""
        answer = self._jobs.read(job.id)
        word = required_text(answer, "Status")
        status, unknown = status_of(STATUSES, word)
        zone = self._zone.known or dt.UTC
        created_at = instant(answer.get("CreatedDate"), zone)
        job = replace(job, status=status, word=word, unknown_word=unknown, created_at=created_at)
        if shows_earlier_run(answer, status, job.handle.get(REPLAYED_FROM) or {}):
            return replace(job, status=JobStatus.RUNNING)
        if not status.is_terminal:
            return job
        return replace(
            job,
            finished_at=ended_at(answer, zone) or job.finished_at or self.clock.now(),
            rows=whole_number(answer.get("RecordsProcessed")) if status.is_good else None,
            message="" if status.is_good else str(answer.get("StatusMessage") or word),
        )

    def replay(self, job: ReportJob) -> ReportJob:
        """Let the vendor run a finished or failed job again; returns the job to poll on.

        The brand API queues the same job again, the agency API makes a new one. A job that runs already is
        not replayed once more.

        Raises:
            CallRejected: It can't be replayed, or is not known any more: submit again.
        """
        before = self._jobs.read(job.id)
        job_id = self._jobs.replay(job.id, before, job.request.quota) if has_ended(before) else job.id
        return ReportJob(
            request=job.request,
            id=job_id,
            submitted_at=self.clock.now(),
            handle={REPLAYED_FROM: end_dates(before)} if job_id == job.id else {},
        )

    def retry(self, job: ReportJob) -> ReportJob:
        """Let the vendor run a failed job again: a replay as well."""
        return self.replay(job)

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the job's file; the call is redirected to a signed link on another host."""
        url = self.api.url(f"{self._jobs.path(job.id)}/Download")
        if reports.layout(self.config.values).format is FileFormat.JSON:
            return [page_download(url)]
        return [Download(url=url, authenticated=True)]

    def check(self) -> Iterator[Check]:
        """Yield whether the credentials are good, and whether each configured report can be run."""
        try:
            yield Check(name="account", ok=True, detail=self._check_zone())
        except CallError as error:
            yield Check.of("account", error)
            if error.status == 401:
                return  # every further call would say the same
        try:
            entries = self._catalog.reports()
        except CallError as error:
            yield Check.of("reports", error)
            return
        count = sum(map(is_accessible, entries.values()))
        yield Check(name="reports", ok=True, detail=f"{count} of {len(entries)} can be run by API")
        for report in self.config.reports or ():
            wrong = reports.why_unavailable(report, entries)
            yield Check(name=reports.report_id(report), ok=not wrong, detail=wrong)

    def _check_zone(self) -> str:
        """Return the time zone in words; it is read even where it is set, as that needs the credentials."""
        setting = self.config.values.get("timezone")
        try:
            zone = redact(self._catalog.timezone())
        except AccessDenied as error:
            if error.status == 403 and setting:
                return 'CompanyInformation is not allowed, "timezone" is set.'
            if error.status == 403:
                error.remedy = 'Allow CompanyInformation or set "timezone".'
            raise
        if setting:
            return f"time zone {setting} (setting)"
        unread = f'time zone UTC, as "{zone}" is not one; set "timezone"'
        return f"time zone {zone}" if read_zone(zone) else unread
