"""Lumen: visits of an account's sites, and its list of sites, as JSON lines.

What the worked example of docs/adding-a-vendor.md does not need is here: an account with a time zone, prices
and a limit on them, a free retry, a snapshot, results in several files, a result's life.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from requests.auth import HTTPBasicAuth
from singer_sdk import typing as th

from tap_reports.client import ReportClient, status_of, unknown_where
from tap_reports.http.responses import answer_object, required_text
from tap_reports.models import (
    Check,
    Column,
    Download,
    Estimate,
    FileFormat,
    JobStatus,
    Json,
    Kind,
    Layout,
    ReportJob,
    ReportRequest,
    ReportType,
)
from tap_reports.setting import TEXT, TEXTS, setting
from tap_reports.vendor import ClientContext, Vendor, VendorConfig

STATES = {
    "waiting": JobStatus.PENDING,
    "working": JobStatus.RUNNING,
    "ready": JobStatus.SUCCEEDED,
    "crashed": JobStatus.FAILED_RETRYABLE,
}
SITE = Column("site", "site", Kind.STRING)
VISITS = (Column("day", "day", Kind.DATE), SITE, Column("visits", "visits", Kind.INTEGER))


class Lumen(ReportClient):
    """The API for one account."""

    def __init__(self, config: VendorConfig, context: ClientContext) -> None:
        super().__init__(config.values["user"], config, context)
        self.api.auth = HTTPBasicAuth(self.account, config.values["word"])

    @cached_property
    def _me(self) -> Json:
        return answer_object(self.api.call("GET", "/me"))

    def zone(self) -> dt.tzinfo:
        return ZoneInfo(required_text(self._me, "zone"))

    def final_day(self, report: ReportType) -> dt.date:
        return self.clock.now().astimezone(self.zone()).date() - dt.timedelta(days=1)

    def report_types(self) -> Iterable[ReportType]:
        lines = Layout(format=FileFormat.JSON)
        sites = tuple(self.config.values.get("sites") or ())
        yield ReportType(
            name="visits",
            report="visits",
            columns=VISITS,
            primary_keys=("day", "site"),
            date_column="day",
            layout=lines,
            parameters={"sites": sites},
        )
        yield ReportType(name="sites", report="sites", dated=False, columns=(SITE,), layout=lines)

    def submit(self, request: ReportRequest, *, refresh: bool = False) -> ReportJob:
        answer = answer_object(self.api.submit("POST", "/exports", json=_body(request)))
        job_id = required_text(answer, "id")
        return ReportJob(request=request, id=job_id, submitted_at=self.clock.now())

    def poll(self, job: ReportJob) -> ReportJob:
        path = f"/exports/{job.id}"
        with unknown_where(404):
            answer = answer_object(self.api.call("GET", path))
        word = required_text(answer, "state")
        status, unknown = status_of(STATES, word)
        cost = answer.get("price")
        return replace(
            job,
            status=status,
            word=word,
            unknown_word=unknown,
            message=str(answer.get("why") or ""),
            credits=None if cost is None else Decimal(str(cost)),
            links={"files": answer.get("files") or []},
        )

    def retry(self, job: ReportJob) -> ReportJob:
        self.api.call("POST", f"/exports/{job.id}/retry")
        return replace(job, status=JobStatus.PENDING)

    def downloads(self, job: ReportJob) -> Sequence[Download]:
        return [Download(url=url) for url in job.links["files"]]

    def estimate(self, request: ReportRequest) -> Estimate:
        answer = answer_object(self.api.call("POST", "/price", json=_body(request)))
        return Estimate(credits=Decimal(required_text(answer, "price")))

    def remaining_credits(self) -> Decimal | None:
        return None

    def check(self) -> Iterable[Check]:
        yield Check.tried("account", lambda: f"{self.account} is in the time zone {self.zone()}")


def _body(request: ReportRequest) -> dict[str, Any]:
    days = request.slice
    dates = {"from": str(days.start), "to": str(days.end)} if days else {}
    return {"export": request.report, **request.parameters, **dates}


VENDOR = Vendor(
    name="lumen",
    title="Lumen",
    api_url="https://api.lumen.example",
    settings=(
        setting("user", TEXT, "User name of the API.", required=True),
        setting("word", TEXT, "Password of the API.", required=True, secret=True),
        setting("sites", TEXTS, "Only these sites. Default: all."),
        setting("max_price", th.NumberType(minimum=0), "Most that a run may cost."),
    ),
    report_settings=(),
    connect=Lumen,
    default_reports=(),
    max_credits=lambda config: (None, Decimal(str(config.values.get("max_price", "Infinity")))),
    retries=1,
    result_hours=48,
)
