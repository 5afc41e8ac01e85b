"""impact.com: the account's time zone."""

from __future__ import annotations

import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from impact_account import PREFIX, ZONE, client_of, clock_at, entry

from tap_reports.exceptions import AccessDenied
from tap_reports.vendor import CatalogStream


def company(requests_mock, zone="(GMT -06:00) Central Time (US & Canada)", **answer):
    return requests_mock.get(f"{PREFIX}/CompanyInformation", **(answer or {"json": {"Timezone": zone}}))


@pytest.mark.parametrize(
    ("values", "zone", "calls"),
    [
        pytest.param(ZONE, "America/Chicago", 0, id="the setting's without a call"),
        pytest.param({}, "-06:00", 1, id="company information's as a fixed offset"),
    ],
)
def test_the_zone_is(listing, values, zone, calls):
    requested = company(listing(entry("one")))
    client = client_of([{"id": "one"}], **values)
    (type_,) = client.report_types()
    assert type_.parameters["zone"] == zone
    # 04:30 UTC on 2 March is still 1 March in Chicago, so February's last day is the last whole one.
    assert client.final_day(type_) == dt.date(2026, 2, 28)
    assert requested.call_count == calls


KNOWN = CatalogStream(name="one", title="one")


def test_a_restored_report_names_no_zone_before_it_is_known(requests_mock):
    company(requests_mock)
    client = client_of([{"id": "one"}])
    assert "zone" not in client.restore(KNOWN).parameters
    client.final_day(client.restore(KNOWN))
    assert client.restore(KNOWN).parameters["zone"] == "-06:00"


def test_the_final_day_moves_on_at_the_account_s_midnight():
    clock = clock_at(dt.datetime(2026, 3, 2, 5, 59, 59, tzinfo=dt.UTC))
    client = client_of([{"id": "one"}], clock=clock, timezone="(GMT -06:00) Central Time")
    assert client.final_day(client.restore(KNOWN)) == dt.date(2026, 2, 28)
    clock.sleep(1)
    assert client.final_day(client.restore(KNOWN)) == dt.date(2026, 3, 1)


def test_company_information_is_read_once_by_many_threads(requests_mock):
    requested = company(requests_mock)
    client = client_of([{"id": "one"}])
    with ThreadPoolExecutor(8) as pool:
        days = set(pool.map(client.final_day, [client.restore(KNOWN)] * 32))
    assert (days, requested.call_count) == ({dt.date(2026, 2, 28)}, 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"Timezone": "somewhere"}},
        {"json": {}},
        {"status_code": 403, "json": {"Status": "ERROR", "Message": "scope"}},
        {"status_code": 404},
        {"status_code": 401},
    ],
)
def test_a_zone_that_cannot_be_found_is_utc_and_said_so_unless_the_credentials_are_wrong(
    requests_mock, caplog, answer
):
    company(requests_mock, **answer)
    denied = answer.get("status_code") == 401
    with pytest.raises(AccessDenied) if denied else caplog.at_level(logging.WARNING):
        assert client_of().zone() == dt.UTC
    assert ("Time zone taken as UTC" in caplog.text) is not denied
