"""What vendors' clients have in common. A client is what `vendor.ReportClient` says."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tap_reports.exceptions import CallRejected, JobUnknown
from tap_reports.models import JobStatus, Json, ReportRequest
from tap_reports.setting import TEXT, setting

if TYPE_CHECKING:
    from tap_reports.models import ReportType, Slice
    from tap_reports.vendor import CatalogStream, ClientContext, VendorConfig


class BaseClient:
    """What most clients do alike; a client overrides what its vendor does otherwise.

    Args:
        account: Public name of the account.
        config: The vendor's block.
        tools: Sessions and time.
    """

    def __init__(self, account: str, config: VendorConfig, tools: ClientContext) -> None:
        self.account = account
        self.config = config
        self.api, self.files, self.clock = tools.api, tools.files, tools.clock

    def report_types(self) -> Iterable[ReportType]:
        """Return the reports."""
        raise NotImplementedError

    def restore(self, known: CatalogStream) -> ReportType | None:
        """Return the report of this name; for a client whose `report_types` makes no call."""
        return next((report for report in self.report_types() if report.name == known.name), None)

    def final_day(self, report: ReportType) -> dt.date:
        """Return yesterday: days are final when they are over, in UTC."""
        return self.clock.now().date() - dt.timedelta(days=1)

    def requests(self, report: ReportType, days: Slice | None) -> Sequence[ReportRequest]:
        """Return the one request of a slice."""
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
