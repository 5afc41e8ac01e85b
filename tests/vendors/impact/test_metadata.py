"""impact.com: what a report's metadata says."""

from __future__ import annotations

import pytest
from impact_account import ISO, ZONE, attributes, client_of, entry, kinds

from tap_reports.exceptions import ConfigError
from tap_reports.models import Kind
from tap_reports.vendors.impact.catalog import kind_of_type


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


MONTHLY = "partner_performance_by_month"
DAY_KIND = "Date (yyyy-MM-dd)"


@pytest.mark.parametrize(
    ("handle", "columns", "header", "kind"),
    [
        ("one", {"Clicks": "Integer", "date_display": "String"}, "date_display", Kind.DATE),
        ("one", {"Clicks": "Integer", "DAY": "String"}, "DAY", Kind.DATE),
        ("one", {"Referral_Date": ISO, "Action_Date": ISO}, "Referral_Date", Kind.DATE_TIME),
        ("one", {"Action_Date": "String", "Locking_Date": ISO}, "Action_Date", Kind.STRING),
        ("one", {"EventDate": "String"}, "EventDate", Kind.STRING),
        ("one", {"Campaign": "String", "Clicks": "Integer"}, None, None),
        pytest.param(MONTHLY, {"date_display": "String"}, None, None, id="no day in longer periods"),
        (MONTHLY, {"date_display": DAY_KIND}, "date_display", Kind.DATE),
    ],
)
def test_the_date_column_is_the_first_of_a_date_type_or_known_name(listing, handle, columns, header, kind):
    listing(entry(handle), **{handle: attributes(**columns)})
    (type_,) = client_of([{"id": handle}], **ZONE).report_types()
    assert (type_.dated, type_.date_column, kinds(type_).get(header)) == (True, header, kind)


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


def test_wrong_parameters_and_unknown_or_closed_reports_are_all_named_with_the_nearest(listing):
    one, two = filtered("START_DATE", "Program Id"), filtered("SUBAID")
    listing(entry("one"), entry("two_fast"), entry("ui", accessible=False), one=one, two_fast=two)
    reports = [
        {"id": "one", "params": {"PROGRAMID": 1}},
        {"id": "two_fas"},
        {"id": "two_fast", "params": {"SUBADI": 1}},
        {"id": "ui"},
        {"id": "zzz"},
    ]
    with pytest.raises(ConfigError) as caught:
        list(client_of(reports, **ZONE).report_types())
    wrong = 'the report "{}" has no such filter. Did you mean "{}"? It lists {}.'.format
    assert [text.removeprefix("impact.reports[") for text in caught.value.errors] == [
        f"0].params.PROGRAMID: {wrong('one', 'PROGRAM_ID', 'START_DATE, PROGRAM_ID')}",
        '1].id: the account has no report "two_fas". Did you mean "two_fast"?',
        f"2].params.SUBADI: {wrong('two_fast', 'SUBAID', 'SUBAID')}",
        (
            '3].id: the report "ui" can\'t be run by API (ApiAccessible is false); choose another one, or '
            "ask impact.com to open it."
        ),
        '4].id: the account has no report "zzz". Run --discover without "reports" to see all.',
    ]


def test_a_parameter_that_no_filter_is_like_is_warned_of(listing, caplog):
    listing(entry("one"), one=filtered("START_DATE", "END_DATE", "Program Id"))
    params = {"SHOW_SKU": 1, "program id": 1, "SUPERSTATUS_MS": "NA"}
    list(client_of([{"id": "one", "params": params}], **ZONE).report_types())
    assert [record.args[1] for record in caplog.records if "lists no filter" in record.message] == [
        "SUPERSTATUS_MS"
    ]
