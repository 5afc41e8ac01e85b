"""What can be set on a sandbox, the accounts that it knows, and its sense of time."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from enum import StrEnum


class Switch(StrEnum):
    """Where a vendor's documents disagree or say nothing, the other behaviour; all off by default."""

    SIMILARWEB_V3_MISSING = "similarweb_v3_missing"  # `/v3/batch/` answers 404, but for submissions
    SIMILARWEB_V3_GONE = "similarweb_v3_gone"  # The same with 410
    SIMILARWEB_DESCRIBE_OBJECT = "similarweb_describe_object"  # `{"tables": [...]}`, not a bare array
    SIMILARWEB_CREDITS_SHORT = "similarweb_credits_short"  # `credits`, not `remaining_credits`
    SIMILARWEB_VALIDATE_400 = "similarweb_validate_400"  # Errors are answered 400, not 200
    SIMILARWEB_SPACED_WORDS = "similarweb_spaced_words"  # `internal error`, `bad request`
    SIMILARWEB_MONTHLY_DATE = "similarweb_monthly_date"  # Monthly files have `date`, not `yearmonth`
    IMPACT_PAGED = "impact_paged"  # JSON results come in pages, as `@page` and `@numpages` tell
    IMPACT_ZERO_BYTE = "impact_zero_byte"  # A result without rows is an empty file instead of a header
    DT_URL_KEY = "dt_url_key"  # The link stands under `url`, with an `id`, instead of `signed_url`
    DT_PENDING_404 = "dt_pending_404"  # A link without data yet answers 404 instead of an empty 200
    DT_ZERO_BYTE = "dt_zero_byte"  # A report without data stays an empty body for ever instead of a header
    SN_ZIP = "sn_zip"  # CSV with several sheets is one zip instead of a list of links
    SN_OTHER_FIELDS = "sn_other_fields"  # A GET of `report`, `from` and `to`; others are ignored
    SN_LIST_OBJECTS = "sn_list_objects"  # The list call answers a bare array of objects
    GZIP = "gzip"  # Report files are gzip files, without saying so in a header
    ZIP = "zip"  # Report files are zip files with one member
    NO_RANGE = "no_range"  # Downloads ignore `Range`


@dataclass(frozen=True, slots=True)
class Accounts:
    """The made-up credentials that the sandbox accepts."""

    similarweb_key: str = "sandbox-similarweb-key"
    impact_sid: str = "IRsandbox0001"
    impact_word: str = "sandbox-impact-word"
    digital_turbine_id: str = "5a4db0c5"
    digital_turbine_word: str = "sandbox-digital-turbine-word"
    second_nature_key: str = "sandbox-second-nature-key"
    second_nature_no_admin: str = "sandbox-second-nature-no-admin"


@dataclass(frozen=True, slots=True)
class Postback:
    """Calls that impact.com makes when a job is done, as an operator would set them up there."""

    url: str  # Called on completion; loopback only
    method: str = "GET"  # GET with the values in the query, or POST with them as JSON
    job_parameter: str = "JobId"  # Name under which the job id is sent
    extra: dict[str, str] = field(default_factory=dict)  # Further values, sent as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that can be set."""

    rows: int = 10  # Rows per day, or per sheet of a snapshot; Similarweb's size follows its filters
    seed: int = 1  # Other seeds, other values
    speed: float = 1.0  # All delays are divided by it; limits per minute and hour are multiplied
    delay: float = 5.0  # Seconds that a job takes
    today: dt.date | None = None  # Current date; None: the real one
    restated_days: int = 0  # Values of that many days up to today change with each run of a report
    link_seconds: float | None = None  # Life of a link; None: what each vendor says. Not divided by `speed`
    token_seconds: float = 3600  # Life of a Digital Turbine access token. Not divided by `speed`
    credits: int = 1_000_000  # Similarweb balance at the start
    pending_limit: int = 100  # Similarweb reports that may be unfinished at a time
    reports_per_day: int = 100  # impact.com ReportExport calls a UTC day
    clicks_per_day: int = 10  # impact.com ClickExport calls a UTC day
    requests_per_hour: int = 1000  # impact.com calls an hour
    dt_reports_per_minute: int = 5  # Digital Turbine reports a minute
    dt_reports_per_day: int = 100  # Digital Turbine reports a UTC day
    sn_requests_per_minute: int | None = None  # Second Nature calls a minute; None: no limit
    page_size: int = 1000  # Rows of a page where results are paged
    account_type: str = "partner"  # The impact.com account that a printed config uses
    postback: Postback | None = None  # impact.com's job-completion calls; None: none
    switches: frozenset[Switch] = frozenset()  # See `Switch`

    def has(self, switch: Switch) -> bool:
        """Return whether a switch is on."""
        return switch in self.switches

    def real(self, seconds: float) -> float:
        """Return the real seconds that a vendor's delay takes here."""
        return seconds / self.speed

    def limit(self, count: int) -> int:
        """Return how many calls a minute or hour may hold at this speed."""
        return max(1, round(count * max(1.0, self.speed)))


class Time:
    """The machine's clock with the date moved to the sandbox's today."""

    def __init__(self, today: dt.date | None) -> None:
        self._days = dt.timedelta(0)
        if today is not None:
            self.move_to(today)

    def move_to(self, today: dt.date) -> None:
        """Make `today` the current date, now."""
        self._days = dt.timedelta(days=(today - dt.datetime.now(dt.UTC).date()).days)

    def now(self) -> dt.datetime:
        """Return the time, aware, in UTC."""
        return dt.datetime.now(dt.UTC) + self._days

    def today(self) -> dt.date:
        """Return the current date in UTC."""
        return self.now().date()

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()
