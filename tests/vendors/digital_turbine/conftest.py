from __future__ import annotations

import pytest
from digital_turbine_account import LINK, NOON, REPORT_URL, SECRET, TOKEN_URL, connect, tokens
from one_account import FakeClock

from tap_reports import redaction


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def client(clock):
    redaction.add_secrets([SECRET])  # as reading the configuration does
    return connect(clock)


@pytest.fixture
def api(requests_mock):
    """The API as it works: one token after another, and a link."""
    requests_mock.post(
        TOKEN_URL,
        [{"json": {"accessToken": name, "tokenType": "bearer", "expiresIn": 3600}} for name in tokens()],
    )
    requests_mock.post(REPORT_URL, json={"signed_url": LINK})
    return requests_mock
