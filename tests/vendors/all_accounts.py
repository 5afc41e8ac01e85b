"""The four accounts in one form, for tests of what all vendors do alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import digital_turbine_account as turbine
import impact_account as impact
import second_nature_account as nature
import similarweb_account as similarweb
from one_account import FakeClock

from tap_reports.models import ReportJob


@dataclass
class Account:
    """One vendor's.

    Attributes:
        connect: Makes a client.
        request: Makes its request.
        submits: Method and URL of a submission.
        polls: URL of a poll of the job `j-1`.
        secret: What no message may show.
    """

    connect: Callable[[], Any]
    request: Callable[[Any], Any]
    submits: tuple[str, str]
    polls: str
    secret: str

    def job(self, client, job_id="j-1"):
        return ReportJob(request=self.request(client), id=job_id, submitted_at=client.clock.now())


def _impact():
    return impact.client_of([{"id": "x"}], timezone="UTC")


ACCOUNTS = {
    "similarweb": Account(
        lambda: similarweb.connect(retries=2),
        lambda _: similarweb.request(),
        ("POST", similarweb.SUBMIT),
        f"{similarweb.STATUS}/j-1",
        similarweb.KEY,
    ),
    "impact": Account(
        _impact,
        impact.request_of,
        ("GET", f"{impact.PREFIX}/ReportExport/x"),
        f"{impact.PREFIX}/Jobs/j-1",
        impact.TOKEN,
    ),
    "digital_turbine": Account(
        lambda: turbine.connect(FakeClock(turbine.NOON)),
        turbine.request_for,
        ("POST", turbine.REPORT_URL),
        "",
        turbine.SECRET,
    ),
    "second_nature": Account(
        lambda: nature.connect(FakeClock(nature.NOW)),
        nature.request_for,
        ("POST", nature.REQUEST_URL),
        f"{nature.API}/reports/export/j-1/",
        nature.KEY,
    ),
}
POLLED = [name for name, account in ACCOUNTS.items() if account.polls]
"""Those with a status call."""
