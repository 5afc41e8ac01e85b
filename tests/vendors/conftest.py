from __future__ import annotations

import pytest
from all_accounts import ACCOUNTS
from digital_turbine_account import TOKEN, TOKEN_URL

from tap_reports import redaction


@pytest.fixture
def account(request, requests_mock):
    found = ACCOUNTS[request.param]
    redaction.add_secrets([one.secret for one in ACCOUNTS.values()])  # as reading a configuration of all does
    requests_mock.post(TOKEN_URL, json={"accessToken": TOKEN})
    return found
