from __future__ import annotations

import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from impact_account import PREFIX, SID, attributes, client_of, clock_at, entry

from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, ConfigError
from tap_reports.models import FileFormat, Kind
from tap_reports.vendor import CatalogStream
from tap_reports.vendors.impact.columns import kind_of_type

ISO = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
ZONE = {"timezone": "America/Chicago"}


def kinds(type_):
    return {column.header: column.kind for column in type_.columns}


@pytest.fixture
def listing(requests_mock):
    """Let the account have these reports, with one column each unless given."""

    def make(*entries, **metadata):
        requests_mock.get(f"{PREFIX}/Reports", json={"Reports": list(entries), "@nextpageuri": ""})
        for found in entries:
            answer = metadata.get(found["Id"], attributes(Day="String"))
            requests_mock.get(f"{PREFIX}/Reports/{found['Id']}/MetaData", json=answer)
        return requests_mock

    return make


@pytest.mark.parametrize(
    ("reports", "found"),
    [
        pytest.param(None, [("one", False), ("by_campaigns", False)], id="all but not selected"),
        pytest.param([{"id": "ByCampaigns"}], [("by_campaigns", True)], id="configured"),
    ],
)
def test_every_accessible_report_is_offered_or_those_that_are_configured(listing, reports, found):
    closed, campaigns = (entry("ui_only", accessible="false"), entry("ByCampaigns", accessible="true"))
    calls = listing(entry("one"), closed, campaigns)
    types = list(client_of(reports, **ZONE).report_types())
    assert [(type_.name, type_.selected) for type_ in types] == found
    assert len(calls.request_history) == 1 + len(found), "and only their metadata is read"


def test_credentials_version_and_json_are_asked_for_in_headers(listing):
    calls = listing(entry("one"))
    list(client_of(api_version=16, **ZONE).report_types())
    for call in calls.request_history:
        assert call.headers["Authorization"].startswith("Basic ")
        assert call.headers["IR-Version"] == "16"
        assert call.headers["Accept"] == "application/json"


def test_all_pages_of_the_list_are_read_and_a_loop_ends(requests_mock):
    second = f"/Mediapartners/{SID}/Reports?Page=2&PageSize=1"
    requests_mock.get(f"{PREFIX}/Reports", json={"Reports": [entry("one")], "@nextpageuri": second})
    requests_mock.get(f"{PREFIX}/Reports?Page=2", json={"Reports": [entry("two")], "@nextpageuri": second})
    for handle in ("one", "two"):
        requests_mock.get(f"{PREFIX}/Reports/{handle}/MetaData", json=attributes())
    assert [type_.name for type_ in client_of(**ZONE).report_types()] == ["one", "two"]


def test_pages_that_no_link_names_are_read_by_their_number(requests_mock):
    for page, query in {1: "", 2: "?Page=2", 3: "?Page=3"}.items():
        answer = {"Reports": [{"Id": f"r{page}"}], "@page": str(page), "@numpages": "3"}
        requests_mock.get(f"{PREFIX}/Reports{query}", json=answer)
        requests_mock.get(f"{PREFIX}/Reports/r{page}/MetaData", json=attributes())
    assert [type_.name for type_ in client_of(**ZONE).report_types()] == ["r1", "r2", "r3"]


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


def test_an_unknown_or_closed_report_is_a_configuration_error_naming_the_nearest(listing):
    listing(entry("mp_action_listing_fast"), entry("ui_only", accessible=False))
    client = client_of([{"id": "mp_action_listing"}, {"id": "ui_only"}, {"id": "zzz"}], **ZONE)
    with pytest.raises(ConfigError) as caught:
        list(client.report_types())
    unknown, closed, far = caught.value.errors
    assert unknown == (
        'impact.reports[0].id: the account has no report "mp_action_listing". '
        'Did you mean "mp_action_listing_fast"?'
    )
    assert closed.startswith('impact.reports[1].id: the report "ui_only" can\'t be run by API')
    assert far.endswith('Run --discover without "reports" to see all.')


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        (ISO, Kind.DATE_TIME),
        ("DATETIME", Kind.DATE_TIME),
        ("DATE", Kind.DATE),
        ("Date (yyyy-MM-dd)", Kind.DATE),
        ("Decimal", Kind.NUMBER),
        ("INTEGER", Kind.INTEGER),
        ("boolean", Kind.BOOLEAN),
        ("String", Kind.STRING),
        ("Geometry", Kind.STRING),
        ("", Kind.STRING),
    ],
)
def test_data_types_are_read_by_their_beginning_in_any_case(data_type, kind):
    assert kind_of_type(data_type) is kind


def test_metadata_becomes_columns_in_order_each_once(listing):
    answer = attributes(Sale_zzzAmount="Decimal", date_display="String", Note="String")
    answer["Attributes"] += [{"Name": "Note", "DataType": "Integer"}, {"DataType": "String"}, None]
    listing(entry("one", Description="Days"), one=answer)
    (type_,) = client_of([{"id": "one"}], **ZONE).report_types()
    assert [(column.header, column.property, column.kind) for column in type_.columns] == [
        ("Sale_zzzAmount", "sale_zzz_amount", Kind.NUMBER),
        ("date_display", "date_display", Kind.DATE),
        ("Note", "note", Kind.STRING),
    ]
    assert type_.description == "Days"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Clicks": "Integer", "date_display": "String"}, "date_display"),
        ({"Clicks": "Integer", "DAY": "String"}, "DAY"),
        ({"Referral_Date": ISO, "Action_Date": ISO}, "Referral_Date"),
        ({"Action_Date": "String", "Locking_Date": ISO}, "Action_Date"),
        ({"EventDate": "String"}, "EventDate"),
        ({"Campaign": "String", "Clicks": "Integer"}, None),
    ],
)
def test_the_date_column_is_the_first_of_a_date_type_or_known_name(listing, columns, expected):
    listing(entry("one"), one=attributes(**columns))
    (type_,) = client_of([{"id": "one"}], **ZONE).report_types()
    assert type_.date_column == expected
    assert type_.dated is True


@pytest.mark.parametrize(
    ("handle", "columns", "params", "keys"),
    [
        ("mp_action_listing_fast", ["action_id"], {}, ("action_id",)),
        ("adv_ACTION_LISTING_pm", ["Action_Id"], {}, ("Action_Id",)),
        ("agency_action_listing", ["ActionID"], {}, ("ActionID",)),
        ("mp_action_listing_sku", ["Action_Id"], {}, ()),
        ("adv_action_list_sku_pm_only", ["Action_Id"], {}, ()),
        ("mp_action_listing_fast", ["Oid"], {}, ()),
        ("ck_amex_aal", ["Action_Id"], {}, ("Action_Id",)),
        ("12172", ["ActionId"], {}, ("ActionId",)),
        ("12172", ["Action_Id", "SKU"], {}, ()),
        ("12172", ["Action_Id"], {"SHOW_SKU": 1}, ()),
    ],
)
def test_a_report_with_action_ids_has_them_as_key_but_not_by_sku(listing, handle, columns, params, keys):
    listing(entry(handle), **{handle: attributes(**dict.fromkeys(columns, "String"))})
    (type_,) = client_of([{"id": handle, "params": params}], **ZONE).report_types()
    assert type_.primary_keys == keys


@pytest.mark.parametrize(
    ("handle", "data_type", "kind", "column"),
    [
        ("partner_performance_by_day", "String", Kind.DATE, "date_display"),
        ("partner_performance_by_month", "String", Kind.STRING, None),
        ("partner_performance_by_month", "Date (yyyy-MM-dd)", Kind.DATE, "date_display"),
    ],
)
def test_a_date_for_display_is_what_the_metadata_says_and_text_in_longer_periods(
    listing, handle, data_type, kind, column
):
    listing(entry(handle), **{handle: attributes(date_display=data_type)})
    (type_,) = client_of([{"id": handle}], **ZONE).report_types()
    assert kinds(type_)["date_display"] is kind
    assert type_.date_column == column


def filtered(*names):
    return {**attributes(Clicks="Integer"), "Filters": [{"Name": name} for name in names]}


@pytest.mark.parametrize(
    ("filters", "dated"),
    [
        ((), True),
        (("START_DATE", "END_DATE"), True),
        (("Start Date", "End Date"), True),
        (("StartDate", "EndDate"), True),
        (("SUBAID",), False),
    ],
)
def test_a_report_whose_filters_hold_no_dates_is_a_snapshot(listing, filters, dated):
    listing(entry("one"), one=filtered(*filters))
    for reports in ([{"id": "one"}], None):
        (type_,) = client_of(reports, **ZONE).report_types()
        assert type_.dated is dated


def test_date_parameters_that_the_filters_lack_are_warned_of(listing, caplog):
    listing(entry("one"), one=filtered("Period_Start", "SUBAID"))
    own = {"id": "one", "date_parameters": ["FROM", "TO"]}
    (type_,) = client_of([own], **ZONE).report_types()
    assert type_.dated is True
    assert 'lists no filter FROM or TO; set "date_parameters"' in caplog.text


def test_wrong_parameters_and_ids_of_all_reports_are_named_at_once(listing):
    listing(entry("one"), entry("two"), one=filtered("START_DATE", "Program Id"), two=filtered("SUBAID"))
    reports = [{"id": "one", "params": {"PROGRAMID": 1}}, {"id": "2"}, {"id": "two", "params": {"SUBADI": 1}}]
    with pytest.raises(ConfigError) as caught:
        list(client_of(reports, **ZONE).report_types())
    place, unknown = "impact.reports[{}].params.{}: the report", "has no such filter. Did you mean"
    listed = "It lists"
    assert caught.value.errors == [
        f'{place.format(0, "PROGRAMID")} "one" {unknown} "PROGRAM_ID"? {listed} START_DATE, PROGRAM_ID.',
        'impact.reports[1].id: the account has no report "2". Run --discover without "reports" to see all.',
        f'{place.format(2, "SUBADI")} "two" {unknown} "SUBAID"? {listed} SUBAID.',
    ]


def test_a_parameter_that_no_filter_is_like_is_warned_of(listing, caplog):
    listing(entry("one"), one=filtered("START_DATE", "END_DATE", "Program Id"))
    params = {"SHOW_SKU": 1, "program id": 1, "SUPERSTATUS_MS": "NA"}
    list(client_of([{"id": "one", "params": params}], **ZONE).report_types())
    assert [record.args[1] for record in caplog.records if "lists no filter" in record.message] == [
        "SUPERSTATUS_MS"
    ]


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


def test_a_report_s_lookback_stands_over_the_block_s(listing):
    listing(entry("one"), entry("two"))
    reports = [{"id": "one", "lookback_days": 7, "slice_days": 3}, {"id": "two"}]
    types = client_of(reports, lookback_days=30, **ZONE).report_types()
    assert [(type_.lookback_days, type_.slice_days) for type_ in types] == [(7, 3), (30, None)]


# --- restore ---------------------------------------------------------------------------------------------


def test_a_catalog_s_streams_are_found_again_without_a_call(requests_mock):
    client = client_of([{"id": "PaystubActions"}, {"id": "x", "name": "My X"}], clicks=True)
    names = ["paystub_actions", "my_x", "clicks", "other"]
    found = [client.restore(CatalogStream(name=name, title="")) for name in names]
    assert [type_ and type_.report for type_ in found] == ["PaystubActions", "x", "ClickExport", None]
    assert client_of([]).restore(CatalogStream(name="clicks", title="ClickExport")) is None
    assert requests_mock.call_count == 0


def test_without_configured_reports_the_title_holds_the_handle():
    client = client_of()
    known = CatalogStream(name="performance_by_campaigns", title="PerformanceByCampaigns")
    assert client.restore(known).report == "PerformanceByCampaigns"
    assert client.restore(CatalogStream(name="a_b", title="")).report == "a_b"
    second = client.restore(CatalogStream(name="paystub_actions_2", title="paystub_actions"))
    assert (second.name, second.report) == ("paystub_actions_2", "paystub_actions")


# --- the account's time zone -----------------------------------------------------------------------------


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
    asked = company(listing(entry("one")))
    client = client_of([{"id": "one"}], **values)
    (type_,) = client.report_types()
    assert type_.parameters["zone"] == zone
    # 04:30 UTC on 2 March is still 1 March in Chicago, so February's last day is the last whole one.
    assert client.final_day(type_) == dt.date(2026, 2, 28)
    assert asked.call_count == calls


def test_a_restored_report_names_no_zone_before_it_is_known(requests_mock):
    company(requests_mock)
    client = client_of([{"id": "one"}])
    known = CatalogStream(name="one", title="one")
    type_ = client.restore(known)
    assert "zone" not in type_.parameters
    client.final_day(type_)
    assert client.restore(known).parameters["zone"] == "-06:00"


def test_the_final_day_moves_on_at_the_account_s_midnight(requests_mock):
    clock = clock_at(dt.datetime(2026, 3, 2, 5, 59, 59, tzinfo=dt.UTC))
    client = client_of([{"id": "one"}], clock=clock, timezone="(GMT -06:00) Central Time")
    type_ = client.restore(CatalogStream(name="one", title="one"))
    assert client.final_day(type_) == dt.date(2026, 2, 28)
    clock.sleep(1)
    assert client.final_day(type_) == dt.date(2026, 3, 1)
    assert requests_mock.call_count == 0


def test_company_information_is_read_once_by_many_threads(requests_mock):
    asked = company(requests_mock)
    client = client_of([{"id": "one"}])
    type_ = client.restore(CatalogStream(name="one", title="one"))
    with ThreadPoolExecutor(8) as pool:
        days = list(pool.map(lambda _: client.final_day(type_), range(32)))
    assert (set(days), asked.call_count) == ({dt.date(2026, 2, 28)}, 1)


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
