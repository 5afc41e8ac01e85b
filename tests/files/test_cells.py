"""Cells to values."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
import zoneinfo
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.files.cells import converter, remedy
from tap_reports.files.numbers import Number, number_text
from tap_reports.files.table import Notation
from tap_reports.models import Kind

VALUES = {
    Kind.STRING: [
        (" a ", " a "),
        ("007", "007"),
        (5, "5"),
        (Number("1.50e+3"), "1.50e+3"),
        (True, "true"),
        ("half a pair \ud800", "half a pair ?"),
        ('="00123"', "00123"),
        (' ="00123" ', ' ="00123" '),
        ('="a"&"b"', '="a"&"b"'),
    ],
    Kind.INTEGER: [
        ("5", 5),
        (" -7 ", -7),
        ("1.0", 1),
        ("1e3", 1000),
        ("1,234", 1234),
        ("$5", 5),
        ("12%", 12),
        ("-0", 0),
        (Decimal("3.0"), 3),
        ("9" * 40, int("9" * 40)),
    ],
    Kind.BOOLEAN: [
        ("TRUE", True),
        ("f", False),
        ("Yes", True),
        ("no", False),
        ("1", True),
        (0, False),
        (True, True),
    ],
    Kind.DATE: [
        ("2026-08-03", "2026-08-03"),
        (" 2026-08-03 ", "2026-08-03"),
        ("2024-09", "2024-09-01"),
        ("20240903", "2024-09-03"),
        (20240903, "2024-09-03"),
        ("Aug 3, 2026", "2026-08-03"),
        ("August 3, 2026", "2026-08-03"),
        ("2021-01-25T23:06:24-05:00", "2021-01-25"),
    ],
    Kind.DATE_TIME: [
        ("2026-08-03T10:00:00Z", "2026-08-03T10:00:00+00:00"),
        ("2026-08-03 10:00:00", "2026-08-03T10:00:00+00:00"),
        ("2026-08-03T10:00", "2026-08-03T10:00:00+00:00"),
        ("2026-08-03T10:00:00.123-0500", "2026-08-03T10:00:00.123-05:00"),
        ("2026-08-03T10:00:00+05:30", "2026-08-03T10:00:00+05:30"),
        ("2026-08-03", "2026-08-03T00:00:00+00:00"),
        ("Aug 3, 2026", "2026-08-03T00:00:00+00:00"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "cell", "value"), [(kind, *pair) for kind, pairs in VALUES.items() for pair in pairs]
)
def test_cell_that_fits_becomes_its_value(kind, cell, value):
    assert converter(kind)(cell) == value


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("5.000000000000000000", "5.000000000000000000"),
        ("6.2235221489978456e-06", "6.2235221489978456e-06"),
        ("0." + "1" * 60, "0." + "1" * 60),
        ("1E+400", "1E+400"),
        ("-0", "-0"),
        ("+5", "5"),
        (".5", "0.5"),
        ("-.5e3", "-0.5e3"),
        ("1.", "1"),
        ("007", "7"),
        ("1,234.50", "1234.50"),
        ("$1,234", "1234"),
        ("1,234,567", "1234567"),
        ("1\u00a0234\u00a0567.5", "1234567.5"),
        ("1\u202f234", "1234"),
        ("1'234.50", "1234.50"),
        ("$0.125", "0.125"),
        ("5\u00a0€", "5"),
        ('="00123"', "123"),
        ("-$5", "-5"),
        ("5 €", "5"),
        ("44%", "44"),
        (5, "5"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_number_keeps_every_digit_as_json(cell, text):
    number = converter(Kind.NUMBER)(cell)
    assert str(number) == text
    assert json.loads(text, parse_float=Decimal) == number


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_number_is_copied_with_its_text(copied):
    assert str(copied(Number("5.00e-07"))) == "5.00e-07"


MISFITS = {
    Kind.INTEGER: [
        *("0,125", "1.5", "a", "(5)", "1_000", "12,34", "\uff11\uff12", True),
        *("1e9999", "9" * 5000, Number("1E+9999")),
    ],
    Kind.NUMBER: [
        *("0,125", "1,25", "1,2,3", "1,2345", "01,250", "1.250,5", "1 250", "1,250'000"),
        *("NaN", "Infinity", "(5)", "1_000", "-$-5", "1.2.3", "-", ".", True),
    ],
    Kind.BOOLEAN: ["2", "maybe", Decimal("0.5")],
    Kind.DATE: ["2025-1-5", "2026-02-30", "03/08/2026", "Foo 3, 2026", "2026-13", "2026-08-03T25:00", True],
    Kind.DATE_TIME: ["2026-08-03T10:00:61Z", "2026-08-03T10:00:00+25:00", "10:00", "2026-8-3 10:00", 5],
}


@pytest.mark.parametrize(
    ("kind", "cell"), [(kind, cell) for kind, cells in MISFITS.items() for cell in cells]
)
def test_cell_that_does_not_fit_is_refused(kind, cell):
    with pytest.raises(ValueError, match=r"."):
        converter(kind)(cell)


@pytest.mark.parametrize("kind", Kind)
def test_empty_cell_is_null(kind):
    convert = converter(kind)
    assert convert(None) is None
    assert convert("") is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.STRING])
def test_cell_of_spaces_is_null_but_in_text(kind):
    assert converter(kind)("  ") is None
    assert converter(Kind.STRING)("  ") == "  "


def test_instant_without_offset_takes_the_zone_of_its_season():
    convert = converter(Kind.DATE_TIME, zoneinfo.ZoneInfo("America/New_York"))
    assert convert("2026-01-03 10:00:00") == "2026-01-03T10:00:00-05:00"
    assert convert("2026-08-03") == "2026-08-03T00:00:00-04:00"
    assert convert("2026-08-03T10:00:00Z") == "2026-08-03T10:00:00+00:00"


def test_instant_before_time_zones_is_written_in_utc():
    convert = converter(Kind.DATE_TIME, zoneinfo.ZoneInfo("America/New_York"))
    assert convert("1850-01-01") == "1850-01-01T04:56:02+00:00"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_survives_as_text(value):
    if abs(value.adjusted()) < 900:
        assert Decimal(str(converter(Kind.NUMBER)(str(value)))) == value


@given(st.integers())
def test_any_integer_survives(value):
    assert converter(Kind.INTEGER)(f"{value:,}") == value


@given(st.dates(min_value=dt.date(1000, 1, 1)))
def test_any_day_survives(value):
    assert converter(Kind.DATE)(f"{value:%b} {value.day}, {value.year}") == value.isoformat()


@pytest.mark.parametrize(
    ("notation", "cell", "text"),
    [
        (Notation(decimal_separator=","), "1.234,50", "1234.50"),
        (Notation(decimal_separator=","), "0,125", "0.125"),
        (Notation(decimal_separator=","), "1,250", "1.250"),
        (Notation(decimal_separator=","), "1.250", "1250"),
        (Notation(decimal_separator=","), "1 234 567,8 €", "1234567.8"),
        (Notation(decimal_separator=","), "-,5", "-0.5"),
        (Notation(decimal_separator=","), Decimal("1.250"), "1.250"),
        (Notation(decimal_separator=","), "1.25", None),
        (Notation(decimal_separator=","), "0.125", None),
        (Notation(decimal_separator=","), "1,250.5", None),
        (Notation(decimal_separator="."), "1,250", "1250"),
        (Notation(decimal_separator="."), "0,125", None),
        (Notation(decimal_separator=".", takes_lone_comma=False), "1,250", "1250"),
        (Notation(takes_lone_comma=False), "1,250", None),
        (Notation(takes_lone_comma=False), "$1,250", None),
        (Notation(takes_lone_comma=False), "1,250.", "1250"),
        (Notation(takes_lone_comma=False), "1,250.75", "1250.75"),
        (Notation(takes_lone_comma=False), "1,250,000", "1250000"),
        (Notation(takes_lone_comma=False), "1.250", "1.250"),
    ],
)
def test_a_comma_is_what_the_notation_says_or_nothing_else_can_be(notation, cell, text):
    if text is None:
        with pytest.raises(ValueError, match="not a number"):
            converter(Kind.NUMBER, notation=notation)(cell)
    else:
        assert str(converter(Kind.NUMBER, notation=notation)(cell)) == text


@pytest.mark.parametrize("kind", Kind)
def test_words_that_mean_null_are_null_in_every_column(kind):
    convert = converter(kind, notation=Notation(null_words=frozenset({"N/A", "-"})))
    assert [convert(cell) for cell in ("N/A", " - ", "")] == [None, None, None]
    assert converter(Kind.STRING)("N/A") == "N/A"
    assert number_text(" N/A", Notation(null_words=frozenset({"N/A"}))) is None


US, EUROPEAN, YEAR_DAY = "MM/DD/YYYY h:mm A", "DD.MM.YYYY", "YYYY-DD-MM"


@pytest.mark.parametrize(
    ("date_format", "cell", "date", "instant"),
    [
        (US, "08/03/2026 4:05 PM", "2026-08-03", "2026-08-03T16:05:00-04:00"),
        (US, "8/3/2026 12:05 am", "2026-08-03", "2026-08-03T00:05:00-04:00"),
        (US, "2026-08-03T10:00:00Z", "2026-08-03", "2026-08-03T10:00:00+00:00"),
        (US, "13/13/2026 4:05 PM", None, None),
        (US, "08/03/2026", None, None),
        (EUROPEAN, "03.08.2026", "2026-08-03", "2026-08-03T00:00:00-04:00"),
        (EUROPEAN, "31.02.2026", None, None),
        (EUROPEAN, "03.08.26", None, None),
        ("ddd, D MMM YYYY", "Mon, 03 Aug 2026", "2026-08-03", "2026-08-03T00:00:00-04:00"),
        ("ddd, D MMM YYYY", "Tue, 03 Aug 2026", None, None),
        ("ddd D MMM YYYY HH:mm Z", "Mon 03 Aug 2026 01:00 +0900", "2026-08-03", "2026-08-03T01:00:00+09:00"),
        ("ddd D MMM YYYY HH:mm Z", "Tue 03 Aug 2026 01:00 +0900", None, None),
        (YEAR_DAY, "2026-03-08", "2026-08-03", "2026-08-03T00:00:00-04:00"),
        (YEAR_DAY, "2026-08-13", None, None),
        ("YYYY-MM-DD HH:mm ZZ", "2026-08-03 01:00 +0900", "2026-08-03", "2026-08-03T01:00:00+09:00"),
        ("D.M.YYYY H:mm:ss.SSS", "3.8.2026 1:02:03.050", "2026-08-03", "2026-08-03T01:02:03.050000-04:00"),
        ("D.M.YYYY H:mm:ss.SSS", "3.8.2026 1:02:03.5", None, None),  # pendulum takes it for 5 ms
    ],
)
def test_dates_are_read_by_the_users_format(date_format, cell, date, instant):
    notation = Notation(date_format=date_format)
    for kind, value in ((Kind.DATE, date), (Kind.DATE_TIME, instant)):
        convert = converter(kind, zoneinfo.ZoneInfo("America/New_York"), notation)
        if value is None:
            with pytest.raises(ValueError, match=r"."):
                convert(cell)
        else:
            assert convert(cell) == value


@pytest.mark.parametrize(
    ("kind", "cell", "setting"),
    [
        (Kind.NUMBER, "0,125", "file.decimal_separator"),
        (Kind.INTEGER, "1.250", "file.decimal_separator"),
        (Kind.NUMBER, "1,250", "file.decimal_separator"),
        (Kind.INTEGER, "1.250,0", "file.decimal_separator"),
        (Kind.INTEGER, "1.5", "Correct the column's type"),
        (Kind.INTEGER, "44.5%", "Correct the column's type"),
        (Kind.INTEGER, "0,125", "Correct the column's type"),
        (Kind.DATE, "03/08/2026", "file.date_format"),
        (Kind.NUMBER, "n/a", "file.null_words"),
        (Kind.NUMBER, True, '"columns"'),
        (Kind.STRING, None, "file.footer_rows"),
    ],
)
def test_what_does_not_fit_names_the_setting_that_helps(kind, cell, setting):
    assert setting in remedy(kind, cell)
    assert '"invalid_values": "null"' in remedy(kind, cell)


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.NUMBER])
@pytest.mark.parametrize("cell", ["8/3/2026 4:05 PM", "6 4", "1,2,3", "10.0.0.1", "3.5 h"])
def test_a_decimal_separator_is_advised_only_where_it_would_help(kind, cell):
    assert remedy(kind, cell).startswith("Correct the column's type")
