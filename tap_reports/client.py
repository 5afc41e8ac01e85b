"""What a vendor's client must do, with defaults that fit most vendors."""

from __future__ import annotations

import datetime as dt
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import CallRejected, JobUnknown
from tap_reports.models import JobStatus, Json, ReportRequest
from tap_reports.setting import TEXT, setting

if TYPE_CHECKING:
    from tap_reports.models import Check, Download, ReportJob, ReportType, Slice
    from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig


class ReportClient(ABC):
    """A vendor's API for one account. A client overrides the defaults that do not fit its vendor.

    Args:
        account: Public name of the account, part of every job's key. It is known without a call.
        config: The vendor's block.
        context: Sessions and clock.
    """

    def __init__(self, account: str, config: VendorConfig, context: ClientContext) -> None:
        self.account = account
        self.config = config
        self.api, self.files, self.clock = context.api, context.files, context.clock

    @abstractmethod
    def report_types(self) -> Iterable[ReportType]:
        """Return the configured reports, or all if none are configured. Free calls only.

        Raises:
            ConfigError: A configured report, table or metric does not exist; the error names the nearest.
        """

    def restore(self, known: CatalogStream) -> ReportType | None:
        """Return the report of a catalog's stream without any call, or None if it is not configured.

        Columns, keys and replication key may be missing: the catalog's are used. This default is for clients
        whose `report_types` makes no call.
        """
        return next((report for report in self.report_types() if report.name == known.name), None)

    def final_day(self, report: ReportType) -> dt.date:
        """Return the last day whose data is final by the vendor's rule. May make one call.

        This default is yesterday: a day is final when it is over, in UTC.
        """
        return self.clock.now().date() - dt.timedelta(days=1)

    def gaps(self, report: ReportType, days: Slice) -> str:
        """Return a warning about data that is known to be missing within the days, or ""."""
        return ""

    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        """Return the requests for a slice, in the order of their rows. This default is one request."""
        return [self.request(report, days)]

    def request(self, report: ReportType, days: Slice | None, /, **more: Any) -> ReportRequest:
        """Return a request of this account; `more` are fields that replace the report's."""
        return ReportRequest(
            vendor=self.config.name,
            account=self.account,
            api_url=self.config.api_url,
            slice=days,
            **{"report": report.report, "parameters": report.parameters, **more},
        )

    @abstractmethod
    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Submit a report: one call through `ApiSession.submit`, which costs, and is never retried here.

        Args:
            request: What to submit.
            refresh: True if a cached result would be too old: have the vendor run the report again.
        """

    @abstractmethod
    def poll(self, job: ReportJob) -> ReportJob:
        """Return the job with its current status. It is free and may be repeated. If `Vendor.resumes_by_id`,
        it needs only `job.id` (with an empty `handle`).

        Raises:
            JobUnknown: The vendor does not know it.
        """

    @abstractmethod
    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the files of a SUCCEEDED job, in row order."""

    @abstractmethod
    def check(self) -> Iterable[Check]:
        """Yield the checks of `--test`. Free calls only."""


ACCOUNT = setting(
    "account",
    TEXT,
    "Name of the account, of your choice, under which its jobs are found again. Set it before the first run "
    "to keep them when the key changes. Default: a hash of the key, so that a new key is another account.",
)
"""For a vendor whose account is identified only by an API key."""


def account_of_key(values: Json) -> str:
    """Return the public name of the account, from a block with the settings `ACCOUNT` and `api_key`."""
    return values.get("account") or f"key-{hashlib.sha256(values['api_key'].encode()).hexdigest()[:12]}"


@contextmanager
def unknown_where(*statuses: int) -> Iterator[None]:
    """Wrap a call about a job: these HTTP statuses mean that the vendor does not know the job.

    Raises:
        JobUnknown: The vendor answered with one of them.
    """
    try:
        yield
    except CallRejected as error:
        if error.status in statuses:
            raise JobUnknown(error.what, error.answer, status=error.status) from error
        raise


def status_of(words: Mapping[str, JobStatus], word: str) -> tuple[JobStatus, bool]:
    """Return a vendor's status word as a status, and whether the word is unknown.

    Keys of `words` are normalised: lower case, `_` for space and `-`. An unknown word counts as RUNNING:
    the engine warns once and polls the job until its deadline.
    """
    normal = word.strip().lower().replace(" ", "_").replace("-", "_")
    return (words[normal], False) if normal in words else (JobStatus.RUNNING, True)
