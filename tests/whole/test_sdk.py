"""The SDK's own suite, for each vendor, offline, against the sandbox on a free port."""

from __future__ import annotations

import atexit

import pytest
from scenarios import SCENARIOS
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_reports.sandbox import Sandbox
from tap_reports.tap import TapReports

SANDBOX = Sandbox(rows=2, speed=1e6, delay=0).__enter__()
atexit.register(SANDBOX.__exit__, None, None, None)


@pytest.fixture(scope="module", autouse=True)
def _sandbox():
    yield
    SANDBOX.__exit__(None, None, None)
    atexit.unregister(SANDBOX.__exit__)


def suite_of(vendor):
    """Return the suite for one vendor's report of two slices."""
    config = SCENARIOS[vendor].config(SANDBOX, job_ledger="off")
    return get_tap_test_class(TapReports, config=config, suite_config=SuiteConfig(ignore_no_records=False))


TestSimilarweb = suite_of("similarweb")
TestImpact = suite_of("impact")
TestDigitalTurbine = suite_of("digital_turbine")
TestSecondNature = suite_of("second_nature")
