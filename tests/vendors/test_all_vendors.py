"""What each vendor states as data: limits, what a lost submission costs, which setting is secret."""

from __future__ import annotations

import pytest
from singer_sdk import typing as th

from tap_reports.client import ACCOUNT, account_of_key
from tap_reports.vendor import LostSubmission
from tap_reports.vendors import all_vendors

STATED = {
    "digital_turbine": {
        "api_url": "https://reporting.digitalturbine.com",
        "lost_submission": LostSubmission.RESEND_ONCE,
        "resumes_by_id": False,
        "result_hours": 3,
        "resubmissions": 1,
        "retries": 0,
        "max_jobs_in_flight": 20,
        "lookback_days": 1,
        "slice_days": 90,
        "max_slice_days": 90,
    },
    "impact": {
        "api_url": "https://api.impact.com",
        "lost_submission": LostSubmission.RESEND,
        "resumes_by_id": True,
        "result_hours": 90 * 24,
        "resubmissions": 0,
        "retries": 1,
        "max_jobs_in_flight": 10,
        "lookback_days": 65,
        "slice_days": 30,
        "fixed_grid": True,
        "calls_back": True,
    },
    "second_nature": {
        "api_url": "https://app.secondnature.ai/api",
        "lost_submission": LostSubmission.RESEND,
        "resumes_by_id": True,
        "result_hours": None,
        "resubmissions": 1,
        "retries": 0,
        "max_jobs_in_flight": 4,
        "lookback_days": 0,
        "slice_days": 90,
        "poll_interval_seconds": 15,
        "poll_max_interval_seconds": 30,
    },
    "similarweb": {
        "api_url": "https://api.similarweb.com",
        "lost_submission": LostSubmission.FAIL,
        "resumes_by_id": True,
        "result_hours": 30 * 24,
        "resubmissions": 0,
        "retries": 2,
        "max_jobs_in_flight": 50,
        "lookback_days": 0,
        "calls_back": True,
    },
}
SECRETS = {
    "digital_turbine": "client_secret",
    "impact": "auth_token",
    "second_nature": "api_key",
    "similarweb": "api_key",
}


@pytest.mark.parametrize("name", STATED)
def test_a_vendor_states_what_its_pages_say(name):
    vendor = all_vendors()[name]
    assert {one: getattr(vendor, one) for one in STATED[name]} == STATED[name]


@pytest.mark.parametrize("name", SECRETS)
def test_a_vendor_has_one_secret_and_requires_it(name):
    schema = th.PropertiesList(*all_vendors()[name].settings).to_dict()
    secret = [one for one, setting in schema["properties"].items() if setting.get("secret")]
    assert secret == [SECRETS[name]]
    assert SECRETS[name] in schema["required"]


KEY, OTHER = {"api_key": "a-key"}, {"api_key": "another-key"}


def test_an_account_is_a_short_hash_of_its_key_or_what_the_setting_says_whatever_the_key():
    assert account_of_key(KEY) != account_of_key(OTHER)
    assert account_of_key(KEY).startswith("key-")
    assert len(account_of_key(KEY)) == 16
    named = {"account": "us"}
    assert account_of_key({**KEY, **named}) == account_of_key({**OTHER, **named}) == "us"
    assert account_of_key({**KEY, "account": ""}) == account_of_key(KEY)
    for name in ("similarweb", "second_nature"):
        assert ACCOUNT in all_vendors()[name].settings
