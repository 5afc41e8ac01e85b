from __future__ import annotations

from contextlib import closing

import pytest
from ledger_cases import Clock

from tap_reports.ledger.ledger import Ledger


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(ledger_url, clock):
    with closing(Ledger.open(ledger_url, clock=clock)) as ledger:
        yield ledger


@pytest.fixture
def runs(shared_url, clock):
    """Two runs with one ledger."""
    ledgers = [Ledger.open(shared_url, clock=clock) for _ in range(2)]
    yield ledgers
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def local(sqlite_url, clock):
    """SQLite holds any text in any column."""
    with closing(Ledger.open(sqlite_url, clock=clock)) as ledger:
        yield ledger
