"""Random faults: runs of one report, each with some faults, until one succeeds.

After each run: no row that does not exist, no bookmark ahead of the rows. After the last: no row missing.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios import SCENARIOS, Scenario, run_here
from virtual_clock import FakeClock

from tap_reports.sandbox import Sandbox

FAULTS: tuple[dict[str, Any], ...] = (
    *({"kind": "submit", "action": "status", "status": status} for status in (400, 429, 500, 502, 503, 504)),
    {"kind": "submit", "action": "lost_answer"},
    {"kind": "submit", "action": "reset"},
    {"kind": "submit", "action": "html"},
    {"kind": "submit", "action": "garbage"},
    *({"kind": "poll", "action": "status", "status": status} for status in (401, 404, 429, 500, 502)),
    {"kind": "poll", "action": "reset"},
    {"kind": "poll", "action": "html"},
    {"kind": "poll", "action": "no_link"},
    {"kind": "poll", "action": "statuses", "words": ["???", "!!!"]},
    {"kind": "poll", "action": "expired_link"},
    {"kind": "download", "action": "truncated", "keep": 0.4},
    {"kind": "download", "action": "corrupt_gzip"},
    {"kind": "download", "action": "html"},
    {"kind": "download", "action": "garbage"},
    {"kind": "download", "action": "wrong_content"},
    {"kind": "download", "action": "expired_link"},
    {"kind": "download", "action": "reset"},
    *({"kind": "download", "action": "status", "status": status} for status in (403, 404, 429, 500)),
    {"kind": "token", "action": "status", "status": 500},
    {"kind": "validate", "action": "status", "status": 500},
    {"kind": "validate", "action": "html"},
    {"kind": "credits", "action": "status", "status": 503},
    {"kind": "retry", "action": "status", "status": 500},
    {"kind": "replay", "action": "status", "status": 500},
)
FAILED = {"similarweb": "internal_error", "impact": "FAILED", "second_nature": "failed"}
TIMES = (1, 1, 2, 7, 0)
LAST_RUNS = 3
"""Runs without faults in which a walk must come through: the first may still meet what was left behind."""


@dataclass
class FaultResults:
    """What became of the runs that met faults.

    Attributes:
        counts: `recovered`: all rows, exit 0; `loud`: failed with nothing bookmarked that is not out.
        wrong: Whatever else, with what led to it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def random_faults(folder: Path, seed: int, rounds: int) -> FaultResults:
    """Return what became of so many walks."""
    found = FaultResults()
    chance = random.Random(seed)
    for number in range(rounds):
        vendor = list(SCENARIOS)[number % len(SCENARIOS)]
        ledger = str(folder / f"{number}.sqlite") if chance.random() < 0.7 else "off"
        with Sandbox(rows=2, speed=1e6, delay=0, dt_reports_per_minute=1000) as sandbox:
            _walk(found, SCENARIOS[vendor], sandbox, ledger, chance)
    return found


def _walk(
    found: FaultResults, scenario: Scenario, sandbox: Sandbox, ledger: str, chance: random.Random
) -> None:
    clock, state, rows, met = FakeClock(), None, Counter(), []
    config = scenario.config(sandbox, job_ledger=ledger)
    expected = scenario.rows(sandbox)
    for run in range(3 + LAST_RUNS):
        sandbox.faults.clear()
        faults = _faults(scenario.vendor, chance) if run < 3 else []
        for fault in faults:
            sandbox.faults.add(vendor=scenario.vendor, **fault)
        met.append(faults)
        try:
            ran = run_here(config, clock, **({"state": state} if state else {}))
        except Exception as error:
            found.wrong.append(f"{scenario.vendor} {met}: {type(error).__name__} {error}")
            return
        state = ran.state
        now = ran.rows(scenario.stream)
        rows |= now
        clock.seconds += chance.choice((1, 4000, 30000))
        if now - expected:
            found.wrong.append(f"{scenario.vendor} {met}: invented rows")
        mark = ran.bookmark(scenario.stream)
        due = scenario.rows(sandbox, dt.date.fromisoformat(mark)) if mark else Counter()
        if due - rows:
            found.wrong.append(f"{scenario.vendor} {met}: bookmark {mark} is ahead")
        is_loud = ran.status == 1 and bool(ran.tap.outcome.failures)
        is_done = ran.status == 0 and mark == scenario.last_day(sandbox).isoformat()
        if not is_loud and not is_done:
            found.wrong.append(f"{scenario.vendor} {met}: status {ran.status}, bookmark {mark}")
        if faults:
            found.counts["recovered" if is_done else "loud"] += 1
        if is_done:
            break
    if expected - rows:
        found.wrong.append(
            f"{scenario.vendor} {json.dumps(met)}: {sum((expected - rows).values())} rows missing"
        )


def _faults(vendor: str, chance: random.Random) -> list[dict[str, Any]]:
    faults = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        fault = dict(chance.choice(FAULTS))
        if vendor in FAILED and chance.random() < 0.1:
            fault = {"kind": "poll", "action": "statuses", "words": [FAILED[vendor]]}
        faults.append({**fault, "times": chance.choice(TIMES), "nth": chance.choice((1, 1, 2, 3))})
    return faults
