"""impact.com: `--test`."""

from __future__ import annotations

import pytest
from impact_account import PREFIX, TOKEN, client_of, entry


@pytest.fixture
def account(requests_mock):
    def make(company=None):
        shown = company or {"json": {"Timezone": "(GMT -06:00) Central Time (US & Canada)"}}
        requests_mock.get(f"{PREFIX}/CompanyInformation", **shown)
        listed = {"Reports": [entry("one"), entry("two", accessible=False)]}
        requests_mock.get(f"{PREFIX}/Reports", json=listed)
        return requests_mock

    return make


def run_checks(client):
    return [(check.name, check.ok, check.detail) for check in client.check()]


def test_a_good_account_is_checked_with_two_free_calls(account):
    calls = account()
    assert run_checks(client_of([{"id": "one"}])) == [
        ("account", True, "time zone (GMT -06:00) Central Time (US & Canada)"),
        ("reports", True, "1 of 2 can be run by API"),
        ("one", True, ""),
    ]
    assert [call.method for call in calls.request_history] == ["GET", "GET"]


def test_reports_that_cannot_be_run_are_named_each(account):
    account()
    _, _, one, two, ones = run_checks(client_of([{"id": "one"}, {"id": "two"}, {"id": "ones"}]))
    assert one == ("one", True, "")
    assert two[:2] == ("two", False)
    assert "can't be run by API" in two[2]
    assert ones[:2] == ("ones", False)
    assert 'Did you mean "one"?' in ones[2]


UNREAD = 'time zone UTC, as "there" is not one; set "timezone"'


@pytest.mark.parametrize(
    ("company", "reports", "values", "account_says", "reports_ok"),
    [
        pytest.param({"status_code": 401}, {}, {}, 'set "account_sid" and "auth_token"', None, id="once"),
        ({"status_code": 403}, {}, {}, 'Allow CompanyInformation or set "timezone"', True),
        ({"status_code": 403}, {}, {"timezone": "UTC"}, 'not allowed, "timezone" is set', True),
        ({"status_code": 500}, {}, {}, "HTTP 500", True),
        ({"json": {"Timezone": "there"}}, {}, {}, UNREAD, True),
        ({}, {}, {"timezone": "UTC"}, "time zone UTC (setting)", True),
        ({}, {"status_code": 403}, {}, "time zone (GMT -06:00)", False),
    ],
)
def test_a_call_that_fails_does_not_hide_the_other_unless_the_credentials_are_wrong(
    account, company, reports, values, account_says, reports_ok
):
    calls = account(company={"text": f"no {TOKEN}", **company} if "status_code" in company else company)
    if reports:
        calls.get(f"{PREFIX}/Reports", **reports)
    checks = run_checks(client_of([], **values))
    assert [name for name, *_ in checks] == ["account", "reports"][: len(checks)]
    assert [ok for _, ok, _ in checks[1:]] == ([] if reports_ok is None else [reports_ok])
    assert account_says in checks[0][2]
    assert TOKEN not in checks[0][2]
    assert calls.call_count == len(checks) + (company.get("status_code") == 500) * 2
