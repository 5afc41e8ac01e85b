"""Headers to properties, kinds to schemas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.models import Kind
from tap_reports.models.columns import LINEAGE, kind_of, property_name, property_names, schema_of


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Campaign ID", "campaign_id"),
        ("Revenue (USD)", "revenue_usd"),
        ("EventDate", "event_date"),
        ("Sale_zzzAmount", "sale_zzz_amount"),
        ("IDs", "ids"),
        ("HTTPServer", "http_server"),
        ("D7Retention", "d7_retention"),
        ("7DayRevenue", "7_day_revenue"),
        ("click2install", "click2install"),
        ("  CTR % ", "ctr"),
        ("original_currency_", "original_currency"),
        ("ÜberGröße", "über_größe"),
        ("U\u0308ber", "über"),
        ("日本 語", "日本_語"),
        ("%", "column"),
        ("", "column"),
    ],
)
def test_header_becomes_a_snake_case_property(header, name):
    assert property_name(header) == name


def test_clashing_headers_are_numbered_in_order():
    assert property_names(["Clicks", "clicks", "CLICKS", "%", ""]) == [
        "clicks",
        "clicks_2",
        "clicks_3",
        "column",
        "column_2",
    ]


def test_verbatim_names_stay_and_leave_lineage_alone():
    assert property_names(["Ad ID", "Ad ID", "_report_row"], "verbatim") == [
        "Ad ID",
        "Ad ID_2",
        "_report_row_2",
    ]


@given(st.lists(st.text(max_size=8), max_size=8), st.sampled_from(["snake_case", "verbatim"]))
def test_property_names_are_distinct_filled_and_no_lineage(headers, style):
    names = property_names(headers, style)
    assert len(set(names)) == len(names) == len(headers)
    assert all(names)
    assert not {column.property for column in LINEAGE} & set(names)


@pytest.mark.parametrize("kind", Kind)
def test_schema_is_nullable_titled_and_read_back(kind):
    schema = schema_of(kind, "Head (er)")
    assert "null" in schema["type"]
    assert schema["title"] == "Head (er)"
    assert kind_of(schema) is kind


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["null", "integer"]}, Kind.INTEGER),
        ({"type": "number"}, Kind.NUMBER),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, Kind.DATE),
        ({"oneOf": [{"type": "null"}, {"type": "string", "format": "date-time"}]}, Kind.DATE_TIME),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, Kind.NUMBER),
        ({"type": ["integer", "string", "null"]}, Kind.STRING),
        ({"type": ["string"], "format": "uri"}, Kind.STRING),
        ({"type": "object"}, Kind.STRING),
        ({}, Kind.STRING),
    ],
)
def test_kind_is_read_from_any_spelling_of_a_schema(schema, kind):
    assert kind_of(schema) is kind
