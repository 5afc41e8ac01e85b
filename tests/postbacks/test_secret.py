"""The vendors' calls over real HTTP: the secret in their path."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from postback_office import IDS, SECRET

from tap_reports.postbacks import server as listener
from tap_reports.postbacks.server import Count


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/impact",
        f"/{SECRET}x/impact",
        f"/x{SECRET}/impact",
        f"/{SECRET[:-1]}/impact",
        f"/{SECRET.upper()}/impact",
        f"/impact?secret={SECRET}",
        f"/impact?JobId={IDS[0]}",
        f"//impact/{SECRET}%00",
        "/%ff%fe/impact",
    ],
)
def test_a_wrong_secret_finds_nothing(office, path):
    assert office.call(path, "POST", f"JobId={IDS[0]}&secret={SECRET}") == 404
    assert office.woken == []
    assert office.counts == {Count.FORGED: 1}


@pytest.mark.parametrize(
    "path",
    [
        f"/{SECRET}/impact",
        f"/hooks/of/ours/{SECRET}/impact",
        f"//{SECRET}//impact/",
        f"http://proxy.example.com/{SECRET}/impact",
    ],
)
def test_a_proxy_may_add_or_strip_a_prefix(office, path):
    assert office.call(path) == 204
    assert office.woken == [IDS[0], IDS[1]]


@pytest.mark.parametrize("secret", ["qL+/8fz=", "with space?&#%", "gehäuse/schlüssel", "/slashes/"])
def test_a_secret_may_hold_any_letters(open_office, secret):
    office = open_office(secret=secret)
    assert office.call(f"/{quote(secret)}/impact?JobId={IDS[0]}") == 204
    assert office.call(f"/x/{quote(secret, safe='')}/impact?JobId={IDS[0]}") == 204
    assert office.call(f"/{quote(secret[:-2])}/impact?JobId={IDS[0]}") == 404
    assert office.woken == [IDS[0], IDS[0]]


def test_neither_secrets_nor_paths_are_logged(open_office, caplog):
    caplog.set_level(logging.DEBUG)
    office = open_office()
    office.call(f"/{SECRET}/impact?JobId={IDS[0]}&private=value")
    office.call("/wrong-secret/impact?private=value")
    office.call(f"/{SECRET}/impact", "POST", b"x" * (listener.MAX_BODY + 1))
    office.postbacks.close()
    for text in (SECRET, "wrong-secret", "private", "/impact"):
        assert text not in caplog.text
    assert "2 received" not in caplog.text
    assert "1 received, 1 jobs polled" in caplog.text
    assert "1 with a wrong secret, 1 too large" in caplog.text
