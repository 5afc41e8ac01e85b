from __future__ import annotations

import pytest
from impact_account import NOW, PREFIX, attributes, client_of, clock_at, request_of

from tap_reports.models import ReportJob


@pytest.fixture
def listing(requests_mock):
    """Let the account have these reports, with one column each unless given."""

    def make(*entries, **metadata):
        requests_mock.get(f"{PREFIX}/Reports", json={"Reports": list(entries), "@nextpageuri": ""})
        for entry in entries:
            answer = metadata.get(entry["Id"], attributes(Day="String"))
            requests_mock.get(f"{PREFIX}/Reports/{entry['Id']}/MetaData", json=answer)
        return requests_mock

    return make


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
