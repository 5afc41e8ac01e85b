"""impact.com: the account's reports and its clicks, from the list and from a catalog."""

from __future__ import annotations

import logging

import pytest
from impact_account import PREFIX, SID, ZONE, attributes, client_of, entry, kinds

from tap_reports.exceptions import BadAnswer, CallRejected
from tap_reports.models import FileFormat, Kind
from tap_reports.vendor import CatalogStream


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param(None, [("one", False), ("by_campaigns", False)], id="all but not selected"),
        pytest.param([{"id": "ByCampaigns"}], [("by_campaigns", True)], id="configured"),
    ],
)
def test_every_accessible_report_is_offered_or_those_that_are_configured(listing, reports, expected):
    closed, campaigns = (entry("ui_only", accessible="false"), entry("ByCampaigns", accessible="true"))
    calls = listing(entry("one"), closed, campaigns)
    types = list(client_of(reports, api_version=16, **ZONE).report_types())
    assert [(type_.name, type_.selected) for type_ in types] == expected
    assert len(calls.request_history) == 1 + len(expected), "and only their metadata is read"
    for call in calls.request_history:
        assert call.headers["Authorization"].startswith("Basic ")
        assert (call.headers["IR-Version"], call.headers["Accept"]) == ("16", "application/json")


NEXT = f"/Mediapartners/{SID}/Reports?Page=2"


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(
            [{"@nextpageuri": NEXT}, {"@nextpageuri": NEXT}], id="by links of which the last is a loop"
        ),
        pytest.param([{"@numpages": "3"}] * 3, id="by their number"),
    ],
)
def test_all_pages_of_the_list_are_read(requests_mock, pages):
    for page, more in enumerate(pages, 1):
        query = f"?Page={page}" if page > 1 else ""
        requests_mock.get(f"{PREFIX}/Reports{query}", json={"Reports": [{"Id": f"r{page}"}], **more})
        requests_mock.get(f"{PREFIX}/Reports/r{page}/MetaData", json=attributes())
    names = [type_.name for type_ in client_of(**ZONE).report_types()]
    assert names == [f"r{page}" for page in range(1, len(pages) + 1)]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"Result": []}, BadAnswer, "no Reports came"),
        ({"Status": "ERROR", "Message": "Not permitted"}, CallRejected, "Not permitted"),
        ([entry("one", MetaDataUri="https://evil.example/x")], BadAnswer, "another origin"),
    ],
)
def test_a_list_that_is_none_is_an_error_and_another_host_gets_no_call(requests_mock, answer, error, said):
    requests_mock.get(f"{PREFIX}/Reports", json=answer)
    with pytest.raises(error, match=said):
        list(client_of(**ZONE).report_types())
    assert len(requests_mock.request_history) == 1


@pytest.mark.parametrize("empty", [None, {}, [], [{"Name": "UI only", "RunUri": "/x"}]])
def test_an_empty_list_may_be_written_in_three_ways_and_entries_without_an_id_are_passed_over(
    requests_mock, empty
):
    requests_mock.get(f"{PREFIX}/Reports", json={"Reports": empty})
    assert list(client_of(**ZONE).report_types()) == []


def test_links_are_relative_to_an_api_url_with_a_path(requests_mock):
    base = f"http://127.0.0.1:9/impact/Mediapartners/{SID}"
    requests_mock.get(
        f"{base}/Reports", json=[entry("one"), entry("two", prefix=f"/impact/Mediapartners/{SID}")]
    )
    requests_mock.get(f"{base}/Reports/one/MetaData", json=attributes(A="Integer"))
    requests_mock.get(f"{base}/Reports/two/MetaData", json=attributes(B="Integer"))
    types = client_of(api_url="http://127.0.0.1:9/impact", **ZONE).report_types()
    assert [list(kinds(type_)) for type_ in types] == [["A"], ["B"]]


def test_two_handles_that_read_alike_get_different_stream_names(listing):
    listing(entry("PaystubActions"), entry("paystub_actions"))
    types = list(client_of(**ZONE).report_types())
    assert [type_.name for type_ in types] == ["paystub_actions", "paystub_actions_2"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_report_whose_metadata_is_closed_is_offered_without_columns(listing, caplog, status):
    calls = listing(entry("one"), entry("two"))
    calls.get(f"{PREFIX}/Reports/one/MetaData", status_code=status, json={"Status": "ERROR", "Message": "no"})
    with caplog.at_level(logging.WARNING):
        one, two = client_of(**ZONE).report_types()
    assert (one.columns, list(kinds(two))) == ((), ["Day"])
    assert "Report one: its columns are taken from its files" in caplog.text


def test_clicks_are_a_stream_of_single_days_that_do_not_change(requests_mock):
    (type_,) = client_of([], clicks=True, **ZONE).report_types()
    assert (type_.name, type_.report, type_.date_column) == ("clicks", "ClickExport", "EventDate")
    assert (type_.slice_days, type_.max_slice_days, type_.lookback_days) == (1, 1, 0)
    assert (type_.primary_keys, type_.dated, type_.selected) == ((), True, True)
    assert kinds(type_)["EventDate"] is Kind.DATE_TIME
    assert kinds(type_)["UniqueClick"] is Kind.BOOLEAN
    assert {kinds(type_)[name] for name in ("CpcBid", "Payout")} == {Kind.NUMBER}
    assert kinds(type_)["Id"] is Kind.STRING
    assert requests_mock.call_count == 0


@pytest.mark.parametrize(("setting", "format_"), [("csv", FileFormat.CSV), ("json", FileFormat.JSON)])
def test_clicks_stand_beside_all_reports_and_follow_the_result_format(listing, setting, format_):
    listing(entry("one"))
    one, clicks = client_of(clicks={}, result_format=setting, **ZONE).report_types()
    assert (one.name, clicks.name) == ("one", "clicks")
    assert (clicks.layout.format, clicks.layout.records) == (format_, ("Records", "Clicks"))


def test_a_catalog_s_streams_are_found_again_without_a_call(requests_mock):
    client = client_of([{"id": "PaystubActions"}, {"id": "x", "name": "My X"}], clicks=True)
    names = ["paystub_actions", "my_x", "clicks", "other"]
    types = [client.restore(CatalogStream(name=name, title="")) for name in names]
    assert [type_ and type_.report for type_ in types] == ["PaystubActions", "x", "ClickExport", None]
    assert client_of([]).restore(CatalogStream(name="clicks", title="ClickExport")) is None
    assert requests_mock.call_count == 0


def test_without_configured_reports_the_title_holds_the_handle():
    client = client_of()
    known = CatalogStream(name="performance_by_campaigns", title="PerformanceByCampaigns")
    assert client.restore(known).report == "PerformanceByCampaigns"
    assert client.restore(CatalogStream(name="a_b", title="")).report == "a_b"
    second = client.restore(CatalogStream(name="paystub_actions_2", title="paystub_actions"))
    assert (second.name, second.report) == ("paystub_actions_2", "paystub_actions")
