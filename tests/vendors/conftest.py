from __future__ import annotations

import pytest
from all_accounts import ACCOUNTS
from digital_turbine_account import TOKEN, TOKEN_URL

from tap_reports import redaction


@pytest.fixture
def account(request, requests_mock):
    account = ACCOUNTS[request.param]
    # As reading a configuration of all does.
    redaction.add_secrets([account.secret for account in ACCOUNTS.values()])
    requests_mock.post(TOKEN_URL, json={"accessToken": TOKEN})
    return account
