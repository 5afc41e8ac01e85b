"""One vendor's report, with a fake clock, against the sandbox."""

from __future__ import annotations

import pytest
from scenarios import SCENARIOS
from virtual_clock import FakeClock

from tap_reports.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(rows=2, speed=1e6, delay=0) as running:
        yield running


@pytest.fixture(params=["second_nature", "similarweb"])
def scenario(request):
    """A vendor without charges, and one that charges for submissions. Some tests name others."""
    return SCENARIOS[request.param]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def config(sandbox, scenario, tmp_path):
    """One slice, with a ledger."""
    return scenario.config(
        sandbox, block={"slice_days": 24}, retry_backoff_seconds=1, job_ledger=str(tmp_path / "jobs.sqlite")
    )
