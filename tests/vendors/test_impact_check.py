from __future__ import annotations

import pytest
from impact_account import PREFIX, TOKEN, client_of, entry


@pytest.fixture
def account(requests_mock):
    def make(company=None, reports=None):
        shown = company or {"json": {"Timezone": "(GMT -06:00) Central Time (US & Canada)"}}
        requests_mock.get(f"{PREFIX}/CompanyInformation", **shown)
        listed = reports or {"json": {"Reports": [entry("one"), entry("two", accessible=False)]}}
        requests_mock.get(f"{PREFIX}/Reports", **listed)
        return requests_mock

    return make


def found(client):
    return [(check.name, check.ok, check.detail) for check in client.check()]


def test_a_good_account_is_checked_with_two_free_calls(account):
    calls = account()
    assert found(client_of([{"id": "one"}])) == [
        ("account", True, "time zone (GMT -06:00) Central Time (US & Canada)"),
        ("reports", True, "1 of 2 can be run by API"),
        ("one", True, ""),
    ]
    assert [call.method for call in calls.request_history] == ["GET", "GET"]


def test_reports_that_cannot_be_run_are_named_each(account):
    account()
    bad = [
        check for check in found(client_of([{"id": "one"}, {"id": "two"}, {"id": "ones"}])) if not check[1]
    ]
    assert [name for name, _, _ in bad] == ["two", "ones"]
    assert "can't be run by API" in bad[0][2]
    assert 'Did you mean "one"?' in bad[1][2]


def test_wrong_credentials_are_said_once(account):
    calls = account(company={"status_code": 401, "json": {"Message": f"no {TOKEN}"}})
    ((name, ok, detail),) = found(client_of([{"id": "one"}]))
    assert (name, ok) == ("account", False)
    assert "HTTP 401" in detail
    assert 'set "account_sid" and "auth_token"' in detail
    assert TOKEN not in detail
    assert calls.call_count == 1


def test_company_information_is_not_needed_where_the_zone_is_set(account):
    account(company={"status_code": 403})
    assert found(client_of([]))[0][:2] == ("account", False)
    assert found(client_of([], timezone="UTC"))[0][:2] == ("account", True)


@pytest.mark.parametrize(
    ("company", "reports", "expected"),
    [
        ({}, {"status_code": 403}, [("account", True), ("reports", False)]),
        ({"status_code": 500}, {}, [("account", False), ("reports", True)]),
        ({"json": {"Timezone": "there"}}, {}, [("account", True), ("reports", True)]),
    ],
)
def test_a_call_that_breaks_does_not_hide_the_other(account, company, reports, expected):
    account(company=company, reports=reports)
    checks = found(client_of([]))
    assert [(name, ok) for name, ok, _ in checks] == expected
    if "json" in company:
        assert checks[0][2] == 'time zone UTC, as "there" is not one; set "timezone"'
