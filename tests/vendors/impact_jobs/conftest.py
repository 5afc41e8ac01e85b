from __future__ import annotations

import pytest
from impact_account import NOW, client_of, clock_at, request_of

from tap_reports.models import ReportJob


@pytest.fixture
def clock():
    return clock_at()


@pytest.fixture
def client(clock):
    return client_of([{"id": "x"}], clock=clock, timezone="America/Chicago")


@pytest.fixture
def request_(client):
    return request_of(client)


@pytest.fixture
def job(request_):
    return ReportJob(request=request_, id="j-1", submitted_at=NOW)
