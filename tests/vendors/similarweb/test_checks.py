"""Similarweb: credits and `--test`."""

from decimal import Decimal

import pytest
from similarweb_account import API, CREDITS, DESCRIBE, DESCRIBED, HOOK, TRAFFIC, VALIDATE, connect

from tap_reports.exceptions import AccessDenied, BadAnswer

WEBHOOK = f"{API}/v3/batch/webhooks/test"


@pytest.fixture
def account(requests_mock):
    """An account where all is well."""
    requests_mock.get(CREDITS, json={"remaining_credits": 5000})
    requests_mock.get(f"{API}/batch/credits", status_code=404)
    requests_mock.get(DESCRIBE, json=DESCRIBED)
    requests_mock.post(VALIDATE, json={"estimated_credits": 6, "is_valid": True, "warnings": []})
    requests_mock.post(WEBHOOK, json={})
    return requests_mock


def run_checks(client):
    return {check.name: (check.ok, check.detail) for check in client.check()}


# --- credits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"remaining_credits": 12}, Decimal(12)),
        ({"credits": "12.5"}, Decimal("12.5")),
        ({"remaining_hits": 0}, Decimal(0)),
        ({"remaining_credits": None, "credits": 3}, Decimal(3)),
        ({"remaining_credits": True}, None),
        ({"remaining_credits": "NaN"}, None),
        ({"remaining_credits": "plenty"}, None),
        ({}, None),
    ],
)
def test_credits_are_read_under_any_of_their_names(requests_mock, answer, left):
    requests_mock.get(CREDITS, json=answer)
    assert connect().remaining_credits() == left


@pytest.mark.parametrize(
    ("status", "fallback", "left"),
    [
        (410, {"json": {"credits": 9}}, 9),
        pytest.param(404, {"status_code": 404}, None, id="unknown where no path answers"),
        pytest.param(403, {"json": {"credits": 9}}, None, id="unknown where they may not be seen"),
    ],
)
def test_credits_fall_back_to_the_path_without_version(requests_mock, status, fallback, left):
    requests_mock.get(CREDITS, status_code=status)
    requests_mock.get(f"{API}/batch/credits", **fallback)
    assert connect().remaining_credits() == left


@pytest.mark.parametrize(("status", "error"), [(401, AccessDenied), (200, BadAnswer)])
def test_a_wrong_key_is_access_denied_and_what_is_no_json_a_bad_answer(requests_mock, status, error):
    requests_mock.get(CREDITS, status_code=status, text="invalid API key")
    with pytest.raises(error):
        connect().remaining_credits()


# --- --test ------------------------------------------------------------------------------------------


def test_all_is_well_and_nothing_is_submitted(account):
    assert run_checks(connect(callback_url=HOOK)) == {
        "credits": (True, "5,000 left"),
        "tables": (True, "2 described"),
        "traffic_and_engagement_monthly": (True, "2023-08-01..2023-08-31 would cost 6 credits"),
        "webhook": (True, "Similarweb's test call was delivered"),
    }
    assert {call.path for call in account.request_history} == {
        "/v3/batch/credits",
        "/v3/batch/tables/describe",
        "/batch/v5/request-validate",
        "/v3/batch/webhooks/test",
    }
    assert account.last_request.json() == {"webhook_url": HOOK}


@pytest.mark.parametrize(
    ("granularity", "period"), [("daily", "2023-09-10..2023-09-10"), ("weekly", "2023-09-04..2023-09-10")]
)
@pytest.mark.usefixtures("account")
def test_the_newest_period_is_validated(granularity, period):
    report = {**TRAFFIC, "granularity": granularity}
    assert period in run_checks(connect(report))[f"traffic_and_engagement_{granularity}"][1]


@pytest.mark.usefixtures("account")
def test_a_wrong_report_does_not_hide_the_others():
    checks = run_checks(connect({"table": "traffic"}, TRAFFIC))
    assert checks["traffic_monthly"][0] is False
    assert 'the table "traffic" is not described' in checks["traffic_monthly"][1]
    assert checks["traffic_and_engagement_monthly"][0] is True
    assert "webhook" not in checks


UNREACHED = {"json": {"errors": [f"{HOOK} did not answer"]}, "status_code": 400}
INVALID = {"json": {"errors": ["no such country"], "is_valid": False}}


@pytest.mark.parametrize(
    ("call", "answer", "name", "ok", "said"),
    [
        (("GET", CREDITS), {"status_code": 403}, "credits", False, "HTTP 403"),
        (("GET", CREDITS), {"status_code": 500}, "credits", False, "HTTP 500"),
        (("GET", CREDITS), {"status_code": 404}, "credits", True, "the credits call does not answer"),
        (("GET", DESCRIBE), {"status_code": 403}, "tables", True, "34 documented tables are used"),
        (("POST", VALIDATE), INVALID, "traffic_and_engagement_monthly", False, "no such country"),
        (("POST", WEBHOOK), UNREACHED, "webhook", False, 'did not answer. Check that "postbacks.public_url"'),
    ],
)
def test_a_call_that_fails_is_said_and_does_not_hide_the_others(account, call, answer, name, ok, said):
    account.register_uri(*call, **answer)
    checks = run_checks(connect(callback_url=HOOK))
    failed_ok, detail = checks.pop(name)
    assert (failed_ok, said in detail, "s3cr3t-hook" in detail) == (ok, True, False)
    assert [is_ok for is_ok, _ in checks.values()] == [True] * 3


@pytest.mark.parametrize("call", [("GET", CREDITS), ("GET", DESCRIBE), ("POST", VALIDATE)])
def test_a_wrong_key_ends_the_checks_with_one_line(account, call):
    account.register_uri(*call, status_code=401, text="invalid API key")
    *_, last = connect(callback_url=HOOK).check()
    assert (last.name, last.ok) == ("api_key", False)
    assert "invalid API key" in last.detail
    assert not any(request.url == WEBHOOK for request in account.request_history)
