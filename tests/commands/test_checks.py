"""`--test`: what is wrong with accounts and network, with free calls only."""

from __future__ import annotations

import re

import pytest

UNANSWERED = "http://127.0.0.1:9"


def test_checks_of_good_accounts_pass_and_submit_nothing(config, sandbox, checked):
    status, said = checked(config, as_json=False)
    assert status == 0
    assert "checks passed. Nothing was submitted." in said
    assert sandbox.submissions().calls == 0


def test_a_wrong_key_fails_with_what_to_do_and_without_the_key(config, checked):
    config["similarweb"]["api_key"] = "wrong-key"
    status, checks = checked(config, as_json=True)
    assert status == 1
    failed = [check for check in checks if not check["ok"]]
    assert {check["vendor"] for check in failed} == {"similarweb"}
    assert all(check["detail"] for check in failed)
    assert "wrong-key" not in str(checks)
    status, said = checked(config, as_json=False)
    assert status == 1
    assert re.search(r"\d of \d+ checks failed \(similarweb\)", said)


def test_a_dead_network_is_one_failed_check_a_vendor_and_no_call(config, checked, sandbox):
    for name in ("similarweb", "impact", "digital_turbine", "second_nature"):
        config[name]["api_url"] = UNANSWERED
    status, checks = checked(config, as_json=True)
    assert status == 1
    assert [(check["check"], check["ok"]) for check in checks] == [("network", False)] * 4
    assert all("can't be reached" in check["detail"] for check in checks)
    assert sandbox.calls == []


@pytest.mark.parametrize("proxy", ["http://[::1", "http://proxy:99999"])
def test_a_proxy_without_an_address_is_a_failed_check(config, checked, monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    config = {name: config[name] for name in ("start_date", "job_ledger", "impact")}
    status, checks = checked(config, as_json=True)
    assert status == 1
    assert "Correct HTTPS_PROXY or HTTP_PROXY" in checks[0]["detail"]
