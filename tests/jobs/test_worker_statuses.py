"""What a vendor says of a job, as scripts on a fake clock: rows, submissions, calls and seconds for each."""

from __future__ import annotations

import datetime as dt
import email.utils
from dataclasses import dataclass, field
from typing import Any

import pytest
from job_cases import is_loud, is_whole
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock

from tap_reports.exceptions import StreamError
from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.jobs import Phase

DONE = {"similarweb": "completed", "impact": "COMPLETED"}
BUSY = {"similarweb": ["pending", "retry", "processing"], "impact": ["QUEUED", "RUNNING", "running"]}
FIRST, MOST, DEADLINE = 5, 60, 3600


@pytest.fixture
def sandbox():
    with Sandbox(rows=2, speed=1e6, delay=0, credits=100_000) as running:
        yield running


@dataclass
class Case:
    """One slice of one vendor, on a fake clock."""

    sandbox: Sandbox
    vendor: str
    settings: dict[str, Any] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def scenario(self):
        return SCENARIOS[self.vendor]

    def run(self, **given):
        block = {
            "slice_days": 24,
            "poll_interval_seconds": FIRST,
            "poll_max_interval_seconds": MOST,
            **self.settings.pop("block", {}),
        }
        config = {
            **self.scenario.config(self.sandbox, block=block),
            "job_ledger": "off",
            "retry_backoff_seconds": 1,
            **self.settings,
        }
        return run_here(config, self.clock, **given)

    def calls(self, kind):
        return len(self.sandbox.calls_of(self.vendor, kind))

    def is_whole(self, ran):
        return is_whole(ran, self.scenario, self.sandbox)

    def is_loud(self, ran):
        return is_loud(ran, self.scenario)


@pytest.fixture(params=["impact", "digital_turbine"])
def case(request, sandbox):
    """An ordinary vendor, and the one whose polls are looks at a link."""
    return Case(sandbox, request.param)


@pytest.fixture(params=["impact", "similarweb"])
def worded(request, sandbox):
    """An ordinary vendor, and the one whose submissions cost."""
    return Case(sandbox, request.param)


def test_words_are_followed_to_the_end_and_an_unknown_one_may_become_known(worded):
    words = [*BUSY[worded.vendor], "???", DONE[worded.vendor]]
    worded.sandbox.faults.add("statuses", vendor=worded.vendor, kind="submit", words=words)
    ran = worded.run()
    assert worded.is_whole(ran)
    assert worded.calls("submit") == 1
    assert worded.calls("poll") == 5
    waits = [FIRST * 1.1**polls for polls in range(5)]
    assert 0.85 * sum(waits) <= ran.seconds <= sum(waits)


LINK = "https://files.example.com/a.csv?signature=5f1d0c9b7e"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("Queued for review", "Queued for review"),
        pytest.param(LINK, "files.example.com/a.csv", id="a link is shown without its permission"),
    ],
)
def test_an_unknown_word_is_waited_out_and_named(worded, word, shown, caplog):
    worded.sandbox.faults.add("statuses", vendor=worded.vendor, kind="submit", words=[word] * 2000)
    ran = worded.run()
    assert worded.is_loud(ran)
    assert ran.error_class == "JobTimeout"
    assert shown in ran.error
    assert "unknown" in ran.error
    assert ran.seconds == pytest.approx(DEADLINE, abs=0.1)
    assert worded.calls("submit") == 1
    assert len([one for one in caplog.records if "unknown status" in one.message]) == 1
    assert "5f1d0c9b7e" not in f"{ran.error} {[one.getMessage() for one in caplog.records]}"
    assert len(ran.pending(worded.scenario.stream)) == 1


def test_a_job_at_its_deadline_is_resumed_by_the_next_run(worded):
    worded.settings["job_deadline_seconds"] = 100
    worded.sandbox.faults.add(
        "statuses",
        vendor=worded.vendor,
        kind="submit",
        words=[BUSY[worded.vendor][0]] * 30 + [DONE[worded.vendor]],
    )
    ran = worded.run()
    assert worded.is_loud(ran)
    assert ran.error_class == "JobTimeout"
    assert ran.seconds == pytest.approx(100, abs=0.1)
    state = ran.state
    worded.settings["job_deadline_seconds"] = 3600
    worded.clock.seconds += 60
    assert worded.is_whole(worded.run(state=state))
    assert worded.calls("submit") == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_broken_poll_is_a_broken_call_and_no_failed_job(case, status):
    # Digital Turbine's poll is a look at its link; a small file that it finds is not downloaded again.
    kind = "download" if case.vendor == "digital_turbine" else "poll"
    case.sandbox.faults.add("status", vendor=case.vendor, kind=kind, status=status, times=3)
    ran = case.run()
    assert case.is_whole(ran)
    assert case.calls("submit") == 1
    assert case.calls(kind) == 3 + 1
    assert FIRST * 0.85 + 7 * 0.75 <= ran.seconds <= FIRST + 7 * 1.25


@pytest.mark.parametrize("form", ["in seconds", "as a date"])
def test_retry_after_is_honoured(worded, form):
    at = email.utils.format_datetime(worded.clock.now() + dt.timedelta(seconds=1800), usegmt=True)
    headers = {"Retry-After": "1800" if form == "in seconds" else at}
    worded.sandbox.faults.add("status", vendor=worded.vendor, kind="poll", status=503, headers=headers)
    ran = worded.run()
    assert worded.is_whole(ran)
    assert 1798 <= ran.seconds <= 1800 + FIRST
    assert worded.calls("poll") == 2


NONSENSE = ["<html>hello</html>", "{", "[]", '"text"', "null", "{}"]


@pytest.mark.parametrize(
    ("answer", "polls"), [({"status": 500}, 6), *(({"status": 200, "body": body}, 4) for body in NONSENSE)]
)
def test_polls_that_stay_broken_or_make_no_sense_end_the_stream_and_keep_the_job(worded, answer, polls):
    worded.sandbox.faults.add("status", vendor=worded.vendor, kind="poll", times=0, **answer)
    ran = worded.run()
    assert worded.is_loud(ran)
    (failed,) = ran.tap.outcome.failures.values()
    assert type(failed) is StreamError
    assert "defect" not in str(failed)
    assert worded.calls("poll") == polls
    worded.sandbox.faults.clear()
    assert worded.is_whole(worded.run(state=ran.state))
    assert worded.calls("submit") == 1


@pytest.mark.parametrize("vendor", ["similarweb", "second_nature"])
def test_done_without_a_link_is_asked_again(sandbox, vendor):
    case = Case(sandbox, vendor)
    sandbox.faults.add("no_link", vendor=vendor, kind="poll", times=2)
    assert case.is_whole(case.run())
    assert case.calls("poll") == 3
    assert case.calls("submit") == 1


@pytest.mark.parametrize("vendor", ["similarweb", "second_nature"])
def test_done_without_a_link_for_ever_fails_and_keeps_the_job(sandbox, vendor):
    case = Case(sandbox, vendor)
    fault = sandbox.faults.add("no_link", vendor=vendor, kind="poll", times=0)
    ran = case.run()
    assert case.is_loud(ran)
    assert case.calls("submit") == 1
    assert fault.seen == 4
    assert len(ran.pending(case.scenario.stream)) == 1


@pytest.mark.parametrize(
    ("vendor", "times", "submissions"),
    [
        pytest.param("similarweb", 1, 1, id="by a poll"),
        pytest.param("impact", 1, 1, id="by following its redirect again"),
        pytest.param("second_nature", 2, 2, id="by one new ticket"),
    ],
)
def test_an_expired_link_is_renewed(sandbox, vendor, times, submissions):
    case = Case(sandbox, vendor)
    sandbox.faults.add("expired_link", vendor=vendor, kind="download", times=times)
    assert case.is_whole(case.run())
    assert case.calls("submit") == submissions


@pytest.mark.parametrize(
    ("vendor", "submissions"),
    [
        pytest.param("similarweb", 1, id="a new report would have to be paid for and another link is free"),
        pytest.param("second_nature", 2, id="the second ticket is the last"),
    ],
)
def test_a_link_that_keeps_expiring_is_left_for_the_next_run(sandbox, vendor, submissions):
    case = Case(sandbox, vendor)
    sandbox.faults.add("expired_link", vendor=vendor, kind="download", times=0)
    ran = case.run()
    assert case.is_loud(ran)
    assert ran.error_class == "FileError"
    assert case.calls("submit") == submissions
    sandbox.faults.clear()
    assert case.is_whole(case.run(state=ran.state))
    assert case.calls("submit") == (1 if vendor == "similarweb" else 3)


def test_a_link_that_fills_and_then_is_gone_for_ever_costs_one_more_request_and_is_an_error():
    with Sandbox(rows=100, speed=1e6, delay=0) as sandbox:  # too much to be kept from the poll
        case = Case(sandbox, "digital_turbine")
        for download in range(2, 20, 2):  # each poll, before it, finds a body
            sandbox.faults.add("status", vendor=case.vendor, kind="download", status=404, nth=download)
        ran = case.run()
    assert case.is_loud(ran)
    assert ran.error_class == "FileError"
    assert "its download links had expired" in ran.error
    assert case.calls("submit") == 2
    assert ran.pending(case.scenario.stream) == []
    assert ran.seconds < 60


@pytest.mark.parametrize(
    ("vendor", "word", "kind", "retries"),
    [
        ("similarweb", "internal_error", "retry", 2),
        ("impact", "FAILED", "replay", 1),
        ("impact", "ERROR", "replay", 1),
        ("impact", "CANCELLED", "replay", 1),
    ],
)
def test_a_failed_job_is_run_again_by_the_vendor_for_free(sandbox, vendor, word, kind, retries):
    case = Case(sandbox, vendor)
    sandbox.faults.add("statuses", vendor=vendor, kind="submit", words=[word])
    assert case.is_whole(case.run())
    assert case.calls("submit") == 1
    assert case.calls(kind) == 1

    case = Case(sandbox, vendor)
    sandbox.reset()
    for nth in range(1, retries + 3):
        sandbox.faults.add("statuses", vendor=vendor, kind="poll", words=[word], nth=nth)
    ran = case.run()
    assert case.is_loud(ran)
    assert ran.error_class == "JobFailed"
    assert case.calls("submit") == 1
    assert case.calls(kind) == retries
    assert ran.pending(case.scenario.stream) == []


def test_a_failed_ticket_is_asked_for_once_more(sandbox):
    case = Case(sandbox, "second_nature")
    sandbox.faults.add("statuses", vendor="second_nature", kind="poll", words=["failed"])
    assert case.is_whole(case.run())
    assert case.calls("submit") == 2

    sandbox.reset()
    sandbox.faults.add("statuses", vendor="second_nature", kind="poll", words=["failed"], times=0)
    ran = case.run()
    assert case.is_loud(ran)
    assert ran.error_class == "JobFailed"
    assert case.calls("submit") == 2


def test_a_bad_request_is_final(sandbox):
    case = Case(sandbox, "similarweb")
    sandbox.faults.add("statuses", vendor="similarweb", kind="submit", words=["bad_request"])
    ran = case.run()
    assert case.is_loud(ran)
    assert (case.calls("submit"), case.calls("retry")) == (1, 0)


@pytest.mark.parametrize(("vendor", "kind"), [("similarweb", "retry"), ("impact", "replay")])
def test_where_the_vendor_refuses_its_own_retry_the_next_run_submits_anew(sandbox, vendor, kind):
    case = Case(sandbox, vendor)
    word = "internal_error" if vendor == "similarweb" else "FAILED"
    sandbox.faults.add("statuses", vendor=vendor, kind="submit", words=[word])
    sandbox.faults.add("status", vendor=vendor, kind=kind, status=404, times=0)
    ran = case.run()
    assert case.is_loud(ran)
    assert ran.error_class == "JobFailed"
    assert ran.pending(case.scenario.stream) == []
    assert case.calls("submit") == 1


# --- Digital Turbine: a link that fills ---------------------------------------------------------------


@pytest.fixture
def slow():
    """A sandbox whose reports never fill."""
    with Sandbox(rows=2, delay=1e9, speed=1, dt_reports_per_minute=1000) as running:
        yield Case(running, "digital_turbine")


def test_a_link_that_stays_empty_is_asked_for_once_more_and_fails(slow):
    ran = slow.run()
    assert slow.is_loud(ran)
    assert slow.calls("submit") == 2
    assert ran.seconds == pytest.approx(2 * 3600, abs=2)
    assert "empty" in ran.error
    assert ran.pending(slow.scenario.stream) == []


def test_a_link_that_fills_after_the_second_request_is_taken(slow, monkeypatch):
    after = slow.clock.now() + dt.timedelta(seconds=4000)
    poll = slow.sandbox.jobs.phase
    monkeypatch.setattr(
        slow.sandbox.jobs, "phase", lambda job: Phase.DONE if slow.clock.now() > after else poll(job)
    )
    assert slow.is_whole(slow.run())
    assert slow.calls("submit") == 2


def test_a_token_that_ends_within_a_run_is_renewed(slow):
    slow.run()
    assert slow.calls("token") == 2


def test_a_refused_token_is_renewed_and_costs_no_second_submission(sandbox):
    case = Case(sandbox, "digital_turbine")
    sandbox.faults.add("status", vendor="digital_turbine", kind="submit", status=401)
    assert case.is_whole(case.run())
    assert case.calls("token") == 2
    assert sandbox.submissions("digital_turbine").accepted == 1
