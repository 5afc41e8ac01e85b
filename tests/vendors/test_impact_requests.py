from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from impact_account import JANUARY, PREFIX, SID, client_of, only_type, request_of

from tap_reports.models import Slice
from tap_reports.vendor import CatalogStream

DAY = Slice(dt.date(2026, 1, 5), dt.date(2026, 1, 5))
ZONE = {"timezone": "America/Chicago"}
QUEUED = {"Status": "QUEUED", "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1"}


def clicks_of(days=DAY, **values):
    client = client_of([], **ZONE, **values)
    return client.requests(client.restore(CatalogStream(name="clicks", title="")), days)


def query(request):
    return dict(request.parameters["query"])


def test_a_slice_s_days_are_sent_as_dates_with_the_report_s_parameters():
    request = request_of(client_of([{"id": "a/b", "params": {"SUBAID": 7, "SHOW_SKU": True}}]))
    assert request.parameters["path"] == "ReportExport/a%2Fb"
    assert query(request) == {
        "SUBAID": ["7"],
        "SHOW_SKU": ["true"],
        "START_DATE": "2026-01-01",
        "END_DATE": "2026-01-30",
        "ResultFormat": "CSV",
    }
    assert (request.vendor, request.account, request.report) == ("impact", SID, "a/b")
    assert (request.slice, request.quota) == (JANUARY, "report")


def test_names_and_format_of_the_dates_can_be_set_and_the_last_day_is_whole():
    iso = {"date_parameters": ["StartDate", "EndDate"], "date_format": "%Y-%m-%dT%H:%M:%SZ"}
    assert query(request_of(client_of([{"id": "x", **iso}], timezone="UTC"))) == {
        "StartDate": "2026-01-01T00:00:00Z",
        "EndDate": "2026-01-30T23:59:59Z",
        "ResultFormat": "CSV",
    }


def test_a_format_that_says_utc_is_given_the_account_s_days_in_utc():
    report = {"id": "x", "date_format": "%Y-%m-%dT%H:%M:%SZ"}
    asked = query(request_of(client_of([report], **ZONE)))
    assert (asked["START_DATE"], asked["END_DATE"]) == ("2026-01-01T06:00:00Z", "2026-01-31T05:59:59Z")


def test_the_report_of_a_known_limit_is_warned_of_at_its_limit():
    assert request_of(client_of([{"id": "partner_payable_click_data"}])).row_limit == 100_000
    assert request_of(client_of([{"id": "x"}])).row_limit is None


def test_an_offset_in_the_date_format_is_the_account_s():
    report = {"id": "x", "date_format": "%Y-%m-%dT%H:%M:%S%z"}
    asked = query(request_of(client_of([report], **ZONE)))
    assert (asked["START_DATE"], asked["END_DATE"]) == (
        "2026-01-01T00:00:00-0600",
        "2026-01-30T23:59:59-0600",
    )


def test_a_list_repeats_its_parameter_on_the_wire(requests_mock):
    requests_mock.get(f"{PREFIX}/ReportExport/x", json=QUEUED)
    client = client_of([{"id": "x", "params": {"SUPERSTATUS_MS": ["NA", "PENDING"]}}], result_format="json")
    client.submit(request_of(client))
    sent = parse_qs(urlsplit(requests_mock.last_request.url).query)
    assert sent == {
        "SUPERSTATUS_MS": ["NA", "PENDING"],
        "START_DATE": ["2026-01-01"],
        "END_DATE": ["2026-01-30"],
        "ResultFormat": ["JSON"],
    }


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
    assert key(**usual) == key(api_version="16")
    assert key(**{**usual, **other}) != key(**usual)


def test_the_key_does_not_depend_on_the_stream_s_name_or_the_time_zone():
    plain = request_of(client_of([{"id": "x"}]))
    assert request_of(client_of([{"id": "x", "name": "z"}], timezone="Asia/Tokyo")).key == plain.key


def test_a_partner_s_clicks_are_one_request_a_day_without_programs():
    (request,) = clicks_of(clicks=True)
    assert (request.parameters["path"], request.quota) == ("ClickExport", "click")
    assert query(request) == {"Date": "2026-01-05", "ResultFormat": "CSV"}


def test_a_snapshot_is_asked_for_without_dates():
    client = client_of([{"id": "x", "date_parameters": []}])
    assert only_type(client).dated is False
    assert query(request_of(client, None)) == {"ResultFormat": "CSV"}


@pytest.mark.parametrize(
    ("account_type", "filters", "sent"),
    [
        (
            "partner",
            {"ad_ids": [7, "8"], "sub_ids": ["s"], "unique_click": True},
            {"AdId": ["7", "8"], "SubId": ["s"], "UniqueClick": "TRUE"},
        ),
        ("brand", {"media_ids": ["9"], "unique_click": False}, {"MediaId": ["9"], "UniqueClick": "false"}),
    ],
)
def test_filters_of_clicks_are_sent_by_the_vendor_s_names(account_type, filters, sent):
    clicks = {"program_ids": ["11"], **filters}
    (request,) = clicks_of(account_type=account_type, clicks=clicks)
    asked = query(request)
    asked.pop("ProgramId", None)
    assert asked == {**sent, "Date": "2026-01-05", "ResultFormat": "CSV"}


def test_a_partner_s_programs_are_one_request_each_and_have_their_own_keys():
    one, two = clicks_of(clicks={"program_ids": ["11", 12, "11"]})
    assert [query(request)["ProgramId"] for request in (one, two)] == ["11", "12"]
    assert one.key != two.key


def test_a_brand_s_programs_stand_in_the_path():
    requests = clicks_of(clicks={"program_ids": ["11", "12"]}, account_type="brand")
    assert [request.parameters["path"] for request in requests] == [
        "Programs/11/ClickExport",
        "Programs/12/ClickExport",
    ]
    assert {frozenset(query(request)) for request in requests} == {frozenset({"Date", "ResultFormat"})}


def test_clicks_of_several_days_are_asked_for_by_day_then_program():
    days = Slice(dt.date(2026, 1, 31), dt.date(2026, 2, 1))
    requests = clicks_of(days, clicks={"program_ids": ["11", "12"]})
    assert [(query(request)["Date"], query(request)["ProgramId"]) for request in requests] == [
        ("2026-01-31", "11"),
        ("2026-01-31", "12"),
        ("2026-02-01", "11"),
        ("2026-02-01", "12"),
    ]
    assert [request.slice.days for request in requests] == [1, 1, 1, 1]
