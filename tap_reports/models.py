"""The values that all packages share: frozen, without input or output."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from tap_reports.exceptions import CallError, sentence

Json = Mapping[str, Any]
RESULT_HOURS = "result_hours"
InvalidValues = Literal["fail", "null"]
"""What becomes of a cell that does not fit its column."""
OnQuotaSpent = Literal["fail", "stop"]
"""What becomes of a stream whose day quota or credit limit is spent."""


class Granularity(StrEnum):
    """The period that one row of a dated report stands for."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Kind(StrEnum):
    """What a column holds. A setting, a schema type and a converter each."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"


class FileFormat(StrEnum):
    """What a report file holds once it is unpacked."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"


class JobStatus(StrEnum):
    """Where a job stands, whatever words its vendor uses.

    `EMPTY` is success without rows: the vendor says that there is no data.
    A time-out is ours and so an exception, not a status.
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


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """The dates of one request, both ends inclusive."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of a back-fill that this process extracts: number `index` (from 0) of `count`."""

    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report file: its header there, its property in the records, its kind."""

    header: str
    property: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """A report's `file` settings: what can't be known from a file, or is detected wrongly.

    Attributes:
        encoding: Of a text file without byte order mark, as Python names it; None: UTF-8.
        delimiter: Between the cells of CSV; None: detected.
        decimal_separator: `.` or `,`; None: a comma is accepted only where it can't be a decimal one.
        header_row: Which row of the file (line of CSV, row of a sheet) is the header, from 1; None: detected.
        footer_rows: Rows at the end of each table that are not rows of the report.
        hidden_sheets: Hidden sheets of a workbook are read, too.
        null_words: Cells of these words are null, like empty ones.
        date_format: How dates are written, in pendulum's tokens (`MM/DD/YYYY h:mm A`).
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal_separator: str | None = None
    header_row: int | None = None
    footer_rows: int = 0
    hidden_sheets: bool = False
    null_words: tuple[str, ...] = ()
    date_format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a parser must know of a vendor's files.

    Attributes:
        format: What the unpacked file is. A zip holds files of this format.
        records: JSON only: top-level keys that may hold the array of rows (`Records`).
            Without any, the rows are the top-level array or JSON lines.
        empty_words: A file whose first cell is one of these has no rows.
        renames: Header in the file -> header used (`yearmonth` -> `date`).
        sheet: The sheet to read (XLSX sheet, `sheet_name` of JSON, name of a CSV file); None: the only one.
        options: What the user sets of the report's files.
        known: Property names of the columns that are known: a row of these is the header.
        most_bytes: That a file may unpack to.
    """

    format: FileFormat = FileFormat.CSV
    records: tuple[str, ...] = ()
    empty_words: tuple[str, ...] = ()
    renames: Json = field(default_factory=dict)
    sheet: str | None = None
    options: FileOptions = FileOptions()
    most_bytes: int = 100 << 30
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportType:
    """The facts of one report, as its vendor describes them; user settings are laid over it later.

    Attributes:
        name: Second half of the stream name, in snake_case.
        report: What the vendor calls it: table, handle, report name.
        dated: Rows belong to days, so the report is extracted slice by slice; else it is a snapshot.
        granularity: Period of a row; slices of weekly and monthly reports are whole periods.
        columns: What is known of its columns beforehand, in file order.
        primary_keys: Headers that identify a row; () for none.
        asked: Headers that its requests ask for by name: a file without one of them is not the report.
        date_column: Header of the column that holds the period's (first) day; None if it has none.
        slice_days: The vendor's default for this report; None: the vendor's general one.
        lookback_days: Likewise.
        max_slice_days: What no setting exceeds (1: the vendor takes single days only).
        parameters: Whatever its client needs to build requests.
        infers_columns: The columns are known from a file only: discovery asks for one.
        selected: Selected by default.
        description: For the catalog.
    """

    name: str
    report: str
    dated: bool = True
    granularity: Granularity = Granularity.DAILY
    columns: tuple[Column, ...] = ()
    primary_keys: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    date_column: str | None = None
    slice_days: int | None = None
    lookback_days: int | None = None
    max_slice_days: int | None = None
    parameters: Json = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    infers_columns: bool = False
    selected: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """What is asked of a vendor in one submission. Equal requests are one job (see `key`).

    Attributes:
        vendor: Vendor block name.
        account: Public name of the account (never a secret; a key's short hash where nothing else is).
        api_url: Base URL of the API.
        report: What the vendor calls the report.
        parameters: Everything else that changes the result; JSON values.
        slice: The dates, or None for a snapshot.
        columns: Columns asked for, in order, where the vendor lets one choose.
        quota: Which of the vendor's quotas it counts in (`report`, `click`).
        options: What the submission says beside that without changing the result; no part of the key.
        row_limit: Most rows that the vendor puts into the result; None: no limit is known.
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
            _plain(self.parameters),
            str(self.slice or ""),
            list(self.columns),
        ]
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), default=str)
        object.__setattr__(self, "key", hashlib.sha256(text.encode()).hexdigest()[:32])


def _plain(value: Any) -> Any:
    """Return `value` with mapping proxies and tuples as JSON can write them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJob:
    """One submission's life at the vendor.

    Attributes:
        request: What was asked.
        id: The vendor's job id; for Digital Turbine the last path part of the link.
        status: See `JobStatus`.
        submitted_at: When we (or an earlier run) submitted it, UTC.
        finished_at: When it was first seen terminal, or the vendor's own word for it, UTC.
        created_at: The vendor's word for when the job was made, if it says.
        handle: What else the client needs to go on. May be secret: ledger only, never state or logs.
            `RESULT_HOURS` in it: how long its result can be fetched, where that was asked for.
        links: Where the poll that saw it finished found its result. Signed links are secret and the next poll
            says them again, so they are kept nowhere.
        word: The vendor's own status word.
        unknown_word: True if `word` is not one the vendor documents; the status is then RUNNING.
        message: The vendor's words on a failure, redacted.
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
        sheet: The sheet that the file holds, where a vendor hands out one file a sheet.
        more: Given the fetched file, returns the next one (paged results), or None.
    """

    url: str = field(repr=False)
    authenticated: bool = False
    sheet: str | None = None
    more: Callable[[Path], Download | None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A downloaded file, complete and as it came (maybe gzip or zip).

    Attributes:
        path: Where it lies; removed once its rows are out.
        job_id: For messages and `_report_job_id`.
        name: For messages: the vendor's name of the report.
        sheet: The sheet that it holds, if the vendor named one.
        bytes: Size as downloaded.
    """

    path: Path
    job_id: str
    name: str = "the report"
    sheet: str | None = None
    bytes: int = 0


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
        limit: Most submissions in the window.
        seconds: 60 for a rolling minute; 86400 for a calendar day in UTC.
        counts: Which requests it counts (`ReportRequest.quota`).
    """

    name: str
    limit: int
    seconds: int
    counts: str = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `--test`: what was checked, whether it is well, and what to know or do."""

    name: str
    ok: bool
    detail: str = ""

    @classmethod
    def of(cls, name: str, error: CallError) -> Check:
        """Return the check that a call's error failed."""
        return cls(name=name, ok=False, detail=sentence(str(error), error.remedy))

    @classmethod
    def tried(cls, name: str, ask: Callable[[], str]) -> Check:
        """Return what a free call tells, in words; or that it failed, and how."""
        try:
            return cls(name=name, ok=True, detail=ask())
        except CallError as error:
            return cls.of(name, error)


class StreamEnd(StrEnum):
    """How a stream ended in a run."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUse:
    """What a run did with one job. `action`: submit, resume, reuse or replay."""

    job_id: str
    action: str
    bytes: int | None = None
    credits: Decimal | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOutcome:
    """What became of one stream in one run: the facts of `--summary`, of the ledger and of the last lines.

    Attributes:
        error: Cause and remedy in one sentence, redacted; "" unless it failed.
        rows: Records that are out.
        first_day, last_day: What it was to extract; None for a snapshot, or where it never began.
        slices, slices_done: How many it had, and how many of them are out.
    """

    stream: str
    outcome: StreamEnd
    error: str = ""
    rows: int = 0
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    slices: int = 0
    slices_done: int = 0
    jobs: tuple[JobUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What became of a run. `exit_status` is None for one that has not said how it ended: it is under way, or
    it was killed.
    """

    run_id: str
    version: str
    started_at: dt.datetime
    seconds: float | None = None
    exit_status: int | None = None
    signal: int | None = None
    was_killed: bool = False
    streams: tuple[StreamOutcome, ...] = ()
