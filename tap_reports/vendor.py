"""What a vendor must define. A vendor is one module in `tap_reports.vendors` with a `VENDOR`.

Vendors differ in their data (`Vendor`) and in the few functions of their client (`client.ReportClient` and
the optional protocols below). The engine is the same for all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tap_reports.models import FileOptions, Json, Kind

if TYPE_CHECKING:
    from singer_sdk import typing as th

    from tap_reports.client import ReportClient
    from tap_reports.clock import Clock
    from tap_reports.http.api import ApiSession
    from tap_reports.http.links import DownloadSession
    from tap_reports.models import (
        Estimate,
        Quota,
        ReportJob,
        ReportRequest,
        ReportType,
    )


class LostSubmission(StrEnum):
    """What to do with a submission whose answer was lost."""

    RESEND = "resend"
    """The vendor returns the same job: send it again as often as any broken call."""
    RESEND_ONCE = "resend_once"
    """A second job costs only quota: send it again once."""
    FAIL = "fail"
    """A second job costs money: fail the slice. The next run submits again with a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig:
    """One validated entry of `reports`.

    Attributes:
        values: All its settings by name, with defaults.
        name: The user's stream name (second half), or None.
        primary_keys, replication_key: Header or property names, or () and None.
        columns: Header or property name -> kind.
        file: Its `file` settings.
    """

    values: Json = field(default_factory=dict)
    name: str | None = None
    primary_keys: tuple[str, ...] = ()
    replication_key: str | None = None
    columns: Mapping[str, Kind] = field(default_factory=dict)
    lookback_days: int | None = None
    slice_days: int | None = None
    file: FileOptions = field(default_factory=FileOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorConfig:
    """A validated vendor block: common settings as attributes, the vendor's own settings in `values`."""

    name: str
    values: Json = field(repr=False)
    api_url: str
    reports: tuple[ReportConfig, ...] | None
    max_jobs_in_flight: int
    lookback_days: int | None
    slice_days: int | None
    poll_interval_seconds: float
    poll_max_interval_seconds: float
    job_deadline_seconds: float
    reuse_job_hours: float
    reuse_finished_jobs: bool
    callback_url: str | None = field(default=None, repr=False)
    """Where the vendor may call when a job is done (holds the postback secret)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientContext:
    """What a client gets to work with.

    Attributes:
        api: Calls of the vendor's API; the client sets `api.auth` or headers.
        files: Reads links that carry their own permission (never credentials).
        clock: The time.
    """

    api: ApiSession
    files: DownloadSession
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStream:
    """A stream from a catalog, so that discovery is not needed again.

    Attributes:
        name: Second half of the stream name.
        title: The schema's title: `ReportType.report`, followed by ` / <sheet>` for a sheet. May be "".
    """

    name: str
    title: str


@runtime_checkable
class Estimates(Protocol):
    """A client that can estimate the cost of a request, for free."""

    def estimate(self, request: ReportRequest) -> Estimate:
        """Return the cost. Raises CallRejected if the vendor would not accept the request."""

    def remaining_credits(self) -> Decimal | None:
        """Return the credits left, or None if the vendor does not say."""


@runtime_checkable
class Retries(Protocol):
    """A client whose vendor re-runs a failed job for free (`Vendor.retries` times)."""

    def retry(self, job: ReportJob) -> ReportJob:
        """Have the vendor run the job again. Returns the job to poll."""


@runtime_checkable
class Replays(Protocol):
    """A client whose vendor re-runs a finished job on newer data without a new submission."""

    def replay(self, job: ReportJob) -> ReportJob:
        """Have the vendor run the job again. Returns the job to poll, maybe with a new id.

        Raises:
            CallRejected: It can't be replayed; the engine submits again.
        """


@runtime_checkable
class Bounded(Protocol):
    """A client that knows how far back its account's data goes."""

    def first_day(self, report: ReportType) -> dt.date | None:
        """Return the first day that a report has, or None if unknown. May make one call."""


@runtime_checkable
class Zoned(Protocol):
    """A client whose account has a time zone of its own."""

    def zone(self) -> dt.tzinfo:
        """Return the zone of times that have none. May make one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """The data of a vendor.

    Attributes:
        name: Block name in the configuration, and first half of its streams' names.
        title: The name that users see.
        api_url: Default base URL.
        settings: The block's settings, in addition to those of every block.
        report_settings: A report's settings, in addition to those of every report.
        connect: Makes the client, without any call.
        check: Yields what is wrong with a block that fits the schema, each as `setting: what.`,
            without the block's name. Empty required texts are reported for every vendor.
        default_reports: The default of `reports`; None: all that the vendor lists.
        report_name: Returns the stream name's second half from its settings, or None if that needs a call.
        is_dated: Returns whether a report with these settings is dated.
        dated_extras: Second halves of the names of dated streams that a block has in addition to its reports.
        quotas: The submission quotas by the block's settings.
        max_credits: (per report, per run) by the block's settings; None for no limit.
        max_jobs_in_flight, lookback_days, slice_days, poll_interval_seconds,
        poll_max_interval_seconds, reuse_job_hours: Defaults; None for the top level's.
        slice_days_in_words: The default of `slice_days` in the documentation, where it differs by report.
        retries: How often a failed job may be run again for free, in one run of the tap.
        resubmissions: New submissions that the vendor's guide asks for after EXPIRED or FAILED_RETRYABLE.
        lost_submission: See `LostSubmission`.
        resumes_by_id: True if a job can be polled by its id alone.
        result_hours: How long a finished job's result can be fetched; None for no known limit.
        max_slice_days: Maximum of days that the vendor accepts in one report; None for unknown.
        fixed_grid: True if slices lie on the fixed grid whatever keys a report has, so that a lookback
            requests the same jobs.
        calls_back: True if the vendor can call `postbacks.public_url` when a job is done.
    """

    name: str
    title: str
    api_url: str
    settings: tuple[th.Property[Any], ...]
    report_settings: tuple[th.Property[Any], ...]
    connect: Callable[[VendorConfig, ClientContext], ReportClient]
    check: Callable[[Json], Iterable[str]] = field(default=lambda _: ())
    default_reports: tuple[Json, ...] | None = None
    report_name: Callable[[Json], str | None] = field(default=lambda _: None)
    is_dated: Callable[[Json], bool] = field(default=lambda _: True)
    dated_extras: Callable[[Json], Iterable[str]] = field(default=lambda _: ())
    quotas: Callable[[VendorConfig], Sequence[Quota]] = field(default=lambda _: ())
    max_credits: Callable[[VendorConfig], tuple[Decimal | None, Decimal | None]] = field(
        default=lambda _: (None, None)
    )
    max_jobs_in_flight: int = 10
    lookback_days: int = 0
    slice_days: int = 30
    slice_days_in_words: str = ""
    poll_interval_seconds: float | None = None
    poll_max_interval_seconds: float | None = None
    reuse_job_hours: float | None = None
    retries: int = 0
    resubmissions: int = 0
    lost_submission: LostSubmission = LostSubmission.FAIL
    resumes_by_id: bool = True
    result_hours: float | None = None
    calls_back: bool = False
    fixed_grid: bool = False
    max_slice_days: int | None = None
