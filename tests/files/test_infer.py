"""Kinds inferred from rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.files.cells import converter, infer
from tap_reports.files.numbers import Number
from tap_reports.files.table import Notation
from tap_reports.models import Kind


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([True, None, False], Kind.BOOLEAN),
        ([1, 2], Kind.NUMBER),
        ([1, Number("2.5")], Kind.NUMBER),
        ([1, True], Kind.STRING),
        ([1, "x"], Kind.STRING),
        ([1, "2"], Kind.STRING),
        ([None, None], Kind.STRING),
        ([], Kind.STRING),
        (["2024-01-02", None, "2024-02-29"], Kind.DATE),
        (["2024-01-02", "2024-02-30"], Kind.STRING),
        (["2024-1-2"], Kind.STRING),
        (["2024-09"], Kind.STRING),
        (["2024-01-02T03:04:05Z", "2024-01-02 03:04"], Kind.DATE_TIME),
        (["2024-01-02T03:04:05.123-05:00"], Kind.DATE_TIME),
        (["2024-01-02T25:04:05Z"], Kind.STRING),
        (["2024-01-02", "2024-01-02T03:04:05Z"], Kind.STRING),
        (["1", "-2.50", "1.5e5", "0"], Kind.NUMBER),
        (["12E4", "1001", "7E3"], Kind.STRING),
        (["1e5"], Kind.STRING),
        (["+4915112345678"], Kind.STRING),
        (["007"], Kind.STRING),
        (["1", "007"], Kind.STRING),
        (["+5"], Kind.STRING),
        ([" 5"], Kind.NUMBER),
        (['="00123"'], Kind.STRING),
        ([".5"], Kind.STRING),
        (["44%"], Kind.STRING),
        (["1,234"], Kind.STRING),
        (["$5"], Kind.STRING),
        (["NaN"], Kind.STRING),
        (["true"], Kind.STRING),
        (["٣"], Kind.STRING),
        (["1", "x", "2"], Kind.STRING),
    ],
)
def test_kinds(cells, kind):
    assert infer(([cell] for cell in cells), 1) == [kind]


def test_numbers_written_as_text_in_typed_formats_stay_text():
    assert infer([["1", "2024-01-02", 3]], 3, numbers_in_text=False) == [Kind.STRING, Kind.DATE, Kind.NUMBER]


@pytest.mark.parametrize(
    ("commas", "points", "kind"),
    [
        ("1.234,50", ["1.200", "-12.345", "950"], Kind.STRING),
        ("987,0", ["1.200"], Kind.STRING),
        ("987,0", ["1.200", "2.5"], Kind.NUMBER),
        ("987,0", ["0.125"], Kind.NUMBER),
        ("1,250", ["1.200"], Kind.NUMBER),
        ("a, b", ["1.200"], Kind.NUMBER),
    ],
)
def test_points_may_separate_thousands_where_another_column_has_decimal_commas(commas, points, kind):
    rows = [[commas, point] for point in points]
    assert infer(rows, 2) == [Kind.STRING, kind]
    assert infer(rows, 2, notation=Notation(decimal_separator=".")) == [Kind.STRING, Kind.NUMBER]


def test_columns_are_judged_apart():
    assert infer([["x", 1, None], [None, 2, None]], 3) == [Kind.STRING, Kind.NUMBER, Kind.STRING]


@given(
    st.lists(
        st.sampled_from(
            ["2024-01-02", "2024-01-02T03:04:05Z", "1", "2.5", "x", None, 5, True, Number("0.1")]
        ),
        max_size=6,
    )
)
def test_every_cell_fits_the_kind_inferred_from_it(cells):
    (kind,) = infer(([cell] for cell in cells), 1)
    convert = converter(kind)
    assert [convert(cell) is None for cell in cells] == [cell is None for cell in cells]


@pytest.mark.parametrize(
    ("notation", "cells", "kind"),
    [
        (Notation(decimal_separator=","), ["1,5", "2", "-0,25"], Kind.NUMBER),
        (Notation(decimal_separator=","), ["1.5"], Kind.STRING),
        (Notation(null_words=frozenset({"N/A"})), ["1", " N/A "], Kind.NUMBER),
        (Notation(date_format="DD.MM.YYYY"), ["03.08.2026", "2026-08-03"], Kind.DATE),
        (Notation(date_format="DD.MM.YYYY"), ["31.02.2026"], Kind.STRING),
        (Notation(date_format="MM/DD/YYYY h:mm A"), ["08/03/2026 4:05 PM"], Kind.DATE_TIME),
    ],
)
def test_the_users_notation_is_inferred_by(notation, cells, kind):
    assert infer(([cell] for cell in cells), 1, notation=notation) == [kind]
    convert = converter(kind, notation=notation)
    assert [convert(cell) for cell in cells]
