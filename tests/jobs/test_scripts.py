"""A vendor's answers as scripts on a fake clock: how the run ends, its calls, its seconds, the next run."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from dataclasses import dataclass
from typing import Any

import pytest
from job_cases import is_loud, is_whole
from scenarios import SCENARIOS, run_here

from tap_reports.sandbox import Sandbox

FIRST, MAX_INTERVAL, DEADLINE = 5, 60, 3600
"""Seconds: until the first poll, at most between two polls, until a job's deadline."""
DONE = {"similarweb": "completed", "impact": "COMPLETED", "second_nature": "complete"}
BUSY = {
    "similarweb": ["pending", "retry", "processing"],
    "impact": ["QUEUED", "RUNNING", "running"],
    "second_nature": ["pending", "in_progress", "processing"],
}
PRICED = ("second_nature", "similarweb")
"""A vendor without charges, and one that charges for submissions."""
POLLED = ("impact", "similarweb", "second_nature")
SCRIPTS = []


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a vendor answers, and what the run does then.

    Attributes:
        faults: The sandbox's faults, each with its action.
        error: Class of the error that ends the stream; "" if all rows are emitted.
        resumes: After an error, whether the next run resumes the job (else it submits).
        runs_again: After an error, whether a next run without faults follows, which must emit all rows.
        seconds: The minimum and maximum that the run takes.
        calls: How many calls of each kind the run makes.
    """

    vendor: str
    faults: list[dict[str, Any]]
    error: str = ""
    resumes: bool = False
    runs_again: bool = True
    seconds: tuple[float, float] = (0, math.inf)
    calls: dict[str, int]


def script(said, vendors, *faults, error="", resumes=False, runs_again=True, seconds=(0, math.inf), **calls):
    """Add a script for some vendors; a fault may be a function of the vendor."""
    for vendor in vendors:
        made = Script(
            vendor=vendor,
            faults=[fault(vendor) if callable(fault) else fault for fault in faults],
            error=error,
            resumes=resumes,
            runs_again=runs_again,
            seconds=seconds,
            calls=calls,
        )
        SCRIPTS.append(pytest.param(made, id=f"{vendor}: {said}"))


def answers(kind, status, times=1, **more):
    return {"action": "status", "kind": kind, "status": status, "times": times, **more}


def says(*words, kind="submit", times=1):
    return {"action": "statuses", "kind": kind, "words": list(words), "times": times}


FOREVER = 0
"""The `times` of a fault that stays."""
NONSENSE = ["<html>hello</html>", "{", "[]", '"text"', "null", "{}"]
BACKOFF = 3 * 0.75, 3 * 1.25 + 10
"""Seconds of two refusals: 1 and 2, with their jitter."""

# --- submissions --------------------------------------------------------------------------------------

for status in (429, 500, 503):
    script(f"{status} to a submission", PRICED, answers("submit", status, 2), submit=3, seconds=BACKOFF)
after = {"retry_after": 120}
script("a refusal that says when", PRICED, answers("submit", 429, **after), submit=2, seconds=(120, 130))
script("429 twenty times", PRICED, answers("submit", 429, 20), submit=21, seconds=(600, 1500))
stays = {"error": "StreamError", "submit": 6, "seconds": (20, 60)}
script("503 to submissions for ever", PRICED, answers("submit", 503, FOREVER), **stays)
for status in (400, 401, 403, 404):
    refused = {"error": "StreamError", "submit": 1, "seconds": (0, 1)}
    script(f"{status} to a submission", PRICED, answers("submit", status, FOREVER), **refused)
script("a refused token", ["digital_turbine"], answers("submit", 401), submit=2, token=2)
for fault in ("lost_answer", "reset", 408, 501, 502, 504, 520, 522, 524):
    made = answers("submit", fault) if isinstance(fault, int) else {"action": fault, "kind": "submit"}
    script(f"{fault} to a submission", ["second_nature"], made, submit=2)
    script(f"{fault} to a submission", ["similarweb"], made, error="StreamError", submit=1)
for body in ("<html>", "{", "[]", "null"):
    made = answers("submit", 200, body=body)
    script(f"{body} to a submission", ["second_nature"], made, submit=2)
    script(f"{body} to a submission", ["similarweb"], made, error="StreamError", submit=1)
for vendor, submissions in {"impact": 6, "second_nature": 6, "digital_turbine": 2, "similarweb": 1}.items():
    lost = {"action": "lost_answer", "kind": "submit", "times": FOREVER}
    script("every answer to a submission is lost", [vendor], lost, error="StreamError", submit=submissions)

# --- polls --------------------------------------------------------------------------------------------

script(
    "words are followed to the end; an unknown one may become known",
    POLLED,
    lambda vendor: says(*BUSY[vendor], "???", DONE[vendor]),
    submit=1,
    poll=5,
    seconds=[factor * sum(FIRST * 1.1**polls for polls in range(5)) for factor in (0.85, 1)],
)
for status in (429, 500, 502, 503, 504):
    waits = {"seconds": (FIRST * 0.85 + 7 * 0.75, FIRST + 7 * 1.25)}
    script(f"{status} to three polls", ["impact"], answers("poll", status, 3), submit=1, poll=4, **waits)
    # Digital Turbine's poll is a look at its link; a small file that it finds is not downloaded again.
    link = answers("download", status, 3)
    script(f"{status} to three polls", ["digital_turbine"], link, submit=1, download=4, **waits)
broken = {"error": "StreamError", "resumes": True, "submit": 1}
script("500 to polls for ever", POLLED, answers("poll", 500, FOREVER), poll=6, **broken)
script("401 to polls for ever", POLLED, answers("poll", 401, FOREVER), **broken)
script("403 to polls for ever", POLLED, answers("poll", 403, FOREVER), **broken)
for body in NONSENSE:
    script(f"{body} to polls for ever", POLLED, answers("poll", 200, FOREVER, body=body), poll=4, **broken)
for status in (304, 408, 409, 425):
    script(f"{status} to a poll", ["impact", "second_nature"], answers("poll", status), submit=1, poll=2)
for body in ("Request was throttled.", "rate limit exceeded", "Too many requests"):
    said = f"403 to a poll, {body}"
    script(said, ["impact", "second_nature"], answers("poll", 403, body=body), submit=1, poll=2)
script("404 to a poll: its status lags", ["impact", "second_nature"], answers("poll", 404), submit=1, poll=2)
script("404 to a poll: its status lags", ["similarweb"], answers("poll", 404), submit=1)
script("404 to polls for ever", ["impact", "second_nature"], answers("poll", 404, FOREVER), poll=3, **broken)
tomorrow = answers("poll", 429, FOREVER, retry_after=86_400)
late = {"error": "JobTimeout", "resumes": True, "seconds": (DEADLINE - 10, DEADLINE + 10)}
script("polls are told to come tomorrow", POLLED, tomorrow, submit=1, **late)
script(
    "busy for ever",
    POLLED,
    lambda vendor: says(*BUSY[vendor][:1] * 2000),
    submit=1,
    runs_again=False,
    **late,
)
no_link = {"action": "no_link", "kind": "poll"}
script("done without a link, twice", PRICED, {**no_link, "times": 2}, submit=1, poll=3)
script("done without a link for ever", PRICED, {**no_link, "times": FOREVER}, poll=4, **broken)

# --- ends ---------------------------------------------------------------------------------------------

job_failed = {"error": "JobFailed", "submit": 1, "runs_again": False}
for vendor, word, kind, retries in (
    ("similarweb", "internal_error", "retry", 2),
    ("impact", "FAILED", "replay", 1),
    ("impact", "ERROR", "replay", 1),
    ("impact", "CANCELLED", "replay", 1),
):
    script(f"{word}: the vendor runs it again for free", [vendor], says(word), submit=1, **{kind: 1})
    again = [{**says(word, kind="poll"), "nth": nth} for nth in range(1, retries + 3)]
    script(f"{word} again and again", [vendor], *again, **job_failed, **{kind: retries})
    refusal = answers(kind, 404, FOREVER)
    script(f"{word}, and a refused {kind}", [vendor], says(word), refusal, **job_failed)
script("bad_request is final", ["similarweb"], says("bad_request"), **job_failed, retry=0)
script("a failed ticket", ["second_nature"], says("failed", kind="poll"), submit=2)
failed = says("failed", kind="poll", times=FOREVER)
script("failed tickets for ever", ["second_nature"], failed, error="JobFailed", submit=2)

# --- downloads ----------------------------------------------------------------------------------------

expired = {"action": "expired_link", "kind": "download"}
for vendor, times, submissions in (("similarweb", 1, 1), ("impact", 1, 1), ("second_nature", 2, 2)):
    script("an expired link", [vendor], {**expired, "times": times}, submit=submissions)
ever = {**expired, "times": FOREVER}
script("links that have expired for ever", ["similarweb"], ever, error="FileError", resumes=True, submit=1)
script("links that have expired for ever", ["second_nature"], ever, error="FileError", submit=2)


@pytest.fixture
def sandbox():
    with Sandbox(rows=2, speed=1e6, delay=0, credits=100_000) as running:
        yield running


@pytest.fixture
def case_config(sandbox):
    def config(vendor, **settings):
        polls = {"poll_interval_seconds": FIRST, "poll_max_interval_seconds": MAX_INTERVAL}
        return SCENARIOS[vendor].config(
            sandbox,
            block={"slice_days": 24, **polls},
            **{"job_ledger": "off", "retry_backoff_seconds": 1, **settings},
        )

    return config


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_of_answers_leads_to_its_end(sandbox, case_config, clock, script, tmp_path):
    vendor, scenario = script.vendor, SCENARIOS[script.vendor]
    config = case_config(vendor, job_ledger=str(tmp_path / "jobs.sqlite"))
    for fault in script.faults:
        sandbox.faults.add(**fault, vendor=vendor)
    ran = run_here(config, clock)
    assert {kind: len(sandbox.calls_of(vendor, kind)) for kind in script.calls} == script.calls
    assert script.seconds[0] <= ran.seconds <= script.seconds[1]
    if not script.error:
        assert is_whole(ran, scenario, sandbox)
        return
    assert is_loud(ran, scenario)
    assert ran.error_class == script.error
    assert "internal error" not in ran.error
    assert len(ran.pending(scenario.stream)) == int(script.resumes)
    if script.runs_again:
        sandbox.faults.clear()
        assert is_whole(run_here(config, clock, state=ran.state), scenario, sandbox)
        assert len(sandbox.calls_of(vendor, "submit")) == script.calls["submit"] + int(not script.resumes)


# --- not in a script ---------------------------------------------------------------------------------

LINK = "https://files.example.com/a.csv?signature=5f1d0c9b7e"


@pytest.mark.parametrize("vendor", ["impact", "similarweb"])
@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("Queued for review", "Queued for review"),
        pytest.param(LINK, "files.example.com/a.csv", id="a link is shown without its permission"),
    ],
)
def test_an_unknown_word_is_waited_out_and_named_once(
    sandbox, case_config, clock, vendor, word, shown, caplog
):
    sandbox.faults.add("statuses", vendor=vendor, kind="submit", words=[word] * 2000)
    ran = run_here(case_config(vendor), clock)
    assert ran.error_class == "JobTimeout"
    assert shown in ran.error
    assert "unknown" in ran.error
    assert ran.seconds == pytest.approx(DEADLINE, abs=0.1)
    assert len([line for line in caplog.messages if "unknown status" in line]) == 1
    assert "5f1d0c9b7e" not in f"{ran.error} {caplog.messages}"


@pytest.mark.parametrize("vendor", ["impact", "similarweb"])
def test_a_job_at_its_deadline_is_resumed_by_the_next_run(sandbox, case_config, clock, vendor):
    words = [BUSY[vendor][0]] * 30 + [DONE[vendor]]
    sandbox.faults.add("statuses", vendor=vendor, kind="submit", words=words)
    ran = run_here(case_config(vendor, job_deadline_seconds=100), clock)
    assert ran.seconds == pytest.approx(100, abs=0.1)
    assert is_whole(run_here(case_config(vendor), clock, state=ran.state), SCENARIOS[vendor], sandbox)
    assert sandbox.submissions(vendor).calls == 1


@pytest.mark.parametrize("vendor", ["impact", "similarweb"])
@pytest.mark.parametrize("form", ["in seconds", "as a date"])
def test_retry_after_is_honoured(sandbox, case_config, clock, vendor, form):
    at = email.utils.format_datetime(clock.now() + dt.timedelta(seconds=1800), usegmt=True)
    headers = {"Retry-After": "1800" if form == "in seconds" else at}
    sandbox.faults.add("status", vendor=vendor, kind="poll", status=503, headers=headers)
    ran = run_here(case_config(vendor), clock)
    assert is_whole(ran, SCENARIOS[vendor], sandbox)
    assert 1798 <= ran.seconds <= 1800 + FIRST
    assert len(sandbox.calls_of(vendor, "poll")) == 2


@pytest.mark.parametrize("vendor", PRICED)
def test_a_vendor_that_throttles_for_ever_is_waited_for_until_the_deadline(
    sandbox, case_config, clock, vendor
):
    sandbox.faults.add("status", vendor=vendor, kind="submit", status=429, times=FOREVER)
    ran = run_here(case_config(vendor, job_deadline_seconds=600), clock)
    assert "HTTP 429" in ran.error
    assert 500 < ran.seconds <= 601
    assert sandbox.submissions(vendor).accepted == 0
