"""The scenario_runner lies beside its tests, and uses the scenarios of the whole-program tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

HERE = Path(__file__).parent
sys.path[:0] = [name for name in (str(HERE), str(HERE.parent / "whole")) if name not in sys.path]


@pytest.fixture(params=["sqlite", "postgres"])
def shared_ledger(request, tmp_path):
    """A ledger that many processes can open."""
    from concurrent_runs import postgres_ledger

    if request.param == "sqlite":
        yield str(tmp_path / "jobs.sqlite")
        return
    try:
        with postgres_ledger() as url:
            yield url
    except sa.exc.OperationalError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL server answers (set TAP_REPORTS_TEST_POSTGRES): {error.orig}")
