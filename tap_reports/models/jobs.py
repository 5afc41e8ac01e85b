"""Requests to a vendor, its jobs and their downloads, and what they cost."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from tap_reports.models.reports import Json, Slice

RESULT_HOURS = "result_hours"
REPLAYED = "replayed"
DAY_SECONDS = 86400
"""`Quota.seconds` of a calendar day in UTC."""


class JobStatus(StrEnum):
    """The state of a job, whatever words its vendor uses.

    `EMPTY` is success without rows: the vendor says that there is no data.
    A time-out is decided here, not by the vendor: it is an exception, not a status.
    """

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    EMPTY = "empty"
    FAILED_RETRYABLE = "failed_retryable"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """True if the vendor does no more work on the job."""
        return self not in {JobStatus.PENDING, JobStatus.RUNNING}

    @property
    def is_good(self) -> bool:
        """True if the job's rows (or their absence) can be used."""
        return self in {JobStatus.SUCCEEDED, JobStatus.EMPTY}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """What one submission requests of a vendor. Equal requests are one job (see `key`).

    Attributes:
        vendor: Vendor block name.
        account: Public name of the account (never a secret; a key's short hash where nothing else is).
        api_url: Base URL of the API.
        report: What the vendor calls the report.
        parameters: Everything else that changes the result; JSON values.
        slice: The dates, or None for a snapshot.
        columns: Requested columns, in order, where the vendor lets one choose.
        quota: Which of the vendor's quotas counts it (`report`, `click`).
        options: What else the submission sends, without changing the result; not part of the key.
        row_limit: Maximum of rows in a result; None: no limit is known.
        settled_on: First day on which the data can no longer change; None: it always can.
    """

    vendor: str
    account: str
    api_url: str
    report: str
    parameters: Json = field(default_factory=dict)
    slice: Slice | None = None
    columns: tuple[str, ...] = ()
    quota: str = "report"
    options: Json = field(default_factory=dict)
    row_limit: int | None = None
    settled_on: dt.date | None = None
    key: str = field(default="", init=False, compare=False)
    """Identity of the job that this request leads to: 32 hexadecimal digits."""

    def __post_init__(self) -> None:
        identity = [
            self.vendor,
            self.account,
            self.api_url,
            self.report,
            _json_value(self.parameters),
            str(self.slice or ""),
            list(self.columns),
        ]
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), default=str)
        object.__setattr__(self, "key", hashlib.sha256(text.encode()).hexdigest()[:32])


def _json_value(value: Any) -> Any:
    """Return `value` with mapping proxies and tuples replaced by what JSON can write."""
    if isinstance(value, Mapping):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJob:
    """One submission's life at the vendor.

    Attributes:
        request: What was requested.
        id: The vendor's job id; for Digital Turbine the last path part of the link.
        status: See `JobStatus`.
        submitted_at: When we (or an earlier run) submitted it, UTC.
        finished_at: When the vendor says that it finished, else when a poll first said so, UTC.
        created_at: When the vendor says that it made the job, if it does.
        handle: What else the client needs to poll and download. May be secret: only the ledger has it.
            Its `RESULT_HOURS`: how long the result can be fetched, where the submission chose that. Its
            `REPLAYED`: the engine has had the vendor run the job again.
        links: The result's links, from the poll that said that it is done. They are stored nowhere: signed
            links are secret, and the next poll returns them again.
        word: The vendor's own status word.
        unknown_word: True if `word` is not one the vendor documents; the status is then RUNNING.
        message: The vendor's message about a failure, redacted.
        credits: What the vendor says it cost.
        rows: How many rows the vendor says it has.
        retry_after: Seconds the vendor asks to wait before the next poll.
    """

    request: ReportRequest
    id: str
    status: JobStatus = JobStatus.PENDING
    submitted_at: dt.datetime
    finished_at: dt.datetime | None = None
    created_at: dt.datetime | None = None
    handle: Json = field(default_factory=dict, repr=False)
    links: Json = field(default_factory=dict, repr=False)
    word: str = ""
    unknown_word: bool = False
    message: str = ""
    credits: Decimal | None = None
    rows: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file to fetch.

    Attributes:
        url: Where it is. May be signed, so it is never shown.
        authenticated: Fetch with the API's credentials (only ever sent to the API's own origin).
        sheet: The sheet that the file holds, where a vendor gives one file a sheet.
        more: Given the fetched file, returns the next one (paged results), or None.
    """

    url: str = field(repr=False)
    authenticated: bool = False
    sheet: str | None = None
    more: Callable[[Path], Download | None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a request would cost. `warnings` are the vendor's words."""

    credits: Decimal
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit on submissions of one account.

    Attributes:
        name: As the user knows it: `reports_per_day`.
        limit: Maximum of submissions in the window.
        seconds: 60 for a rolling minute; `DAY_SECONDS` for a calendar day in UTC.
        counts: Which requests it counts (`ReportRequest.quota`).
    """

    name: str
    limit: int
    seconds: int
    counts: str = "report"

    @property
    def is_day(self) -> bool:
        """True for a calendar day's quota."""
        return self.seconds == DAY_SECONDS
