"""Whatever goes wrong, no secret is shown: not in the output, the log, the state, the ledger, its listing."""

from __future__ import annotations

import json
import re

import pytest
from scenarios import SCENARIOS

from tap_reports.sandbox import Sandbox

WRONG = "M4rked-S3cret+/=?&x"
SECRETS = {
    "similarweb": "sandbox-similarweb-key",
    "impact": "sandbox-impact-word",
    "digital_turbine": "sandbox-digital-turbine-word",
    "second_nature": "sandbox-second-nature-key",
}
SETTINGS = {
    "similarweb": "api_key",
    "impact": "auth_token",
    "digital_turbine": "client_secret",
    "second_nature": "api_key",
}
KINDS = {
    "similarweb": ("describe", "validate", "credits", "submit", "poll", "download"),
    "impact": ("list", "metadata", "submit", "poll", "link", "download"),
    "digital_turbine": ("token", "submit", "download"),
    "second_nature": ("list", "submit", "poll", "download"),
}
GONE_ON_WITHOUT = {("similarweb", "describe"), ("similarweb", "credits")}
"""Calls whose failure is a warning."""
SIGNED = re.compile(r"(?:[Ss]ignature|[Ee]xpires|X-Amz-[A-Za-z]+|sig|token)=(?!\[redacted\])[\w%-]{4,}")
BEARER = re.compile(r"sandbox\.[\w-]{20,}")
"""Digital Turbine's access token, as the sandbox makes it."""
LINK = "https://files.example.com/report.csv?X-Amz-Expires=900&X-Amz-Signature=0123456789abcdef"


def run_talkative(program, config, *options):
    return program.run(config, *options, LOGLEVEL="DEBUG", TAP_REPORTS_LOGLEVEL="DEBUG")


def failures(kind, said):
    """Yield what may go wrong with a kind of call; a vendor may well say what it was sent."""
    yield {"action": "status", "status": 401, "body": said}
    if kind in {"token", "submit", "poll", "download"}:
        yield {"action": "status", "status": 200, "body": said}
    if kind == "submit":
        yield {"action": "status", "status": 400, "body": said}
        yield {"action": "lost_answer"}
    if kind == "download":
        for action in ("expired_link", "truncated", "corrupt_gzip"):
            yield {"action": action}
        yield {"action": "wrong_content", "body": json.dumps({"error": said})}


def passing(said):
    """Yield what may go wrong with every call, and is repeated."""
    yield {"action": "status", "status": 500, "body": said}
    yield {"action": "html"}
    yield {"action": "reset"}


@pytest.mark.parametrize("vendor", SCENARIOS)
def test_failures_show_no_secret_and_no_signed_link(program, vendor):
    secret, said = SECRETS[vendor], f"you sent {SECRETS[vendor]} to {LINK}"
    texts, states = [], []

    def run(config, *faults):
        sandbox.faults.clear()
        for fault in faults:
            sandbox.faults.add(vendor=vendor, **fault)
        done = run_talkative(program, config)
        states.extend(done.states)
        texts.append(done.everything)
        return done.status

    def config_for(name):
        ledger = str(program.folder / f"{name}.sqlite")  # a job that is done is not asked for again
        block = {"slice_days": 24, "job_deadline_seconds": 0.3}
        return SCENARIOS[vendor].config(sandbox, job_ledger=ledger, max_request_retries=1, block=block)

    with Sandbox(rows=2, speed=1000, delay=0, dt_reports_per_minute=1000) as sandbox:
        for kind in KINDS[vendor]:
            config = config_for(kind)
            statuses = {run(config, {"kind": kind, "times": 0, **fault}) for fault in failures(kind, said)}
            assert 1 in statuses or (vendor, kind) in GONE_ON_WITHOUT
        for number, fault in enumerate(passing(said)):
            run(config_for(number), *({"kind": kind, "times": 1, **fault} for kind in KINDS[vendor]))
        sandbox.faults.clear()
        config = config_for(KINDS[vendor][-1])
        commands = ((), ("--jobs", "--format", "json"), ("--jobs", "--format", "html"), ("--test",))
        texts += [run_talkative(program, config, *options).everything for options in commands]
    whole = "\n".join(texts)
    assert "DEBUG" in whole  # the HTTP library's own lines are there
    kept = b"".join(path.read_bytes() for path in program.folder.glob("*.sqlite*")).decode(errors="replace")
    for text in (whole, kept, json.dumps(states, default=str)):
        assert secret not in text
        assert not BEARER.findall(text)
    assert not SIGNED.findall(whole), SIGNED.findall(whole)[:3]
    # Digital Turbine's link is its only handle: it stands in the ledger, which is the user's alone.
    assert vendor == "digital_turbine" or not SIGNED.findall(kept)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in program.folder.glob("*.sqlite"))


@pytest.mark.parametrize("vendor", SCENARIOS)
def test_a_wrong_secret_is_not_shown_in_any_spelling(program, vendor):
    with Sandbox(rows=2, speed=1000, delay=0) as sandbox:
        config = SCENARIOS[vendor].config(sandbox)
        config[vendor][SETTINGS[vendor]] = WRONG
        done = run_talkative(program, config)
    text = done.everything
    assert done.status == 1
    assert WRONG not in text
    assert json.dumps(WRONG)[1:-1] not in text
    assert "Check the credentials" in text or "api_key" in text or "client_secret" in text
