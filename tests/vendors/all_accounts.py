"""The four accounts in one form, and odd answers, for tests of what all vendors do alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import digital_turbine_account as turbine
import impact_account as impact
import pytest
import second_nature_account as nature
import similarweb_account as similarweb
from one_account import FakeClock

from tap_reports.exceptions import CallError
from tap_reports.models import ReportJob


@dataclass
class Account:
    """One vendor's.

    Attributes:
        connect: Makes a client, with settings of the block.
        request: Makes its request.
        submits: Method and URL of a submission.
        polls: URL of a poll of the job `j-1`.
        secret: What no message may show.
    """

    connect: Callable[..., Any]
    request: Callable[[Any], Any]
    submits: tuple[str, str]
    polls: str
    secret: str

    def job(self, client, job_id="j-1"):
        return ReportJob(request=self.request(client), id=job_id, submitted_at=client.clock.now())


ACCOUNTS = {
    "similarweb": Account(
        lambda **values: similarweb.connect(retries=2, **values),
        lambda _: similarweb.request(),
        ("POST", similarweb.SUBMIT),
        f"{similarweb.STATUS}/j-1",
        similarweb.KEY,
    ),
    "impact": Account(
        lambda **values: impact.client_of([{"id": "x"}], timezone="UTC", **values),
        impact.request_of,
        ("GET", f"{impact.PREFIX}/ReportExport/x"),
        f"{impact.PREFIX}/Jobs/j-1",
        impact.TOKEN,
    ),
    "digital_turbine": Account(
        lambda **values: turbine.connect(FakeClock(turbine.NOON), turbine.config(**values)),
        turbine.request_for,
        ("POST", turbine.REPORT_URL),
        "",
        turbine.SECRET,
    ),
    "second_nature": Account(
        lambda **values: nature.connect(FakeClock(nature.NOW), **values),
        nature.request_for,
        ("POST", nature.REQUEST_URL),
        f"{nature.API}/reports/export/j-1/",
        nature.KEY,
    ),
}
POLLED = [name for name, account in ACCOUNTS.items() if account.polls]
"""Those with a status call."""

SIGNED = "https://files.example.com/r.csv?X-Signature=5ecret5ignature"
ODD_BODIES = {
    "nothing": b"",
    "a page": b"<html>\n<body>No, for reasons\n of ours</body></html>",
    "bytes": b"\xff\xfe\x00no, for reasons\x80",
    "a text": b'"no, for reasons"',
    "a number": b"7",
    "null": b"null",
    "a list": b'["no", 1, null]',
    "words in objects": b'{"errors": {"domains": [{"code": 1, "text": "no, for reasons"}]}}',
    "words in lists": b'{"Message": [["no"], 1], "error": null, "detail": {"a": []}}',
    "half an object": b'{"errors": ["no, for',
    "very long": b'{"message": "%s"}' % (b"no, for reasons; " * 9999),
    "very deep": b"[" * 5000,
    "secrets": f'{{"errors": ["{SIGNED} and {[account.secret for account in ACCOUNTS.values()]}"]}}'.encode(),
}


def of(*names):
    """Run a test with these vendors' accounts."""
    return pytest.mark.parametrize("account", names or tuple(ACCOUNTS), indirect=True)


def refused(client, call, argument, kind):
    """Return the text of a call's error, which is of this very kind, on one line and without secrets."""
    with pytest.raises(CallError) as caught:
        getattr(client, call)(argument)
    assert type(caught.value) is kind
    text = f"{caught.value} {caught.value.remedy} {caught.value!r}"
    assert not [
        secret for secret in (*(a.secret for a in ACCOUNTS.values()), "5ecret5ignature") if secret in text
    ]
    assert caught.value.remedy
    assert "\n" not in text
    assert len(text) < 3000
    return text
