"""The column path of JSON writes what its row path writes, byte for byte."""

from __future__ import annotations

import json

import pytest
from emitting import assert_same, by_block, plan_of, table_of
from hypothesis import given
from hypothesis import strategies as st
from test_parquet import assert_same as assert_same_in_parquet

from tap_reports.files import json_rows
from tap_reports.files.json_rows import JsonTable
from tap_reports.models import FileFormat, Kind

pytestmark = pytest.mark.usefixtures("both_ways")

FILL = [{"a": f"2026-01-{day:02}", "b": day} for day in range(1, 29)]

VALUES = {
    "texts": ["x", "", " ", "null", "é😀", "},{", ',"b":', "\x7f\u2028"],
    "escapes": ['"', "\\", "\n\r\t", "\b\f\x01", "/", "\\u0041"],
    "numbers": [0, -1, 10**18, 10**30, 1.5, -0.25, 1e300],
    "booleans": [True, False, None, "yes", "T", 0, 1, 1.0, -0.0],
    "days": ["2026-01-01", "2026-1-1", "20260101", "Aug 3, 2026", "2024-02-29", 20260101],
    "no such days": ["2026-02-30"],
    "instants": ["2026-08-03T10:00:00Z", "2026-08-03 10:00:00", "2026-08-03T10:00:00.5-05:00"],
    "numbers in texts": ["1", " 2 ", "1,234.5", "007", "$3", "4%"],
    "nested": [{"a": "2026-01-01", "b": 1.50}, [], [1, {"b": None}]],
    "all": ["x", 1, 2.5, True, None, "", "2026-01-01", {}],
}


def texts_of(values):
    rows = [{"a": "2026-01-01", "b": value} for value in values]
    return {
        "compact": json.dumps([*FILL, *rows, *FILL], separators=(",", ":"), ensure_ascii=False),
        "escaped and pretty": json.dumps([*FILL, *rows, *FILL], indent=1),
        "lines": "\n".join(map(json.dumps, [*FILL, *rows, *FILL])),
        "alone": json.dumps(rows * 4),
        "a key less": json.dumps([*FILL, {"a": "2026-01-01"}, *rows]),
        "a key more": json.dumps([*FILL, *({**row, "c": 1} for row in rows), *FILL]),
    }


@pytest.fixture(params=[48, 300])
def small(request, monkeypatch):
    monkeypatch.setattr(json_rows, "SIZE", request.param)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(("invalid", "size"), [("fail", 48), ("null", 300)])
def test_values_come_out_the_same(tmp_path, monkeypatch, values, invalid, size):
    monkeypatch.setattr(json_rows, "SIZE", size)
    for text in texts_of(values).values():
        table = table_of(tmp_path, text, "report.json", FileFormat.JSON)
        for kind in Kind:
            kinds = [Kind.DATE, kind, Kind.INTEGER][: len(table.header)]
            assert_same(table, plan_of(table.header, kinds, invalid_values=invalid))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "number",
    ["1.50", "-0", "-0.0", "0.0000001", "6.2e-07", "1E5", "1e+5", "1.0", "1e3", "123456789012345678901"],
)
@pytest.mark.parametrize("kind", [Kind.NUMBER, Kind.INTEGER, Kind.STRING])
def test_numbers_come_out_as_they_are_written(tmp_path, monkeypatch, number, kind):
    monkeypatch.setattr(json_rows, "SIZE", 48)
    text = "[" + ",\n".join([f'{{"a":"2026-01-01","b":{number}}}'] * 20) + "]"
    table = table_of(tmp_path, text, "report.json", FileFormat.JSON)
    assert isinstance(table, JsonTable)
    plan = plan_of(table.header, [Kind.DATE, kind], invalid_values="null")
    assert_same(table, plan)
    if kind is Kind.NUMBER and number != "-0":
        assert f'"b":{number},'.encode() in by_block(table, plan)[0]


CLOSES = ["", " ", "    ", "\n", " \n\t"]


@pytest.mark.parametrize("is_lines", [False, True], ids=["array", "lines"])
@pytest.mark.parametrize("at", ["last", "first", "every third"])
@pytest.mark.parametrize("size", [40, 90, 1 << 21])
def test_numbers_are_whole_however_their_objects_close(tmp_path, monkeypatch, is_lines, at, size):
    monkeypatch.setattr(json_rows, "SIZE", size)
    rows = range(12)
    others = {"last": {11}, "first": {0}, "every third": set(rows[::3])}[at]
    for usual in CLOSES[: 3 if is_lines else None]:
        for other in CLOSES[: 3 if is_lines else None]:
            objects = [
                f'{{"a":"2026-01-01","b":{987654 + row}{other if row in others else usual}}}' for row in rows
            ]
            text = "\n".join(objects) if is_lines else f"[{','.join(objects)}]"
            table = table_of(tmp_path, text, "report.json", FileFormat.JSON)
            plan = plan_of(table.header, [Kind.DATE, Kind.NUMBER])
            assert_same(table, plan)
            assert_same_in_parquet(table, plan, tmp_path, monkeypatch)
            lines = by_block(table, plan)[0]
            assert all(f'"b":{987654 + row},'.encode() in lines for row in rows)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["2026-01-01", "2026-08-03T10:00:00Z", "1.5", "x"]),
    st.text(st.sampled_from('a",:{}\\\n é'), max_size=6),
)


@given(
    rows=st.lists(st.fixed_dictionaries({"a": SCALARS, "b": SCALARS}), min_size=2, max_size=14),
    kinds=st.lists(st.sampled_from(Kind), min_size=2, max_size=2),
    invalid=st.sampled_from(["fail", "null"]),
    ascii_=st.booleans(),
    size=st.integers(16, 150),
)
def test_any_objects_come_out_the_same(tmp_path, monkeypatch, rows, kinds, invalid, ascii_, size):
    monkeypatch.setattr(json_rows, "SIZE", size)
    text = json.dumps(rows, ensure_ascii=ascii_)
    table = table_of(tmp_path, text, "report.json", FileFormat.JSON)
    plan = plan_of(table.header, kinds, invalid_values=invalid)
    assert_same(table, plan)
    assert_same_in_parquet(table, plan, tmp_path, monkeypatch)
