"""impact.com: what is requested for a report's slice and for clicks, and what makes another job of it."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from impact_account import JANUARY, PREFIX, QUEUED, SID, ZONE, client_of, only_type, request_of

from tap_reports.models import Slice
from tap_reports.vendor import CatalogStream

DAY = Slice(dt.date(2026, 1, 5), dt.date(2026, 1, 5))
TWO_DAYS = Slice(dt.date(2026, 1, 31), dt.date(2026, 2, 1))
ISO = {"date_parameters": ["StartDate", "EndDate"], "date_format": "%Y-%m-%dT%H:%M:%SZ"}
STATUSES = {"SUPERSTATUS_MS": ["NA", "PENDING"]}


def dates(first="2026-01-01", last="2026-01-30", names=("START_DATE", "END_DATE")):
    return dict(zip(names, ([first], [last]), strict=True))


@pytest.mark.parametrize(
    ("report", "values", "sent"),
    [
        ({"params": {"SUBAID": 7, "SHOW_SKU": True}}, {}, {"SUBAID": ["7"], "SHOW_SKU": ["true"], **dates()}),
        ({"params": STATUSES}, {}, {**STATUSES, **dates()}),
        (
            ISO,
            {"timezone": "UTC"},
            dates("2026-01-01T00:00:00Z", "2026-01-30T23:59:59Z", ("StartDate", "EndDate")),
        ),
        pytest.param(
            {"date_format": "%Y-%m-%dT%H:%M:%SZ"},
            ZONE,
            dates("2026-01-01T06:00:00Z", "2026-01-31T05:59:59Z"),
            id="the account's days in UTC",
        ),
        pytest.param(
            {"date_format": "%Y-%m-%dT%H:%M:%S%z"},
            ZONE,
            dates("2026-01-01T00:00:00-0600", "2026-01-30T23:59:59-0600"),
            id="the account's offset",
        ),
        pytest.param({"date_parameters": []}, {"result_format": "json"}, {}, id="a snapshot"),
    ],
)
def test_the_query_of_a_report(requests_mock, report, values, sent):
    requests_mock.get(f"{PREFIX}/ReportExport/a%2Fb", json=QUEUED)
    client = client_of([{"id": "a/b", **report}], **values)
    request = request_of(client, JANUARY if only_type(client).dated else None)
    client.submit(request)
    format_ = values.get("result_format", "csv").upper()
    assert parse_qs(urlsplit(requests_mock.last_request.url).query) == {**sent, "ResultFormat": [format_]}
    assert (request.vendor, request.account, request.report) == ("impact", SID, "a/b")
    assert (request.slice, request.quota) == (JANUARY if sent else None, "report")


def test_the_report_of_a_known_limit_is_warned_of_at_its_limit():
    assert request_of(client_of([{"id": "partner_payable_click_data"}])).row_limit == 100_000
    assert request_of(client_of([{"id": "x"}])).row_limit is None


@pytest.mark.parametrize(
    "other",
    [
        {"report": {"id": "y"}},
        {"report": {"params": {"SUBAID": "2"}}},
        {"report": {"params": {"SUBAID": ["1", "2"]}}},
        {"report": {"params": {}}},
        {"report": {"date_parameters": ["StartDate", "EndDate"]}},
        {"report": {"date_format": "%Y%m%d"}},
        {"account_sid": "IRother"},
        {"account_type": "agency"},
        {"api_version": "15"},
        {"api_version": None},
        {"result_format": "json"},
        {"api_url": "https://api.example.com"},
        {"days": DAY},
    ],
)
def test_the_key_changes_with_everything_that_changes_the_result(other):
    def key(*, report=None, days=JANUARY, **values):
        client = client_of([{"id": "x", "params": {"SUBAID": "1"}, **(report or {})}], **values)
        return request_of(client, days).key

    usual = {"api_version": 16}
    assert key(**usual) == key(api_version="16") == key(**usual, report={"name": "z"}, timezone="Asia/Tokyo")
    assert key(**{**usual, **other}) != key(**usual)


BRAND = {"account_type": "brand"}
JAN_5 = {"Date": "2026-01-05"}
FILTERS = {"ad_ids": [7, "8"], "sub_ids": ["s"], "unique_click": True}
FILTERED = {"AdId": ["7", "8"], "SubId": ["s"], "UniqueClick": "TRUE"}
BRAND_CLICKS = {"program_ids": ["11"], "media_ids": ["9"], "unique_click": False}


@pytest.mark.parametrize(
    ("values", "days", "sent"),
    [
        ({"clicks": True}, DAY, [("ClickExport", JAN_5)]),
        ({"clicks": FILTERS}, DAY, [("ClickExport", {**FILTERED, **JAN_5})]),
        (
            {"clicks": BRAND_CLICKS, **BRAND},
            DAY,
            [("Programs/11/ClickExport", {"MediaId": ["9"], "UniqueClick": "false", **JAN_5})],
        ),
        (
            {"clicks": {"program_ids": ["11", "12"]}, **BRAND},
            DAY,
            [("Programs/11/ClickExport", JAN_5), ("Programs/12/ClickExport", JAN_5)],
        ),
        pytest.param(
            {"clicks": {"program_ids": ["11", 12, "11"]}},
            TWO_DAYS,
            [
                ("ClickExport", {"Date": date, "ProgramId": program})
                for date in ("2026-01-31", "2026-02-01")
                for program in ("11", "12")
            ],
            id="by day then program",
        ),
    ],
)
def test_clicks_are_a_request_for_each_day_and_program(values, days, sent):
    client = client_of([], **ZONE, **values)
    requests = client.requests(client.restore(CatalogStream(name="clicks", title="")), days)
    paths = [(request.parameters["path"], dict(request.parameters["query"])) for request in requests]
    assert paths == [(path, {**query, "ResultFormat": "CSV"}) for path, query in sent]
    assert {(request.slice.days, request.quota) for request in requests} == {(1, "click")}
    assert len({request.key for request in requests}) == len(requests)
