from __future__ import annotations

import pytest
from one_account import FakeClock
from second_nature_account import LINK, LIST_URL, NAMES, NOW, REQUEST_URL, STATUS_URL, connect


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def client(clock):
    return connect(clock)


@pytest.fixture
def api(requests_mock):
    """The API as it works, with a ticket that is complete at once."""
    requests_mock.get(LIST_URL, json={"reports": NAMES})
    requests_mock.post(REQUEST_URL, json={"ticket_id": "t-1"})
    requests_mock.get(STATUS_URL, json={"status": "complete", "report_url": LINK, "error": None})
    return requests_mock
