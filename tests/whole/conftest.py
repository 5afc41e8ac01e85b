"""What tests of whole runs share: the vendors."""

from __future__ import annotations

import pytest
from scenarios import SCENARIOS

from tap_reports.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(rows=3, speed=1e6, delay=0, dt_reports_per_minute=1000) as running:
        yield running


@pytest.fixture(params=SCENARIOS)
def scenario(request):
    return SCENARIOS[request.param]
