"""What a vendor's client must do, and what most clients do alike."""

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
    """A vendor's API for one account. A client overrides what its vendor does otherwise than most.

    Args:
        account: Public name of the account, part of every job's identity. Known without a call.
        config: The vendor's block.
        context: Sessions and time.
    """

    def __init__(self, account: str, config: VendorConfig, context: ClientContext) -> None:
        self.account = account
        self.config = config
        self.api, self.files, self.clock = context.api, context.files, context.clock

    @abstractmethod
    def report_types(self) -> Iterable[ReportType]:
        """Return the configured (or, without any, all) reports. Free calls only.

        Raises:
            ConfigError: A configured report, table or metric that does not exist, the nearest named.
        """

    def restore(self, known: CatalogStream) -> ReportType | None:
        """Return the report of a catalog's stream without any call, or None if it is not configured.

        Columns, keys and replication key need not be filled in: the catalog's are used. This one is for a
        client whose `report_types` makes no call.
        """
        return next((report for report in self.report_types() if report.name == known.name), None)

    def final_day(self, report: ReportType) -> dt.date:
        """Return the last day whose data is final by the vendor's rule (a call is allowed, once): yesterday,
        as days are final when they are over, in UTC.
        """
        return self.clock.now().date() - dt.timedelta(days=1)

    def gaps(self, report: ReportType, days: Slice) -> str:
        """Return what a report is known to lack within the days, for a warning; "" where nothing is known."""
        return ""

    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        """Return what to ask for a slice, in the order in which the rows come out: one request."""
        return [self.request(report, days)]

    def request(self, report: ReportType, days: Slice | None, /, **more: Any) -> ReportRequest:
        """Return a request of this account: `more` are fields of it, laid over the report's own."""
        return ReportRequest(
            vendor=self.config.name,
            account=self.account,
            api_url=self.config.api_url,
            slice=days,
            **{"report": report.report, "parameters": report.parameters, **more},
        )

    @abstractmethod
    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        """Submit a report. One call that costs, through `ApiSession.submit`, never retried in here.

        Args:
            request: What to ask.
            refresh: A cached result would be too old: ask the vendor to run it again.
        """

    @abstractmethod
    def poll(self, job: ReportJob) -> ReportJob:
        """Return the job as the vendor sees it now. Free, may be repeated, works with `job.id` alone
        (an empty `handle`) where `Vendor.resumes_by_id`.

        Raises:
            JobUnknown: The vendor does not know it.
        """

    @abstractmethod
    def downloads(self, job: ReportJob) -> Sequence[Download]:
        """Return the files of a SUCCEEDED job, in row order."""

    @abstractmethod
    def check(self) -> Iterable[Check]:
        """Yield what `--test` found with free calls only."""


ACCOUNT = setting(
    "account",
    TEXT,
    "Name of the account, of your choice, under which its jobs are found again. Set it before the first run "
    "to keep them when the key changes. Default: a hash of the key, so that a new key is another account.",
)
"""For a vendor whose account is known by nothing but an API key."""


def account_of_key(values: Json) -> str:
    """Return the public name of the account of a block with `ACCOUNT` and `api_key`."""
    return values.get("account") or f"key-{hashlib.sha256(values['api_key'].encode()).hexdigest()[:12]}"


@contextmanager
def unknown_where(*statuses: int) -> Iterator[None]:
    """Around a call about a job: these HTTP statuses say that the vendor does not know it.

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
    the engine warns once and waits the job out until its deadline.
    """
    normal = word.strip().lower().replace(" ", "_").replace("-", "_")
    return (words[normal], False) if normal in words else (JobStatus.RUNNING, True)
